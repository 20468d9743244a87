"""Candles of one timeframe as plain arrays: where a run starts from when there is no frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import DataError
from engine.sim.market import MarketBars
from engine.sim.records import Flags, Floats, Integers
from engine.timeframes import Timeframe, format_utc

if TYPE_CHECKING:
    import pandas as pd

_MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")


@dataclass(frozen=True, eq=False)
class Candles:
    """Healed candles, in the order of time. Arrays of one length; what is not given has its default.

    Attributes
    ----------
    ts_open : int64[n]
        UTC epoch milliseconds.
    open, high, low, close : float64[n]
        Last price, USDT.
    volume : float64[n]
        Base coin.
    is_filled : bool[n] or None
        Bars the exchange did not have; None if it had all.
    mark_open, mark_high, mark_low, mark_close : float64[n] or None
        Mark price, USDT, NaN where there is no mark kline; None if there are none at all.
    """

    ts_open: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_filled: Flags | None = None
    mark_open: Floats | None = None
    mark_high: Floats | None = None
    mark_low: Floats | None = None
    mark_close: Floats | None = None

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Candles:
        """Return the candles of a healed or feature frame."""
        floats = {name: frame[name].to_numpy(np.float64) for name in _FLOAT_COLUMNS}
        return cls(
            ts_open=frame["ts_open"].to_numpy(np.int64),
            is_filled=frame["is_filled"].to_numpy(np.bool_),
            **floats,
        )

    def frame(self) -> pd.DataFrame:
        """Return the candles of the last price as a frame: ts_open, open, high, low, close, volume."""
        import pandas as pd

        names = ("ts_open", "open", "high", "low", "close", "volume")
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def __len__(self) -> int:
        return len(self.ts_open)

    @cached_property
    def has_mark(self) -> Flags | None:
        """Where there is a mark kline, bool[n]; None if there is none anywhere."""
        if self.mark_open is None:
            return None
        there = np.isfinite(self.mark_open)
        return there if there.any() else None

    def bars(self, timeframe: Timeframe) -> MarketBars:
        """Return the candles as the simulator takes them; the last price stands in for a missing mark.

        Raises
        ------
        DataError
            If there are none, or they do not belong to `timeframe`.
        SimulationError
            If one is no bar.
        """
        if not len(self):
            raise DataError(
                f"there are no {timeframe} candles to run on",
                way_out="choose a window that has data, or sync it",
            )
        if not timeframe.is_aligned(int(self.ts_open[0])):
            first = format_utc(int(self.ts_open[0]))
            raise DataError(
                f"bars of {timeframe} are wanted, and no such bar opens at {first}",
                way_out="pass each timeframe its own candles",
            )
        filled = np.zeros(len(self), np.bool_) if self.is_filled is None else self.is_filled
        prices = {name: getattr(self, name) for name in ("open", "high", "low", "close")}
        return MarketBars(
            bar_ms=timeframe.ms,
            ts_open=self.ts_open,
            **prices,
            **self._complete_marks(prices),
            is_filled=filled,
            volume=self.volume,
        )

    def _complete_marks(self, prices: dict[str, Floats]) -> dict[str, Floats]:
        there = self.has_mark
        marks = {}
        for name in _MARKS:
            price, mark = prices[name.removeprefix("mark_")], getattr(self, name)
            if there is None:
                marks[name] = price
            else:
                marks[name] = mark if there.all() else np.where(there, mark, price)
        return marks


_FLOAT_COLUMNS = ("open", "high", "low", "close", "volume", *_MARKS)
