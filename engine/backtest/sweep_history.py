"""One history that the sets of a sweep run over, and its way from the store."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from engine.backtest.candles import Candles
from engine.backtest.engine import run_id_of
from engine.backtest.history import History
from engine.backtest.measure import evaluate
from engine.backtest.prepare import funding_from_frame, prepare_history
from engine.backtest.sweep_results import SetMetrics
from engine.errors import ConfigurationError
from engine.idea_card.card import IdeaCard
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.store import HistoricalDataStore
from engine.metrics.basic import BasicMetrics
from engine.strategies.card_plan import CardPlan

SWEPT_METRICS = tuple(field.name for field in fields(BasicMetrics))
"""What a sweep measures of each set."""

FEATURE_BYTES = 500_000_000
"""Features that a sweep keeps: with the rest of the process it stays below a gigabyte."""


@dataclass(frozen=True, eq=False)
class SweepHistory:
    """A part of one symbol's history. Safe to share between threads: each feature is computed once.

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

    def new_runner(self) -> Self:
        """Return a runner for one thread."""
        return self

    def window(self, card: IdeaCard) -> tuple[int, int]:
        """Return first ts_open and last ts_close of the bars that are traded.

        Raises
        ------
        DataNotFound, DataError
            If there are none, or the funding does not cover them.
        ConfigurationError
            If the card has a timeframe that the history has not.
        """
        self._refuse_other_timeframes(card)
        return self.history.window(card.timeframes.exec, self.start_ms, self.end_ms).span

    def run_id(self, plan: CardPlan) -> str:
        """Return the id of the run of `plan` over this part of the history. Raises as `window` does."""
        history = self.history
        window = self.window(plan.card)
        return run_id_of(plan.system_hash, history.data_fingerprint, history.symbol, window)

    def metrics(self, plan: CardPlan) -> SetMetrics:
        """Return the basic metrics of `plan`. Raises as `prepare_history` does."""
        self._refuse_other_timeframes(plan.card)
        prepared = prepare_history(plan, self.history, start_ms=self.start_ms, end_ms=self.end_ms)
        return vars(evaluate(prepared))

    def _refuse_other_timeframes(self, card: IdeaCard) -> None:
        missing = [str(tf) for tf in card.timeframes.roles().values() if tf not in self.history.candles]
        if missing:
            raise ConfigurationError(
                f"card {card.id}: a sweep has one choice of timeframes, and here is {', '.join(missing)}",
                way_out="write the timeframes out, and sweep a card of each",
            )


def history_from_store(
    card: IdeaCard,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> SweepHistory:
    """Read and heal what the sets of a card run on.

    Raises
    ------
    DataNotFound, DataError
        If the store lacks it.
    """
    candles, marks = {}, {}
    for timeframe in card.timeframes.roles().values():
        raw = store.read_ohlcv(symbol, timeframe, end_ms=end_ms)
        marks[timeframe] = store.read_mark_klines(symbol, timeframe, end_ms=end_ms)
        candles[timeframe] = heal(raw, marks[timeframe], timeframe).frame
    funding = price_funding_events(store.read_funding(symbol), marks, candles[card.timeframes.exec])
    history = History(
        symbol,
        {timeframe: Candles.from_frame(frame) for timeframe, frame in candles.items()},
        funding_from_frame(funding),
        store.read_instrument(symbol),
        feature_bytes=FEATURE_BYTES,
    )
    return SweepHistory(history, start_ms, end_ms)
