"""What the simulator runs on: bars and funding events as arrays, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import SimulationError
from engine.sim.state import Flags, Floats, Integers, SignalBits
from engine.timeframes import format_utc


@dataclass(frozen=True, eq=False)
class MarketBars:
    """Exec bars as arrays of one length, in the order of time.

    Attributes
    ----------
    bar_ms : int
        Length of a bar.
    ts_open : int64[n]
        UTC epoch milliseconds.
    open, high, low, close : float64[n]
        Last price, USDT.
    mark_open, mark_high, mark_low, mark_close : float64[n]
        Mark price, USDT; the last price stands in where there is no mark kline.
    is_filled : bool[n]
        Bars the exchange did not have.
    volume : float64[n]
        Traded in the bar, base coin.

    Raises
    ------
    SimulationError
        If a bar is not one: prices missing or not above 0, high below low, out of order, of unequal length.
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
        columns = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
        for name in (*columns, "is_filled", "volume"):
            if len(getattr(self, name)) != len(self.ts_open):
                raise SimulationError(
                    f"{name} has {len(getattr(self, name))} bars, ts_open {len(self.ts_open)}"
                )
        for name in columns:
            # One comparison finds NaN, 0 and negative prices alike.
            self._refuse(~(getattr(self, name) > 0.0), name, "is not a price above 0")
            self._refuse(np.isinf(getattr(self, name)), name, "is infinite")
        self._refuse(~((self.volume >= 0.0) & np.isfinite(self.volume)), "volume", "is not a finite volume")
        for prefix in ("", "mark_"):
            high, low = getattr(self, f"{prefix}high"), getattr(self, f"{prefix}low")
            edges = (getattr(self, f"{prefix}open"), getattr(self, f"{prefix}close"))
            self._refuse(high < np.maximum(*edges), f"{prefix}high", "is below open or close")
            self._refuse(low > np.minimum(*edges), f"{prefix}low", "is above open or close")
        backwards = np.zeros(len(self), dtype=bool)
        backwards[1:] = np.diff(self.ts_open) <= 0
        self._refuse(backwards, "ts_open", "is not after the bar before")

    def __len__(self) -> int:
        return len(self.ts_open)

    def _refuse(self, bad: Flags, name: str, why: str) -> None:
        if bad.any():
            bar = int(np.argmax(bad))
            value = getattr(self, name)[bar]
            raise SimulationError(
                f"bar {bar} ({format_utc(int(self.ts_open[bar]))} UTC): {name} {value} {why}",
                way_out="run the schema checks of the frame this came from",
            )


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
        bad = ~(np.isfinite(self.rate) & (self.mark_price > 0.0) & np.isfinite(self.mark_price))
        bad[1:] |= np.diff(self.ts) <= 0
        if bad.any():
            at = int(np.argmax(bad))
            raise SimulationError(
                f"funding event {at} ({format_utc(int(self.ts[at]))} UTC) is out of order or incomplete: "
                f"rate {self.rate[at]}, mark price {self.mark_price[at]}",
                way_out="sync the symbol's funding again",
            )

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
    """

    bits: SignalBits
    features: Floats

    @classmethod
    def without_features(cls, bits: SignalBits) -> BarSignals:
        """Return signals of a card whose orders look at no feature."""
        return cls(bits, np.empty((0, len(bits))))
