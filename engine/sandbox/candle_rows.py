"""Candles in whole units, and how they add up: exactly, from one minute to any timeframe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from engine.sandbox.catalogue import Instrument
from engine.sandbox.noise import IntArray
from engine.timeframes import MINUTE_MS, Timeframe

PREMIUM_UNITS = 10**6


@dataclass(frozen=True)
class CandleRows:
    """Consecutive candles of one symbol; every array has one entry per candle.

    Prices are in ticks, `volume` in quantity steps, and `turnover` in quarters of a tick-step: the sum over
    the minutes of volume * (open + high + low + close), kept whole so that it adds up exactly.
    """

    ts_open: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    turnover: IntArray
    mark_open: IntArray
    mark_high: IntArray
    mark_low: IntArray
    mark_close: IntArray

    def __len__(self) -> int:
        return len(self.ts_open)

    def between(self, start_ms: int, end_ms: int) -> CandleRows:
        """Return the candles that open in [start_ms, end_ms)."""
        if len(self) > 0 and start_ms <= self.ts_open[0] and self.ts_open[-1] < end_ms:
            return self
        low, high = np.searchsorted(self.ts_open, [start_ms, end_ms], side="left")
        return CandleRows(*(getattr(self, field.name)[low:high] for field in fields(self)))

    def aggregate(self, timeframe: Timeframe) -> CandleRows:
        """Return candles of `timeframe`: first open, highest high, lowest low, last close, sums of the rest.

        A bar that these candles cover only in part is aggregated from the part they cover.
        """
        bar = _floor(self.ts_open, timeframe)
        starts = np.flatnonzero(np.diff(bar, prepend=bar[:1] - 1))
        ends = np.append(starts[1:], len(bar)) - 1
        return CandleRows(
            ts_open=bar[starts],
            open=self.open[starts],
            high=np.maximum.reduceat(self.high, starts),
            low=np.minimum.reduceat(self.low, starts),
            close=self.close[ends],
            volume=np.add.reduceat(self.volume, starts),
            turnover=np.add.reduceat(self.turnover, starts),
            mark_open=self.mark_open[starts],
            mark_high=np.maximum.reduceat(self.mark_high, starts),
            mark_low=np.minimum.reduceat(self.mark_low, starts),
            mark_close=self.mark_close[ends],
        )

    def with_index(self) -> CandleRows:
        """Return these one-minute candles with the index price where the mark price was.

        The index stands halfway between last and mark, and reaches out half as far as the mark does.
        """
        index_open = (self.open + self.mark_open) // 2
        index_close = (self.close + self.mark_close) // 2
        reach_up = self.mark_high - np.maximum(self.mark_open, self.mark_close)
        reach_down = np.minimum(self.mark_open, self.mark_close) - self.mark_low
        return replace(
            self,
            mark_open=index_open,
            mark_high=np.maximum(index_open, index_close) + reach_up // 2,
            mark_low=np.maximum(np.minimum(index_open, index_close) - reach_down // 2, 1),
            mark_close=index_close,
        )

    def with_premium(self) -> CandleRows:
        """Return these one-minute candles with the premium index where the mark price was, in millionths.

        The premium is how far the mark stands above the index; it is known at a minute's open and close.
        """
        index = self.with_index()
        opens = (self.mark_open - index.mark_open) * PREMIUM_UNITS // index.mark_open
        closes = (self.mark_close - index.mark_close) * PREMIUM_UNITS // index.mark_close
        return replace(
            self,
            mark_open=opens,
            mark_high=np.maximum(opens, closes),
            mark_low=np.minimum(opens, closes),
            mark_close=closes,
        )

    def so_far(self, elapsed_ms: int) -> CandleRows:
        """Return this one one-minute candle as it stands `elapsed_ms` after its open.

        Within the minute the price walks from the open to the extreme away from the close, to the other
        extreme and to the close, a third of the minute each; volume grows evenly.
        """
        elapsed = elapsed_ms / MINUTE_MS
        open_, high, low, close = _walked(self.open, self.high, self.low, self.close, elapsed)
        mark_open, mark_high, mark_low, mark_close = _walked(
            self.mark_open, self.mark_high, self.mark_low, self.mark_close, elapsed
        )
        return CandleRows(
            ts_open=self.ts_open,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=self.volume * elapsed_ms // MINUTE_MS,
            turnover=self.turnover * elapsed_ms // MINUTE_MS,
            mark_open=mark_open,
            mark_high=mark_high,
            mark_low=mark_low,
            mark_close=mark_close,
        )

    def ohlcv(self, instrument: Instrument) -> pd.DataFrame:
        """Return the candles of the last price as a frame in USDT and base coin."""
        ticks, steps = instrument.ticks_per_unit, instrument.steps_per_unit
        return pd.DataFrame(
            {
                "ts_open": self.ts_open,
                "open": self.open / ticks,
                "high": self.high / ticks,
                "low": self.low / ticks,
                "close": self.close / ticks,
                "volume": self.volume / steps,
                "turnover": self.turnover / (4 * ticks * steps),
            }
        )

    def mark(self, units: int) -> pd.DataFrame:
        """Return the candles of what stands for the mark price, `units` of which make 1."""
        return pd.DataFrame(
            {
                "ts_open": self.ts_open,
                "open": self.mark_open / units,
                "high": self.mark_high / units,
                "low": self.mark_low / units,
                "close": self.mark_close / units,
            }
        )


def join(parts: Sequence[CandleRows]) -> CandleRows:
    """Return the candles of `parts`, one after the other; there must be at least one part."""
    return CandleRows(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(CandleRows))
    )


def _floor(ts: IntArray, timeframe: Timeframe) -> IntArray:
    offset = timeframe.floor(0)
    return (ts - offset) // timeframe.ms * timeframe.ms + offset


def _walked(
    open_: IntArray, high: IntArray, low: IntArray, close: IntArray, elapsed: float
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return open, high, low and close of one candle after the share `elapsed` of its walk."""
    corners = (open_, low, high, close) if close[0] >= open_[0] else (open_, high, low, close)
    leg = min(int(elapsed * 3), 2)
    reached = (corners[leg + 1] - corners[leg]) * (elapsed * 3 - leg)
    price = corners[leg] + reached.astype(np.int64)
    seen = np.vstack([*corners[: leg + 1], price])
    return open_, seen.max(axis=0), seen.min(axis=0), price
