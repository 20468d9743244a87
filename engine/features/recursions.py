"""Indicators whose value is made of the value before it."""

from __future__ import annotations

import numpy as np

from engine.features.compiled import compiled
from engine.features.spec import FloatArray


@compiled
def wilder_mean(values: FloatArray, length: int) -> FloatArray:
    """Return Wilder's moving average: previous + (value - previous) / length.

    It starts with the plain mean of the first `length` values; NaN before. NaN at the beginning of
    `values` is passed over, so that it can be applied to another indicator.
    """
    size = values.size
    result = np.full(size, np.nan)
    first = 0
    while first < size and np.isnan(values[first]):
        first += 1
    start = first + length - 1
    if start >= size:
        return result
    # summed as distances from the first value: a constant series gives its constant to the bit
    total = 0.0
    for row in range(first, start + 1):
        total += values[row] - values[first]
    previous = values[first] + total / length
    result[start] = previous
    for row in range(start + 1, size):
        previous += (values[row] - previous) / length
        result[row] = previous
    return result


@compiled
def adaptive_mean(values: FloatArray, smoothing: FloatArray, start: int) -> FloatArray:
    """Return the average that moves from its last value to the newest by `smoothing[row]` (0 to 1).

    Its value at `start - 1` is taken to be the price there; the first value it gives is at `start`.
    """
    size = values.size
    result = np.full(size, np.nan)
    if start >= size:
        return result
    previous = values[start - 1]
    for row in range(start, size):
        previous += smoothing[row] * (values[row] - previous)
        result[row] = previous
    return result


@compiled
def supertrend(middle: FloatArray, close: FloatArray, distance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the SuperTrend line and its direction (+1 up, -1 down).

    Parameters
    ----------
    middle : ndarray of float64
        The middle of the bar, (high + low) / 2.
    close : ndarray of float64
    distance : ndarray of float64
        How far the bands stand off, multiplier x ATR; NaN while there is none. The line starts with it.

    Notes
    -----
    The lower band may only rise and the upper band only fall, unless the previous close was beyond it.
    The line is the lower band in an uptrend and the upper band in a downtrend, and turns when a bar closes
    beyond it. The first bar counts as a downtrend, as in TradingView's `ta.supertrend` (where down is +1).
    """
    size = close.size
    line = np.full(size, np.nan)
    directions = np.full(size, np.nan)
    first = 0
    while first < size and np.isnan(distance[first]):
        first += 1
    lower, upper, direction = 0.0, 0.0, -1.0
    for row in range(first, size):
        new_lower, new_upper = middle[row] - distance[row], middle[row] + distance[row]
        if row > first:
            if new_lower < lower and close[row - 1] >= lower:
                new_lower = lower
            if new_upper > upper and close[row - 1] <= upper:
                new_upper = upper
            if direction < 0 and close[row] > new_upper:
                direction = 1.0
            elif direction > 0 and close[row] < new_lower:
                direction = -1.0
        lower, upper = new_lower, new_upper
        directions[row] = direction
        line[row] = lower if direction > 0 else upper
    return line, directions
