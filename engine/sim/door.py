"""What is looked at before anything runs: one compiled pass over a group of columns each.

The passes only find the first bar that is none; saying what is wrong with it is plain Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.errors import SimulationError
from engine.timeframes import format_utc

# Bars looked at before asking whether one of them was bad: short enough to stay in the cache.
_BLOCK = 1024
_PRICES = ("open", "high", "low", "close")

type _Floats = NDArray[np.float64]


@compiled
def first_bad_price(
    open_price: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
) -> int:
    """Return a bar at most `_BLOCK` before the first whose prices are none; -1 if all are prices.

    A price is finite and above 0; open and close are not above the high nor below the low. Any comparison
    with NaN is false, so that it fails like the others.
    """
    for start in range(0, open_price.size, _BLOCK):
        stop = min(start + _BLOCK, open_price.size)
        opens, highs, lows, closes = (
            open_price[start:stop],
            high[start:stop],
            low[start:stop],
            close[start:stop],
        )
        bad = 0
        for i in range(opens.size):
            bad += not (
                (lows[i] > 0.0)
                & (lows[i] <= opens[i])
                & (lows[i] <= closes[i])
                & (opens[i] <= highs[i])
                & (closes[i] <= highs[i])
                & (highs[i] < np.inf)
            )
        if bad:
            return start
    return -1


@compiled
def first_bad_time(ts_open: NDArray[np.int64], bar_ms: int) -> int:
    """Return a bar at most `_BLOCK` before the first that is off the grid or goes back; -1 if none is."""
    for start in range(1, ts_open.size, _BLOCK):
        stop = min(start + _BLOCK, ts_open.size)
        now, before = ts_open[start:stop], ts_open[start - 1 : stop - 1]
        other = 0
        for i in range(now.size):
            other += now[i] - before[i] != bar_ms
        if other:
            for i in range(now.size):
                step = now[i] - before[i]
                if step <= 0 or step % bar_ms:
                    return start
    return -1


@compiled
def first_bad_volume(volume: NDArray[np.float64]) -> int:
    """Return a bar at most `_BLOCK` before the first volume that is none; -1 if all are 0 or more, finite."""
    for start in range(0, volume.size, _BLOCK):
        block = volume[start : min(start + _BLOCK, volume.size)]
        bad = 0
        for i in range(block.size):
            bad += not ((block[i] >= 0.0) & (block[i] < np.inf))
        if bad:
            return start
    return -1


def refuse_bad_bars(
    ts_open: NDArray[np.int64], bar_ms: int, columns: Mapping[str, _Floats], *, marks_are_own: bool
) -> None:
    """Refuse bars that are none.

    Parameters
    ----------
    ts_open : int64[n]
    bar_ms : int
    columns : mapping of str to float64[n]
        open, high, low, close, the same with `mark_` before them, and volume.
    marks_are_own : bool
        False where the mark columns are the price columns, which need not be looked at twice.

    Raises
    ------
    SimulationError
        Naming the first such bar, its time and the value that is wrong.
    """
    suspects = [
        first_bad_price(*(columns[name] for name in _PRICES)),
        first_bad_price(*(columns[f"mark_{name}"] for name in _PRICES)) if marks_are_own else -1,
        first_bad_volume(columns["volume"]),
        first_bad_time(ts_open, bar_ms),
    ]
    found = [suspect for suspect in suspects if suspect >= 0]
    if not found:
        return
    for bar in range(min(found), len(ts_open)):
        wrong = _wrong_price(columns, "", bar) or _wrong_price(columns, "mark_", bar)
        wrong = wrong or _wrong_volume(columns["volume"][bar]) or _wrong_time(ts_open, bar_ms, bar)
        if wrong:
            raise SimulationError(
                f"bar {bar} ({format_utc(int(ts_open[bar]))} UTC): {wrong}",
                way_out="run the schema checks of the frame this came from",
            )


def _wrong_price(columns: Mapping[str, _Floats], prefix: str, bar: int) -> str | None:
    values = {f"{prefix}{name}": float(columns[f"{prefix}{name}"][bar]) for name in _PRICES}
    for name, value in values.items():
        if not value > 0.0:
            return f"{name} {value} is not a price above 0"
        if math.isinf(value):
            return f"{name} {value} is infinite"
    highest, lowest = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
    high, low = f"{prefix}high", f"{prefix}low"
    if values[high] < values[highest]:
        return f"{high} {values[high]} is below {highest} {values[highest]}"
    if values[low] > values[lowest]:
        return f"{low} {values[low]} is above {lowest} {values[lowest]}"
    return None


def _wrong_volume(value: float) -> str | None:
    return None if 0.0 <= value < math.inf else f"volume {float(value)} is not a finite number from 0 on"


def _wrong_time(ts_open: NDArray[np.int64], bar_ms: int, bar: int) -> str | None:
    if bar == 0:
        return None
    step = int(ts_open[bar] - ts_open[bar - 1])
    if step <= 0:
        before = format_utc(int(ts_open[bar - 1]))
        return f"ts_open {int(ts_open[bar])} is not after the bar before, which opens at {before}"
    if step % bar_ms:
        return f"ts_open {int(ts_open[bar])} is {step} ms after the bar before, and a bar has {bar_ms}"
    return None
