"""One history that the sets of a sweep run over, and its way from the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from engine.backtest.engine import run_id_of
from engine.backtest.history import History
from engine.backtest.measure import evaluate_all
from engine.backtest.prepare import prepare_history
from engine.backtest.sweep_results import SetMetrics
from engine.errors import ConfigurationError
from engine.idea_card.card import IdeaCard
from engine.metrics.basic import BasicMetrics
from engine.strategies.card_plan import CardPlan

if TYPE_CHECKING:
    from engine.market_data.store import HistoricalDataStore

SWEPT_METRICS = tuple(field.name for field in fields(BasicMetrics))
"""What a sweep measures of each set."""

FEATURE_BYTES = 500_000_000
"""Features that a sweep keeps: with the rest of the process it stays below a gigabyte."""


@dataclass(frozen=True, eq=False)
class SweepHistory:
    """A part of one symbol's history that planned cards run over; the workers of a sweep share it.

    Attributes
    ----------
    history : History
        Candles of each timeframe of the swept card.
    start_ms, end_ms : int or None
        Bars with start_ms <= ts_open < end_ms are traded; everything before may warm up.
    """

    history: History
    start_ms: int | None = None
    end_ms: int | None = None

    def window(self, card: IdeaCard) -> tuple[int, int]:
        """Return first ts_open and last ts_close of the bars that are traded.

        Raises
        ------
        DataNotFound, DataError
            If there are none, or the funding does not cover them.
        ConfigurationError
            If the card has a timeframe that the history has not.
        """
        missing = [
            str(tf) for tf in card.timeframes.all_timeframes().values() if tf not in self.history.candles
        ]
        if missing:
            raise ConfigurationError(
                f"card {card.id}: a sweep has one choice of timeframes, and here is {', '.join(missing)}",
                way_out="write the timeframes out, and sweep a card of each",
            )
        return self.history.window(card.timeframes.exec, self.start_ms, self.end_ms).span

    def run_id(self, plan: CardPlan) -> str:
        """Return the id of the run of `plan`. Raises as `window` does."""
        fingerprint = self.history.fingerprint_with(plan.inputs())
        return run_id_of(plan.system_hash, fingerprint, self.history.symbol, self.window(plan.card))

    def metrics(self, plans: Sequence[CardPlan]) -> list[SetMetrics]:
        """Return the basic metrics of each of `plans`. Raises as `prepare_history` does."""
        prepared = [
            prepare_history(plan, self.history, start_ms=self.start_ms, end_ms=self.end_ms) for plan in plans
        ]
        return [vars(each) for each in evaluate_all(prepared)]


def sweep_from_store(
    card: IdeaCard,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> SweepHistory:
    """Read and heal what the sets of a card run on. Raises as `history_from_store` does."""
    # the workers of a cluster have no store, and need not load a database
    from engine.backtest.runner import history_from_store

    timeframes = card.timeframes.all_timeframes().values()
    history = history_from_store(symbol, timeframes, store, end_ms=end_ms, feature_bytes=FEATURE_BYTES)
    return SweepHistory(history, start_ms, end_ms)
