"""What the server asks of a market, generated or replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from engine.sandbox.catalogue import Instrument
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class RowWindow:
    """Which rows are wanted: first_ts <= ts <= last_ts, and of those the newest `limit` (or the oldest)."""

    first_ts: int
    last_ts: int
    limit: int
    oldest: bool = False

    def select(self, frame: pd.DataFrame, key: str) -> pd.DataFrame:
        """Return the wanted rows of `frame`, which is sorted by its column `key`."""
        times = frame[key].to_numpy()
        low = int(times.searchsorted(self.first_ts, side="left"))
        high = max(low, int(times.searchsorted(self.last_ts, side="right")))
        if self.oldest:
            high = min(high, low + self.limit)
        else:
            low = max(low, high - self.limit)
        return frame.iloc[low:high]


KlineSource = Callable[[str, Timeframe, RowWindow, int], pd.DataFrame]
"""Gives the candles of one price: of the last, the mark or the index price, or of the premium index."""


class Market(Protocol):
    """A market's history up to a moment `now_ms`, which is always an argument.

    Frames are sorted by time, oldest first, and hold nothing that was not known at `now_ms`: the bar that
    contains it is aggregated so far. Columns: `ts_open`, `open`, `high`, `low`, `close`, `volume`, `turnover`
    for candles (mark, index and premium klines without the last two), `ts` and `funding_rate`, `ts` and
    `open_interest`. A symbol is one of `instruments`.
    """

    @property
    def identity(self) -> str:
        """Who this market is, for the store that keeps its data."""
        ...

    @property
    def is_generated(self) -> bool:
        """Whether the history is made up."""
        ...

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Every instrument by symbol, the delisted among them."""
        ...

    def klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the last price."""
        ...

    def mark_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the mark price."""
        ...

    def index_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the index price."""
        ...

    def premium_klines(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return candles of the premium index: how far the mark price stands above the index, a fraction."""
        ...

    def funding(self, symbol: str, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return settled funding events."""
        ...

    def open_interest(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return open interest at the opens of `timeframe`, in base coin."""
        ...
