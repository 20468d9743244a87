"""What the simulator runs on: bars and funding events as arrays, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import SimulationError
from engine.sim.door import refuse_bad_bars
from engine.sim.records import Flags, Floats, Integers, SignalBits
from engine.timeframes import format_utc

_PRICES = ("open", "high", "low", "close")
_COLUMNS = (*_PRICES, *(f"mark_{name}" for name in _PRICES), "volume")


def fixed(values: Any, dtype: type[np.generic]) -> Any:
    """Return `values` as a contiguous read-only array of `dtype`; a copy only if they are not one already.

    Compiled functions see one type of array this way, wherever the data came from.
    """
    array = np.ascontiguousarray(values, dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class MarketBars:
    """Bars of one timeframe as arrays of one length, in the order of time; read-only once they are here.

    Attributes
    ----------
    bar_ms : int
        Length of a bar.
    ts_open : int64[n]
        UTC epoch milliseconds.
    open, high, low, close : float64[n]
        Last price, USDT.
    mark_open, mark_high, mark_low, mark_close : float64[n]
        Mark price, USDT. Where there are no mark klines pass the last price's own arrays.
    is_filled : bool[n]
        Bars the exchange did not have.
    volume : float64[n]
        Traded in the bar, base coin.

    Raises
    ------
    SimulationError
        If a bar is not one: prices missing, infinite or not above 0, high or low on the wrong side, volume
        missing or below 0, out of order or off the grid of `bar_ms`; or columns of unequal length.
    """

    bar_ms: int
    ts_open: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    mark_open: Floats
    mark_high: Floats
    mark_low: Floats
    mark_close: Floats
    is_filled: Flags
    volume: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "ts_open", fixed(self.ts_open, np.int64))
        object.__setattr__(self, "is_filled", fixed(self.is_filled, np.bool_))
        marks_are_own = False
        for name in _PRICES:
            price, mark = getattr(self, name), getattr(self, f"mark_{name}")
            kept = fixed(price, np.float64)
            object.__setattr__(self, name, kept)
            object.__setattr__(self, f"mark_{name}", kept if mark is price else fixed(mark, np.float64))
            marks_are_own |= mark is not price
        object.__setattr__(self, "volume", fixed(self.volume, np.float64))
        for name in (*_COLUMNS, "is_filled"):
            if len(getattr(self, name)) != len(self.ts_open):
                raise SimulationError(
                    f"{name} has {len(getattr(self, name))} bars, ts_open {len(self.ts_open)}"
                )
        columns = {name: getattr(self, name) for name in _COLUMNS}
        refuse_bad_bars(self.ts_open, self.bar_ms, columns, marks_are_own=marks_are_own)

    def __len__(self) -> int:
        return len(self.ts_open)

    @property
    def has_marks(self) -> bool:
        """Whether there are mark klines, and not the last price in their place."""
        return self.mark_close is not self.close

    def cut(self, rows: slice) -> MarketBars:
        """Return some of the bars."""
        parts = {name: getattr(self, name)[rows] for name in (*_PRICES, "ts_open", "is_filled", "volume")}
        marks = {
            f"mark_{name}": getattr(self, f"mark_{name}")[rows] if self.has_marks else parts[name]
            for name in _PRICES
        }
        return MarketBars(bar_ms=self.bar_ms, **parts, **marks)


@dataclass(frozen=True, eq=False)
class FundingEvents:
    """Funding events at their real timestamps.

    Attributes
    ----------
    ts : int64[m]
        UTC epoch milliseconds, strictly rising; no grid is assumed.
    rate : float64[m]
        Fraction of the position value; above 0 long pays short.
    mark_price : float64[m]
        Mark price at the event, USDT.

    Raises
    ------
    SimulationError
        If events are out of order, or a rate or price is missing.
    """

    ts: Integers
    rate: Floats
    mark_price: Floats

    def __post_init__(self) -> None:
        if not len(self.ts) == len(self.rate) == len(self.mark_price):
            raise SimulationError("funding timestamps, rates and prices differ in number")
        object.__setattr__(self, "ts", fixed(self.ts, np.int64))
        object.__setattr__(self, "rate", fixed(self.rate, np.float64))
        object.__setattr__(self, "mark_price", fixed(self.mark_price, np.float64))
        bad = ~(np.isfinite(self.rate) & (self.mark_price > 0.0) & np.isfinite(self.mark_price))
        bad[1:] |= np.diff(self.ts) <= 0
        if bad.any():
            at = int(np.argmax(bad))
            raise SimulationError(
                f"funding event {at} ({format_utc(int(self.ts[at]))} UTC): {self._wrong(at)}",
                way_out="sync the symbol's funding again",
            )

    def _wrong(self, at: int) -> str:
        if at and self.ts[at] <= self.ts[at - 1]:
            return f"is out of order: the one before is of {format_utc(int(self.ts[at - 1]))}"
        if not np.isfinite(self.rate[at]):
            return f"rate {self.rate[at]} is not a finite number"
        return f"mark price {self.mark_price[at]} is not a finite price above 0"

    def __len__(self) -> int:
        return len(self.ts)

    @classmethod
    def none(cls) -> FundingEvents:
        """Return no events at all."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0))


@dataclass(frozen=True, eq=False)
class BarSignals:
    """What the rules say at each bar's close.

    Attributes
    ----------
    bits : int8[n]
        `SignalBit`s.
    features : float64[k, n]
        The features the orders look at, one row each in the order of the card's `level_features`, as known
        at each close; no rows where there are none.

    Raises
    ------
    SimulationError
        If features and signals differ in number.
    """

    bits: SignalBits
    features: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", fixed(self.bits, np.int8))
        object.__setattr__(self, "features", fixed(self.features, np.float64))
        if self.features.ndim != 2 or self.features.shape[1] != len(self.bits):
            raise SimulationError(
                f"there are {len(self.bits)} signals, and features of shape {self.features.shape}",
                way_out="give one row per feature, as long as the signals",
            )

    @classmethod
    def without_features(cls, bits: SignalBits) -> BarSignals:
        """Return signals of a card whose orders look at no feature."""
        return cls(bits, np.empty((0, len(bits))))
