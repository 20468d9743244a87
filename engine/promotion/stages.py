"""How far a card has come: the stages, and the rules of moving between them.

A card stands at a stage on one symbol and timeframe, as one system hash. The rules, each with a test of its
name in `tests/engine/promotion/test_promotion_stages.py`:

1. It begins as a candidate, and so does a card whose system hash has changed: what was shown was shown by
   another system. A card that goes back to an earlier hash finds what that system has shown.
2. Up goes one stage at a time. Evidence for a stage whose stage before is not held is refused, and a row
   that skips one all the same moves nothing.
3. Refused evidence does not lower what stands: a backtest is decided again at every candle, and a figure
   near its threshold would switch a strategy on and off. It does stop the way up, until newer evidence for
   the same stage passes.
4. A card may ask for the other rule (`promotion.lower_on_refusal`): it then falls to the stage before the
   refused one, and has to show again everything above it.
5. A person retires it from any stage. A retired system stays so whatever is shown, until a person takes it
   back as a candidate; then everything has to be shown again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.promotion.ledger import LedgerEntry, PromotionLedger
from engine.promotion.policy import PromotionDecision, Stage
from engine.timeframes import Timeframe

LADDER = (Stage.CANDIDATE, Stage.BACKTESTED, Stage.VALIDATED, Stage.SHADOW, Stage.LIVE)
_RESTARTS = (Stage.CANDIDATE, Stage.RETIRED)


@dataclass(frozen=True)
class Standing:
    """Where a card stands, and on what.

    Attributes
    ----------
    stage : Stage
    newest : mapping of Stage to LedgerEntry
        The newest evidence for each stage since the card was last taken back or retired, refused or not.
    held_by : mapping of Stage to LedgerEntry
        The entry that reached each stage held; the way up to `stage` rests on these.
    moves : tuple of LedgerEntry
        The entries that changed the stage, oldest first.
    """

    stage: Stage = Stage.CANDIDATE
    newest: Mapping[Stage, LedgerEntry] = field(default_factory=dict)
    held_by: Mapping[Stage, LedgerEntry] = field(default_factory=dict)
    moves: tuple[LedgerEntry, ...] = ()

    def holds(self, stage: Stage) -> bool:
        """Whether the card stands at `stage` or further up; a retired one holds nothing but that."""
        if Stage.RETIRED in (self.stage, stage):
            return self.stage is stage
        return LADDER.index(self.stage) >= LADDER.index(stage)

    @property
    def refusals(self) -> tuple[LedgerEntry, ...]:
        """The newest evidence for each stage held where that is a refusal, in the order of the stages."""
        return tuple(
            self.newest[stage]
            for stage in LADDER
            if self.holds(stage) and stage in self.newest and not self.newest[stage].decision.promoted
        )

    def after(self, entry: LedgerEntry) -> Standing:
        """Return the standing once `entry` is in the ledger."""
        decision = entry.decision
        stage, held_by = self._moved(entry)
        kept = {} if decision.promoted and decision.stage in _RESTARTS else self.newest
        return Standing(
            stage=stage,
            newest={**kept, decision.stage: entry},
            held_by=held_by,
            moves=self.moves if stage is self.stage else (*self.moves, entry),
        )

    def _moved(self, entry: LedgerEntry) -> tuple[Stage, Mapping[Stage, LedgerEntry]]:
        decision = entry.decision
        if decision.stage in _RESTARTS:
            return (decision.stage, {}) if decision.promoted else (self.stage, self.held_by)
        if self.stage is Stage.RETIRED:
            return self.stage, self.held_by
        here, there = LADDER.index(self.stage), LADDER.index(decision.stage)
        if decision.promoted and there <= here + 1:
            return LADDER[max(here, there)], {**self.held_by, decision.stage: entry}
        if not decision.promoted and decision.lowers and there <= here:
            held = {stage: by for stage, by in self.held_by.items() if LADDER.index(stage) < there}
            return LADDER[there - 1], held
        return self.stage, self.held_by


def next_stage(stage: Stage) -> Stage | None:
    """Return the stage above `stage`; None at the top, and of a retired card."""
    if stage in (Stage.LIVE, Stage.RETIRED):
        return None
    return LADDER[LADDER.index(stage) + 1]


def stage_before(stage: Stage) -> Stage | None:
    """Return the stage that has to be held before `stage`; None for those that need none."""
    return None if stage in _RESTARTS else LADDER[LADDER.index(stage) - 1]


def standing(
    entries: Iterable[LedgerEntry], card_id: str, symbol: str, timeframe: Timeframe, system_hash: str
) -> Standing:
    """Return where a card stands on a symbol and timeframe by entries of the ledger, oldest first.

    Entries of other cards, symbols, timeframes and system hashes are passed over.
    """
    subject = card_id, symbol, timeframe, system_hash
    stands = Standing()
    for entry in entries:
        if _subject(entry.decision) == subject:
            stands = stands.after(entry)
    return stands


def stage_of(
    ledger: PromotionLedger, card_id: str, symbol: str, timeframe: Timeframe, system_hash: str
) -> Stage:
    """Return the stage a card holds on a symbol and timeframe as this system hash.

    Raises
    ------
    CorruptData
        If a row of the ledger cannot be read.
    """
    return standing(ledger.history(card_id), card_id, symbol, timeframe, system_hash).stage


def _subject(decision: PromotionDecision) -> tuple[str, str, Timeframe, str]:
    return decision.card_id, decision.symbol, decision.timeframe, decision.system_hash
