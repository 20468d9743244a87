"""Finer bars inside exec bars: which exec bars have all of theirs, and whether both tell the same story."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.errors import SimulationError
from engine.sim.market import MarketBars
from engine.sim.records import Flags, Floats, Integers
from engine.timeframes import format_utc

# Prices are exact. Volumes are sums, which differ by the order in which they are added up.
_VOLUME_TOLERANCE = 1e-9

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class DetailBars:
    """Exec bars and the finer bars that orders are filled on; made by `detail_bars`.

    Attributes
    ----------
    bars : MarketBars
        The exec bars. Those that are covered have the mark prices of their finer bars.
    finer : MarketBars
    first : int64[exec bars]
        Row of the first finer bar of an exec bar, those after it follow; -1: it runs as an exec bar.
    """

    bars: MarketBars
    finer: MarketBars
    first: Integers

    @property
    def finer_per_bar(self) -> int:
        """How many finer bars an exec bar has."""
        return self.bars.bar_ms // self.finer.bar_ms

    @property
    def covered_bars(self) -> int:
        """How many exec bars run on finer bars."""
        return int((self.first >= 0).sum())


def detail_bars(bars: MarketBars, finer: MarketBars, *, usable: Flags | None = None) -> DetailBars:
    """Return exec bars together with the finer bars inside them.

    An exec bar is covered, and runs on its finer bars, where all of them are there and none of them only
    fills a gap. Any other runs as it is.

    Parameters
    ----------
    bars, finer : MarketBars
        Of one market; the length of an exec bar is a multiple of a finer one's.
    usable : bool[finer bars], optional
        Finer bars that may be run on; one that may not leaves its exec bar uncovered. All by default.

    Raises
    ------
    SimulationError
        If the finer bars do not divide the exec bars, or those of a covered bar do not add up to it: first
        open, highest high, lowest low, last close, and the sum of the volumes.
    """
    if finer.bar_ms > bars.bar_ms or bars.bar_ms % finer.bar_ms:
        raise SimulationError(
            f"bars of {bars.bar_ms} ms are not made of bars of {finer.bar_ms} ms",
            way_out="choose a detail timeframe that divides exec",
        )
    good = ~finer.is_filled if usable is None else ~finer.is_filled & usable
    if bars.has_marks and not finer.has_marks:
        good = np.zeros_like(
            good
        )  # a position would be liquidated by the last price where the mark price is known
    first = _first_rows(bars, finer, good)
    _refuse_contradiction(bars, finer, first)
    return DetailBars(_with_finer_marks(bars, finer, first), finer, first)


def _first_rows(bars: MarketBars, finer: MarketBars, good: Flags) -> Integers:
    count = bars.bar_ms // finer.bar_ms
    first = np.searchsorted(finer.ts_open, bars.ts_open)
    last = first + count - 1
    there = last < len(finer)
    # Times rise by whole finer bars: where the first and the last are in their places, so are all between.
    at_first, at_last = first[there], last[there]
    whole = finer.ts_open[at_first] == bars.ts_open[there]
    whole &= finer.ts_open[at_last] == bars.ts_open[there] + (count - 1) * finer.bar_ms
    bad_before = np.concatenate(([0], np.cumsum(~good)))
    whole &= bad_before[at_last + 1] == bad_before[at_first]
    rows = np.full(len(bars), -1, np.int64)
    rows[np.flatnonzero(there)[whole]] = at_first[whole]
    return rows


def _refuse_contradiction(bars: MarketBars, finer: MarketBars, first: Integers) -> None:
    count = bars.bar_ms // finer.bar_ms
    columns = [getattr(each, name) for each in (bars, finer) for name in (*_PRICES, "volume")]
    bar = int(_first_contradiction(first, count, _VOLUME_TOLERANCE, *columns))
    if bar < 0:
        return
    rows = slice(int(first[bar]), int(first[bar]) + count)
    made_of = {
        "open": finer.open[rows][0],
        "high": finer.high[rows].max(),
        "low": finer.low[rows].min(),
        "close": finer.close[rows][-1],
        "volume": finer.volume[rows].sum(),
    }
    said = "; ".join(
        f"{name} {float(getattr(bars, name)[bar])} is {float(value)} in the finer bars"
        for name, value in made_of.items()
        if not np.isclose(getattr(bars, name)[bar], value, rtol=_VOLUME_TOLERANCE, atol=0.0)
        or (name != "volume" and getattr(bars, name)[bar] != value)
    )
    raise SimulationError(
        f"bar {bar} ({format_utc(int(bars.ts_open[bar]))} UTC) is not what its {count} finer bars of "
        f"{finer.bar_ms // 1000} s make: {said}",
        way_out="sync both timeframes again, from the same exchange",
    )


@compiled
def _first_contradiction(
    first: NDArray[np.int64],
    count: int,
    volume_tolerance: float,
    open_price: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    finer_open: Floats,
    finer_high: Floats,
    finer_low: Floats,
    finer_close: Floats,
    finer_volume: Floats,
) -> int:
    """Return the first covered bar that its finer bars do not add up to; -1 if all do."""
    for bar in range(first.size):
        start = first[bar]
        if start < 0:
            continue
        highest, lowest, traded = finer_high[start], finer_low[start], 0.0
        for row in range(start, start + count):
            highest = max(highest, finer_high[row])
            lowest = min(lowest, finer_low[row])
            traded += finer_volume[row]
        same_prices = (
            finer_open[start] == open_price[bar]
            and highest == high[bar]
            and lowest == low[bar]
            and finer_close[start + count - 1] == close[bar]
        )
        if not same_prices or abs(traded - volume[bar]) > volume_tolerance * max(traded, volume[bar]):
            return bar
    return -1


def _with_finer_marks(bars: MarketBars, finer: MarketBars, first: Integers) -> MarketBars:
    """Return the exec bars with the mark prices of the finer bars they are covered by."""
    if not finer.has_marks or not (first >= 0).any():
        return bars
    marks = {f"mark_{name}": np.array(getattr(bars, f"mark_{name}")) for name in _PRICES}
    finer_marks = [getattr(finer, name) for name in marks]
    _take_prices(first, bars.bar_ms // finer.bar_ms, *finer_marks, *marks.values())
    return replace(
        bars,
        mark_open=marks["mark_open"],
        mark_high=marks["mark_high"],
        mark_low=marks["mark_low"],
        mark_close=marks["mark_close"],
    )


@compiled
def _take_prices(
    first: NDArray[np.int64],
    count: int,
    finer_open: Floats,
    finer_high: Floats,
    finer_low: Floats,
    finer_close: Floats,
    open_price: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
) -> None:
    """Write what finer bars make over the prices of the covered bars."""
    for bar in range(first.size):
        start = first[bar]
        if start < 0:
            continue
        highest, lowest = finer_high[start], finer_low[start]
        for row in range(start + 1, start + count):
            highest = max(highest, finer_high[row])
            lowest = min(lowest, finer_low[row])
        open_price[bar], high[bar], low[bar] = finer_open[start], highest, lowest
        close[bar] = finer_close[start + count - 1]
