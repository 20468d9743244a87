"""Gates that hold one figure of their evidence against one threshold of its policy."""

from __future__ import annotations

import math
from typing import ClassVar, Protocol

from engine.gates.base import Gate, GateResult, GateViolation
from engine.gates.threshold import Bound


class Judged(Protocol):
    """Evidence with the policy it is judged by; `where` names it in violations."""

    @property
    def where(self) -> str:
        """What is judged, as "trend_pullback on BTCUSDT 15m"."""

    @property
    def policy(self) -> object:
        """What has a threshold by the name of each gate."""


class FigureGate[Evidence: Judged](Gate[Evidence]):
    """Compares one figure of the evidence with its threshold; what is not defined never passes.

    A figure that is None does not apply to this evidence, and passes.
    """

    figure: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str] = ""
    bound: ClassVar[Bound] = Bound.AT_LEAST
    remedy: ClassVar[str]

    def threshold(self, evidence: Evidence) -> float:
        """Return what the figure is held against."""
        return float(getattr(evidence.policy, self.name))

    def observed(self, evidence: Evidence) -> float | None:
        """Return the figure."""
        value: float | None = getattr(evidence, self.figure)
        return value

    def run(self, evidence: Evidence) -> GateResult:
        """Return the verdict on the evidence."""
        observed, threshold = self.observed(evidence), self.threshold(evidence)
        if observed is None:
            return GateResult(self.name, self.checks, self.severity, f"{self.title}: does not apply")
        good = observed >= threshold if self.bound is Bound.AT_LEAST else observed <= threshold
        shown = f"{observed:.3g}{self.unit}" if math.isfinite(observed) else "not defined"
        limit = f"{threshold:.3g}{self.unit}"
        violation = GateViolation(
            where=evidence.where,
            what=f"{self.title} is {shown}, {self.name} asks for {self.bound.value} {limit}",
            how_much=f"{abs(observed - threshold):.3g}{self.unit} away"
            if math.isfinite(observed)
            else "nothing was shown",
            remedy=self.remedy,
        )
        return GateResult(
            gate=self.name,
            checks=self.checks,
            severity=self.severity,
            summary=f"{self.title} {shown} ({self.bound.value} {limit})",
            violations=() if good else (violation,),
            observed=observed if math.isfinite(observed) else None,
            threshold=threshold,
        )
