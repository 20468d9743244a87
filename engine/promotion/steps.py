"""The steps above a backtest: from evidence, or from a person, to the decision on a stage.

Pure: the same evidence, over the same rows of the ledger, gives the same decision to the byte. Each is judged
by the gates of its evidence and by those on the step itself (`engine.promotion.step_gates`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import GateRefused
from engine.gates.base import Gate, GateResult
from engine.gates.shadow import SHADOW_GATES, ShadowEvidence, ShadowJudged
from engine.hashing import hash_of
from engine.idea_card.card import IdeaCard
from engine.idea_card.semantics import ENGINE_SEMANTICS_VERSION
from engine.promotion.policy import PromotionDecision, Stage, Verdict
from engine.promotion.stages import Standing, stage_before
from engine.promotion.step_gates import (
    EVIDENCE_STEP_GATES,
    PERSON_STEP_GATES,
    Gathered,
    Step,
    WholeEvidenceGate,
)
from engine.promotion.validation import Validation, ValidationSettings
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class Subject:
    """What is decided on: a card, as it stands, on one symbol."""

    card: IdeaCard
    symbol: str
    system_hash: str

    @classmethod
    def of(cls, card: IdeaCard, symbol: str) -> Subject:
        """Return the subject of a card, with the system hash worked out."""
        return cls(card, symbol, card.system_hash())

    @property
    def timeframe(self) -> Timeframe:
        """The exec timeframe."""
        return self.card.timeframes.exec

    @property
    def where(self) -> str:
        """How violations name it."""
        return f"{self.card.id} on {self.symbol} {self.timeframe}"


def decide_validated(
    subject: Subject,
    found: Validation,
    stands: Standing,
    *,
    settings: ValidationSettings,
    data_fingerprint: str,
    decided_at_ms: int,
    least: ValidationSettings | None = None,
) -> PromotionDecision:
    """Decide whether a card counts as validated.

    Parameters
    ----------
    subject : Subject
    found : Validation
        Judged by `subject.card.promotion.validation`.
    stands : Standing
    settings : ValidationSettings
        What it was gathered with. With the system, the data and the number of trials they name the run.
    data_fingerprint : str
        Of the history it was gathered over.
    decided_at_ms : int
    least : ValidationSettings, optional
        How much has to be gathered; as shipped if left out.
    """
    whole = WholeEvidenceGate().run(Gathered(subject.where, settings, least or ValidationSettings()))
    windows = found.walk_forward.windows
    evidence = {
        **vars(settings),
        "anchor": settings.anchor.value,
        "trials": found.trials,
        "start_ms": windows[0].split.inside_start_ms,
        "end_ms": windows[-1].split.outside_end_ms,
    }
    named = [subject.system_hash, data_fingerprint, str(ENGINE_SEMANTICS_VERSION), evidence]
    return _decided(
        subject,
        Stage.VALIDATED,
        stands,
        (whole, *found.gates),
        run_id=hash_of(named),
        data_fingerprint=data_fingerprint,
        engine_version=str(ENGINE_SEMANTICS_VERSION),
        evidence=evidence,
        decided_at_ms=decided_at_ms,
    )


def decide_shadow(
    subject: Subject, run: ShadowEvidence, stands: Standing, *, decided_at_ms: int
) -> PromotionDecision:
    """Decide whether a card has shown in shadow that what runs is what was tested.

    Raises
    ------
    GateRefused
        If the evidence is of another system than the card as it stands.
    """
    told = run.card_id, run.symbol, run.timeframe, run.system_hash
    if told != (subject.card.id, subject.symbol, subject.timeframe, subject.system_hash):
        raise GateRefused(
            f"the run in shadow is of {run.card_id} on {run.symbol} {run.timeframe}, system "
            f"{run.system_hash[:12]}; asked for is {subject.where}, system {subject.system_hash[:12]}",
            way_out="run the card in shadow as it is now",
        )
    judged = ShadowJudged(run, subject.card.promotion)
    return _decided(
        subject,
        Stage.SHADOW,
        stands,
        tuple(gate.run(judged) for gate in SHADOW_GATES),
        run_id=run.run_id,
        data_fingerprint=run.data_fingerprint,
        engine_version=run.engine_version,
        evidence=run.to_plain(),
        decided_at_ms=decided_at_ms,
    )


def decide_by_person(
    subject: Subject, stage: Stage, stands: Standing, *, decided_by: str, reason: str, decided_at_ms: int
) -> PromotionDecision:
    """Decide what a person asks for: live, retired, or a retired card taken back as a candidate.

    Live rests on the evidence of the stages below it, and carries run and data of the shadow run.

    Parameters
    ----------
    subject : Subject
    stage : Stage
        LIVE, RETIRED or CANDIDATE.
    stands : Standing
    decided_by, reason : str
        Who, and why.
    decided_at_ms : int
    """
    below = stage_before(stage)
    held = stands.held_by.get(below) if below else None
    return _decided(
        subject,
        stage,
        stands,
        (),
        step_gates=PERSON_STEP_GATES,
        run_id=held.decision.run_id if held else "",
        data_fingerprint=held.decision.data_fingerprint if held else "",
        engine_version=str(ENGINE_SEMANTICS_VERSION),
        evidence={},
        decided_at_ms=decided_at_ms,
        decided_by=decided_by,
        reason=reason,
    )


def _decided(
    subject: Subject,
    stage: Stage,
    stands: Standing,
    judged: Sequence[GateResult],
    *,
    step_gates: Sequence[Gate[Step]] = EVIDENCE_STEP_GATES,
    run_id: str,
    data_fingerprint: str,
    engine_version: str,
    evidence: Mapping[str, Any],
    decided_at_ms: int,
    decided_by: str = "",
    reason: str = "",
) -> PromotionDecision:
    step = Step(subject.where, stage, stands, decided_by, reason)
    gates = (*(gate.run(step) for gate in step_gates), *judged)
    refused_by = next((gate.gate for gate in gates if gate.blocks), None)
    below = stage_before(stage)
    held = stands.held_by.get(below) if below else None
    return PromotionDecision(
        card_id=subject.card.id,
        card_version=subject.card.version,
        system_hash=subject.system_hash,
        symbol=subject.symbol,
        timeframe=subject.timeframe,
        run_id=run_id,
        data_fingerprint=data_fingerprint,
        engine_version=engine_version,
        stage=stage,
        decision=Verdict.PROMOTED if refused_by is None else Verdict.REFUSED,
        gates=gates,
        refused_by=refused_by,
        decided_at_ms=decided_at_ms,
        evidence=evidence,
        follows=held.sequence if held else None,
        lowers=subject.card.promotion.lower_on_refusal,
        decided_by=decided_by,
        reason=reason,
    )
