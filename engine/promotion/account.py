"""Why a card stands where it stands: the evidence for each stage, and what has changed since the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.gates.base import GateResult
from engine.promotion.ledger import LedgerEntry
from engine.promotion.policy import PromotionDecision, Stage
from engine.promotion.stages import LADDER, Standing, next_stage, standing
from engine.promotion.steps import Subject

_DIGITS = 12


@dataclass(frozen=True)
class StageAccount:
    """The newest decision on a stage, and how it differs from the one on that stage before it.

    Attributes
    ----------
    entry : LedgerEntry
    is_current : bool
        Whether it is of the card as it stands; else of an earlier system.
    changes : tuple of str
        Against the decision before it, whatever system that was of; empty for the first.
    """

    entry: LedgerEntry
    is_current: bool
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """Where a card stands on a symbol, why, and what it takes to go on.

    Attributes
    ----------
    stands : Standing
    stages : tuple of StageAccount
        In the order of the stages; those nothing was decided on are left out.
    notes : tuple of str
        What else explains the standing.
    next_step : str
        What to do.
    """

    stands: Standing
    stages: tuple[StageAccount, ...]
    notes: tuple[str, ...]
    next_step: str


def account(entries: Sequence[LedgerEntry], subject: Subject) -> Account:
    """Return the account of a card by the entries of the ledger, oldest first."""
    asked = subject.card.id, subject.symbol, subject.timeframe
    own = [entry for entry in entries if _series(entry.decision) == asked]
    stands = standing(own, *asked, subject.system_hash)
    stages = tuple(
        _stage_account(of_stage, subject.system_hash)
        for stage in (*LADDER, Stage.RETIRED)
        if (of_stage := [entry for entry in own if entry.decision.stage is stage])
    )
    return Account(stands, stages, tuple(_notes(own, stands, subject)), _next_step(stands, subject))


def changes_between(before: PromotionDecision, after: PromotionDecision) -> tuple[str, ...]:
    """Return what differs between two decisions on the same stage, each as a short sentence."""
    return tuple(_changes(before, after))


def _series(decision: PromotionDecision) -> tuple[object, ...]:
    return decision.card_id, decision.symbol, decision.timeframe


def _stage_account(of_stage: Sequence[LedgerEntry], system_hash: str) -> StageAccount:
    own = [entry for entry in of_stage if entry.decision.system_hash == system_hash]
    entry = (own or of_stage)[-1]
    before = [each for each in of_stage if each.sequence < entry.sequence]
    changes = changes_between(before[-1].decision, entry.decision) if before else ()
    return StageAccount(entry, bool(own), changes)


def _changes(before: PromotionDecision, after: PromotionDecision) -> Iterator[str]:
    if before.system_hash != after.system_hash:
        yield (
            f"another system: {before.card_version} {before.system_hash[:_DIGITS]} -> "
            f"{after.card_version} {after.system_hash[:_DIGITS]}"
        )
    if before.engine_version != after.engine_version:
        yield f"another version of the simulation: {before.engine_version} -> {after.engine_version}"
    if before.data_fingerprint != after.data_fingerprint:
        yield f"other data: {before.data_fingerprint[:_DIGITS]} -> {after.data_fingerprint[:_DIGITS]}"
    if (before.decision, before.refused_by) != (after.decision, after.refused_by):
        yield f"verdict: {_verdict(before)} -> {_verdict(after)}"
    earlier = {gate.gate: gate for gate in before.gates}
    for gate in after.gates:
        if gate.gate not in earlier:
            yield f"{gate.gate}: judged for the first time"
        elif change := _gate_change(earlier[gate.gate], gate):
            yield f"{gate.gate}: {change}"
    for name in sorted(earlier.keys() - {gate.gate for gate in after.gates}):
        yield f"{name}: not judged any more"
    for name in sorted(before.evidence.keys() & after.evidence.keys()):
        if before.evidence[name] != after.evidence[name]:
            yield f"evidence, {name}: {before.evidence[name]} -> {after.evidence[name]}"


def _verdict(decision: PromotionDecision) -> str:
    return f"refused by {decision.refused_by}" if decision.refused_by else decision.decision.value


def _gate_change(before: GateResult, after: GateResult) -> str:
    said = []
    if before.passed != after.passed:
        said.append("passed -> refused" if before.passed else "refused -> passed")
    if before.observed != after.observed:
        said.append(f"value {_shown(before.observed)} -> {_shown(after.observed)}")
    if before.threshold != after.threshold:
        said.append(f"threshold {_shown(before.threshold)} -> {_shown(after.threshold)}")
    return ", ".join(said)


def _shown(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.6g}"


def _notes(own: Sequence[LedgerEntry], stands: Standing, subject: Subject) -> Iterator[str]:
    if not own:
        yield "Nothing has been decided on it yet."
        return
    newest = own[-1].decision
    if newest.system_hash != subject.system_hash:
        yield (
            f"The card has changed: row {own[-1].sequence} is of system {newest.system_hash[:_DIGITS]} "
            f"({newest.card_version}), the card now is {subject.system_hash[:_DIGITS]} "
            f"({subject.card.version}). What an earlier system has shown does not count."
        )
    for entry in stands.refusals:
        decision = entry.decision
        yield (
            f"The newest evidence for {decision.stage} (row {entry.sequence}) was refused by "
            f"{decision.refused_by}. The card keeps what it holds, and goes no further until that passes."
        )
    if stands.stage is Stage.RETIRED:
        reason = stands.moves[-1].decision
        yield f"Retired by {reason.decided_by}: {reason.reason}"
    elif stands.moves and not stands.moves[-1].decision.promoted:
        fallen = stands.moves[-1]
        yield (
            f"Lowered by row {fallen.sequence}: {fallen.decision.stage} was refused by "
            f"{fallen.decision.refused_by}, and the card says lower_on_refusal."
        )


def _next_step(stands: Standing, subject: Subject) -> str:
    card, symbol = subject.card.id, subject.symbol
    promote = f"trade promote {card} --symbol {symbol}"
    if stands.stage is Stage.RETIRED:
        return f"{promote} --stage candidate --reason WHY takes it back"
    if stands.refusals:
        again = stands.refusals[0].decision.stage
        return f"show {again} again: {promote} --stage {again}"
    match next_stage(stands.stage):
        case None:
            return f"it is live; {promote} --stage retired --reason WHY stops that"
        case Stage.LIVE:
            return f"a person decides: {promote} --stage live --reason WHY"
        case Stage.SHADOW:
            return f"run it in shadow, then {promote}"
        case _:
            return promote
