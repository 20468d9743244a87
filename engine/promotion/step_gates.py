"""Gates on a step from one stage to another, whatever the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import GateRefused
from engine.gates.base import Gate, GateResult, GateViolation
from engine.promotion.policy import Stage
from engine.promotion.stages import LADDER, Standing, stage_before
from engine.promotion.validation import ValidationSettings

_HOW = {
    Stage.BACKTESTED: "backtest it: trade run CARD, or trade promote CARD",
    Stage.VALIDATED: "validate it: trade promote CARD --stage validated",
    Stage.SHADOW: "run it in shadow, then: trade promote CARD --stage shadow",
}


@dataclass(frozen=True)
class Step:
    """A stage that is asked for, and what stands.

    Attributes
    ----------
    where : str
        The card and its symbol, for violations.
    stage : Stage
    stands : Standing
    decided_by, reason : str
        Of a step that a person takes; else empty.
    """

    where: str
    stage: Stage
    stands: Standing
    decided_by: str = ""
    reason: str = ""


class StageBeforeGate(Gate[Step]):
    """Refuse to skip a stage."""

    name = "stage_before"
    checks = "The card holds the stage before, as the same system."

    def run(self, evidence: Step) -> GateResult:
        """Return the verdict."""
        stands, wanted = evidence.stands, stage_before(evidence.stage)
        found: tuple[GateViolation, ...] = ()
        if evidence.stage is Stage.CANDIDATE and stands.stage is not Stage.RETIRED:
            found = (_violation(evidence, "only a retired card is taken back", "nothing has to be done"),)
        elif evidence.stage is Stage.RETIRED and stands.stage is Stage.RETIRED:
            found = (_violation(evidence, "the card is retired already", "nothing has to be done"),)
        elif wanted and stands.stage is Stage.RETIRED:
            remedy = "take it back first: trade promote CARD --stage candidate --reason WHY"
            found = (_violation(evidence, "the card is retired", remedy),)
        elif wanted and not stands.holds(wanted):
            found = (_violation(evidence, f"{evidence.stage} needs {wanted}", _HOW[wanted]),)
        return GateResult(self.name, self.checks, self.severity, f"Stands at {stands.stage}", found)


class NothingRefusedGate(Gate[Step]):
    """Refuse to go up on a stage whose newest evidence was refused."""

    name = "nothing_refused"
    checks = "The newest evidence for each stage below was not refused."

    def run(self, evidence: Step) -> GateResult:
        """Return the verdict, with each refusal that stands."""
        stages = LADDER[: LADDER.index(evidence.stage)] if evidence.stage in LADDER else ()
        below = [entry for entry in evidence.stands.refusals if entry.decision.stage in stages]
        found = tuple(
            GateViolation(
                where=evidence.where,
                what=f"the newest evidence for {entry.decision.stage} was refused",
                how_much=f"by {entry.decision.refused_by}, row {entry.sequence} of the ledger",
                remedy="see trade why CARD; show the stage again with evidence that passes",
            )
            for entry in below
        )
        named = ", ".join(entry.decision.stage for entry in below)
        return GateResult(
            self.name, self.checks, self.severity, f"Refused since: {named or 'nothing'}", found
        )


class PersonGate(Gate[Step]):
    """Refuse what nobody answers for."""

    name = "a_person_decides"
    checks = "Somebody decides, and says why."

    def run(self, evidence: Step) -> GateResult:
        """Return the verdict."""
        missing = [
            (name, option)
            for name, said, option in (
                ("who decides", evidence.decided_by, "--by NAME"),
                ("why", evidence.reason, "--reason WHY"),
            )
            if not said.strip()
        ]
        found = tuple(
            _violation(evidence, f"{name} is not said", f"add {option}") for name, option in missing
        )
        return GateResult(
            self.name, self.checks, self.severity, f"{evidence.decided_by}: {evidence.reason}", found
        )


@dataclass(frozen=True)
class Gathered:
    """How much evidence was gathered, and how much has to be, for the gate below."""

    where: str
    settings: ValidationSettings
    least: ValidationSettings = field(default_factory=ValidationSettings)


class WholeEvidenceGate(Gate[Gathered]):
    """Refuse evidence that was cut short, or chosen among several tries.

    Fewer sets flatter the deflated Sharpe ratio, few windows and paths show little, and with another seed
    what hardly fails may hardly pass.
    """

    name = "whole_evidence"
    checks = "The evidence was gathered in full and in the way that is fixed: windows, sets, paths, seed."

    def run(self, evidence: Gathered) -> GateResult:
        """Return the verdict, with each setting that gives less, or another, than what is asked for."""
        given, least = vars(evidence.settings), vars(evidence.least)
        found = tuple(
            GateViolation(
                where=evidence.where,
                what=f"{name} is {given[name]}, asked for is {'at least ' if grows else ''}{least[name]}",
                how_much="a part of the evidence" if grows else "other evidence",
                remedy=f"leave the setting of {name} out when the card is to be promoted",
            )
            for name in given
            for grows in [name in _GROWS]
            if (given[name] < least[name] if grows else given[name] != least[name])
        )
        short = ", ".join(name for name in given if given[name] != least[name])
        return GateResult(
            self.name,
            self.checks,
            self.severity,
            f"Not as shipped: {short}" if short else "As shipped",
            found,
        )


# More of these is more evidence.
_GROWS = ("windows", "most_sets", "paths", "random_entries")


def _violation(step: Step, what: str, remedy: str) -> GateViolation:
    return GateViolation(step.where, what, f"it stands at {step.stands.stage}", remedy)


EVIDENCE_STEP_GATES: tuple[Gate[Step], ...] = (StageBeforeGate(), NothingRefusedGate())
PERSON_STEP_GATES: tuple[Gate[Step], ...] = (*EVIDENCE_STEP_GATES, PersonGate())


def refuse_early(step: Step) -> None:
    """Refuse a step that no evidence can take, before any is gathered.

    Raises
    ------
    GateRefused
        With the first violation of the gates on steps, and its remedy.
    """
    for gate in EVIDENCE_STEP_GATES:
        for violation in gate.run(step).violations:
            raise GateRefused(
                f"{violation.where}: {violation.what} ({violation.how_much})", way_out=violation.remedy
            )
