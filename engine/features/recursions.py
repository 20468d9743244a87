"""Values made of the value before them, as new arrays.

A NaN at the beginning of the input is passed over, so that one can be applied to another; after a later NaN
there is no value any more.
"""

from __future__ import annotations

import numpy as np

from engine.features.kernels import smoothing, trend
from engine.features.spec import FloatArray


def exponential_mean(values: FloatArray, length: int) -> FloatArray:
    """Return the EMA: alpha = 2 / (length + 1), started with the plain mean of `length` values."""
    result = np.empty(values.size)
    smoothing.exponential(values, length, 2.0 / (length + 1.0), result)
    return result


def wilder_mean(values: FloatArray, length: int) -> FloatArray:
    """Return Wilder's average: previous + (value - previous) / length, started with the plain mean."""
    result = np.empty(values.size)
    smoothing.exponential(values, length, 1.0 / length, result)
    return result


def relative_strength(values: FloatArray, length: int) -> FloatArray:
    """Return Wilder's RSI; 50 where nothing moved."""
    result = np.empty(values.size)
    smoothing.strength(values, length, result)
    return result


def adaptive_mean(values: FloatArray, share: FloatArray, start: int) -> FloatArray:
    """Return the average that moves from its last value to the newest by `share[row]` (0 to 1).

    Its value at `start - 1` is taken to be the price there; the first value it gives is at `start`.
    """
    result = np.empty(values.size)
    smoothing.adaptive(values, share, start, result)
    return result


def two_pole(values: FloatArray, near: float, far: float) -> FloatArray:
    """Return near * the result before + far * the one before that + the rest * the mean of two values.

    The first two results are the values themselves. NaN is not passed over.
    """
    result = np.empty(values.size)
    smoothing.two_pole(values, near, far, result)
    return result


def heikin_ashi_open(opens: FloatArray, closes: FloatArray, new_closes: FloatArray) -> FloatArray:
    """Return the mean of the Heikin-Ashi open and close of the bar before; that of the first candle first."""
    result = np.empty(opens.size)
    smoothing.heikin_ashi_open(opens, closes, new_closes, result)
    return result


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return max(high, previous close) - min(low, previous close); high - low where there is none."""
    result = np.empty(close.size)
    trend.true_range(high, low, close, result)
    return result


def average_true_range(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    """Return Wilder's mean of the true range."""
    return wilder_mean(true_range(high, low, close), length)


def directional(
    high: FloatArray, low: FloatArray, close: FloatArray, length: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return Wilder's ADX, the plus and the minus directional index, each from the row where it exists."""
    strength, plus, minus = np.empty(close.size), np.empty(close.size), np.empty(close.size)
    trend.directional(high, low, close, length, strength, plus, minus)
    return strength, plus, minus


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
    line, directions = np.empty(close.size), np.empty(close.size)
    trend.supertrend(middle, close, distance, line, directions)
    return line, directions


def parabolic(
    high: FloatArray, low: FloatArray, initial: float, step: float, largest: float
) -> tuple[FloatArray, FloatArray]:
    """Return Wilder's parabolic stop and its direction (+1 up, -1 down)."""
    stops, directions = np.empty(high.size), np.empty(high.size)
    trend.parabolic(high, low, initial, step, largest, stops, directions)
    return stops, directions
