"""The shape of a gate: what it checks, how severe a failure is, the check, and the remedy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, ClassVar, Self

from engine.errors import CorruptData


class Severity(Enum):
    """What a failure means. An error stops its subject; a warning is shown and recorded."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True)
class GateViolation:
    """One thing a gate found.

    Parameters
    ----------
    where : str
        The subject or the place in it: a run, a column, a bar.
    what : str
        What is wrong.
    how_much : str
        By how much, with the unit.
    remedy : str
        What its owner can do about it.
    """

    where: str
    what: str
    how_much: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.how_much}). {self.remedy}"


@dataclass(frozen=True)
class GateResult:
    """The verdict of one gate: passed when it found no violation.

    Parameters
    ----------
    gate : str
        Name of the gate.
    checks : str
        What it checks, one sentence.
    severity : Severity
        What a failure means.
    summary : str
        The finding in a few words, for tables, whether passed or not.
    violations : tuple of GateViolation
        What it found.
    observed, threshold : float, optional
        The number judged and its limit, of gates that compare one number. `observed` is None where the
        number is not defined.
    """

    gate: str
    checks: str
    severity: Severity
    summary: str
    violations: tuple[GateViolation, ...] = ()
    observed: float | None = None
    threshold: float | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.violations

    @property
    def blocks(self) -> bool:
        """Whether the subject may not go on."""
        return not self.passed and self.severity is Severity.ERROR

    def to_plain(self) -> dict[str, Any]:
        """Return plain data that JSON can hold; `from_plain` gives the result back."""
        return {
            "gate": self.gate,
            "checks": self.checks,
            "severity": self.severity.value,
            "passed": self.passed,
            "summary": self.summary,
            "observed": self.observed,
            "threshold": self.threshold,
            "violations": [asdict(violation) for violation in self.violations],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the result of a plain form.

        Raises
        ------
        CorruptData
            If it is not the plain form of a result, or its verdict is not that of its violations.
        """
        try:
            result = cls(
                gate=plain["gate"],
                checks=plain["checks"],
                severity=Severity(plain["severity"]),
                summary=plain["summary"],
                violations=tuple(GateViolation(**violation) for violation in plain["violations"]),
                observed=plain["observed"],
                threshold=plain["threshold"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptData(f"this is not the plain form of a gate result: {error!r}") from error
        if result.passed != plain["passed"]:
            raise CorruptData(f"gate {result.gate}: the verdict and the violations contradict each other")
        return result


class Gate[Evidence](ABC):
    """Judges one kind of evidence. Reads only; the same evidence always gets the same result."""

    name: ClassVar[str]
    checks: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR

    @abstractmethod
    def run(self, evidence: Evidence) -> GateResult:
        """Return the verdict on `evidence`."""

    def to_plain(self) -> dict[str, str]:
        """Return what the gate is, for listings."""
        return {"name": self.name, "checks": self.checks, "severity": self.severity.value}
