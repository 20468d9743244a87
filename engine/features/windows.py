"""Sums over a moving window, each from the bars of its window alone.

The usual way, adding the newest value to a running sum and taking the oldest off, leaves the rounding
errors of everything that ever passed: after one bar with a large volume TA-Lib's SMA of twenty bars
without volume is -1.9e-10 instead of 0, and `volume > average` is true. Here each window is summed afresh,
as differences from its newest value, so that a constant series gives its constant to the bit, a value
is the same however long the history before it, and a NaN is gone when its window is.

That costs length x rows additions. They are made one lag at a time over a block of rows that fits the
cache, which the compiler turns into vector instructions: 3 ms for 525,600 rows and 20 bars, 20 ms for 200.
"""

from __future__ import annotations

import numpy as np

from engine.features.compiled import compiled
from engine.features.spec import FloatArray

_BLOCK = 1024  # rows; three float64 arrays of it stay in a 32 kB first-level cache


@compiled
def _lagged_differences(values: FloatArray, weights: FloatArray) -> FloatArray:
    size, length = values.size, weights.size
    sums = np.full(size, np.nan)
    for start in range(length - 1, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        newest, block = values[start:stop], sums[start:stop]
        # nought times the newest: NaN where it is NaN, also for a window of one bar
        for row in range(block.size):
            block[row] = newest[row] * 0.0
        for lag in range(1, length):
            past, weight = values[start - lag : stop - lag], weights[lag]
            for row in range(block.size):
                block[row] += weight * (past[row] - newest[row])
    return sums


@compiled
def _squared_differences(values: FloatArray, length: int) -> FloatArray:
    size = values.size
    sums = np.full(size, np.nan)
    for start in range(length - 1, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        newest, block = values[start:stop], sums[start:stop]
        for row in range(block.size):
            block[row] = newest[row] * 0.0
        for lag in range(1, length):
            past = values[start - lag : stop - lag]
            for row in range(block.size):
                block[row] += (past[row] - newest[row]) ** 2
    return sums


@compiled
def _absolute_differences(values: FloatArray, centres: FloatArray, length: int) -> FloatArray:
    size = values.size
    sums = np.full(size, np.nan)
    for start in range(length - 1, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        centre, block = centres[start:stop], sums[start:stop]
        block[:] = 0.0
        for lag in range(length):
            past = values[start - lag : stop - lag]
            for row in range(block.size):
                block[row] += abs(past[row] - centre[row])
    return sums


@compiled
def _weighted_differences(values: FloatArray, weights: FloatArray, length: int) -> FloatArray:
    size = values.size
    sums = np.full(size, np.nan)
    for start in range(length - 1, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        newest, block = values[start:stop], sums[start:stop]
        for row in range(block.size):
            block[row] = newest[row] * 0.0
        for lag in range(1, length):
            past, weight = values[start - lag : stop - lag], weights[start - lag : stop - lag]
            for row in range(block.size):
                block[row] += weight[row] * (past[row] - newest[row])
    return sums


@compiled
def total(values: FloatArray, length: int) -> FloatArray:
    """Return the sum of the last `length` values, oldest last; NaN for the first `length - 1` rows."""
    size = values.size
    sums = np.full(size, np.nan)
    for start in range(length - 1, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        block = sums[start:stop]
        block[:] = 0.0
        for lag in range(length):
            past = values[start - lag : stop - lag]
            for row in range(block.size):
                block[row] += past[row]
    return sums


def filtered(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the moving average with the given weights.

    Parameters
    ----------
    values : ndarray of float64
    weights : ndarray of float64
        One per bar of the window, that of the newest bar first. They must sum to one.

    Returns
    -------
    ndarray of float64
        sum of weights[k] * values[i - k]; NaN for the first `len(weights) - 1` rows.
    """
    return values + _lagged_differences(values, weights)


def mean(values: FloatArray, length: int) -> FloatArray:
    """Return the plain mean of the last `length` values."""
    return values + _lagged_differences(values, np.ones(length)) / length


def weighted_mean(values: FloatArray, length: int) -> FloatArray:
    """Return the mean with weights falling by equal steps from `length` (newest) to 1 (oldest)."""
    weights = np.arange(length, 0, -1, dtype=np.float64)
    return values + _lagged_differences(values, weights) / (length * (length + 1) / 2)


def mean_by(values: FloatArray, weights: FloatArray, length: int) -> FloatArray:
    """Return the mean of the last `length` values, each weighted by its own row of `weights` (>= 0).

    Where the window has no weight at all it is the plain mean.
    """
    weight = total(weights, length)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = values + _weighted_differences(values, weights, length) / weight
    return np.where(weight == 0.0, mean(values, length), weighted)


def mean_and_deviation(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the population standard deviation of the last `length` values."""
    offset = _lagged_differences(values, np.ones(length)) / length
    # never below nought but by rounding, when the newest value is far from all the others
    variance = np.maximum(_squared_differences(values, length) / length - offset * offset, 0.0)
    return values + offset, np.sqrt(variance)


def mean_and_absolute_deviation(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the last `length` values and the mean of their distances from it."""
    centre = mean(values, length)
    return centre, _absolute_differences(values, centre, length) / length


def regression(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the least-squares line through the last `length` values: its newest point and its slope.

    Returns
    -------
    (ndarray of float64, ndarray of float64)
        The line's value at the newest bar, and its rise per bar.
    """
    lags = np.arange(length, dtype=np.float64)
    from_middle = (length - 1) / 2 - lags
    slope = _lagged_differences(values, from_middle) / float(np.sum(from_middle**2))
    return mean(values, length) + slope * (length - 1) / 2, slope
