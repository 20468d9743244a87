"""Sums, extremes and lines over a moving window, as new arrays.

Every value is made of the bars of its window alone, and is NaN where the window is not complete or holds a
NaN. It costs the same for every length, but for `filtered` and the absolute deviation: length x rows.
"""

from __future__ import annotations

import numpy as np

from engine.features.kernels import extremes, filters, sums
from engine.features.spec import FloatArray

_WEIGHTLESS = 1e-20


def total(values: FloatArray, length: int) -> FloatArray:
    """Return the sum of the last `length` values."""
    result = np.empty(values.size)
    sums.total(values, length, result)
    return result


def mean(values: FloatArray, length: int) -> FloatArray:
    """Return the plain mean of the last `length` values."""
    result = np.empty(values.size)
    sums.mean(values, length, result)
    return result


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
    result = np.empty(values.size)
    # the ends of a bell or of a growth weigh nothing, even all together
    counted = np.flatnonzero(np.abs(weights) > _WEIGHTLESS * np.abs(weights).max())
    first, last = max(int(counted[0]), 1), int(counted[-1])
    filters.filtered(values, weights[: last + 1], first, weights.size, result)
    return result


def mean_by(values: FloatArray, weights: FloatArray, length: int) -> FloatArray:
    """Return the mean of the last `length` values, each weighted by its own row of `weights` (>= 0).

    Where the window has no weight at all it is the plain mean.
    """
    result, weight = np.empty(values.size), np.empty(values.size)
    sums.mean_by(values, weights, length, result, weight)
    nothing = weight == 0.0
    if nothing.any():
        result[nothing] = mean(values, length)[nothing]
    return result


def mean_and_deviation(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the population standard deviation of the last `length` values."""
    centre, deviation = np.empty(values.size), np.empty(values.size)
    sums.deviation(values, length, centre, deviation)
    return centre, deviation


def deviation_and_moments(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the population standard deviation of the last `length` values and the third and fourth moment.

    The moments are the mean third and fourth power of the distances from the mean.
    """
    centre, deviation = mean_and_deviation(values, length)
    third, fourth = np.empty(values.size), np.empty(values.size)
    sums.moments(values, centre, deviation, length, third, fourth)
    return deviation, third, fourth


def mean_and_absolute_deviation(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the last `length` values and the mean of their distances from it."""
    centre, deviation = mean(values, length), np.empty(values.size)
    filters.absolute_deviation(values, centre, length, deviation)
    return centre, deviation


def mean_and_slope(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the last `length` values (at least 2) and the slope of their least-squares line."""
    centre, slope = np.empty(values.size), np.empty(values.size)
    sums.line(values, length, centre, slope)
    return centre, slope


def weighted_mean(values: FloatArray, length: int) -> FloatArray:
    """Return the mean with weights falling by equal steps from `length` (newest) to 1 (oldest).

    It is the least-squares line at two thirds of the window.
    """
    if length == 1:
        return values.copy()
    centre, slope = mean_and_slope(values, length)
    slope *= (length - 1) / 6.0
    slope += centre
    return slope


def regression(values: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Return the least-squares line through the last `length` values: its newest point and its slope.

    Returns
    -------
    (ndarray of float64, ndarray of float64)
        The line's value at the newest bar, and its rise per bar.
    """
    centre, slope = mean_and_slope(values, length)
    centre += slope * ((length - 1) / 2.0)
    return centre, slope


def highest(values: FloatArray, length: int) -> FloatArray:
    """Return the highest of the last `length` values."""
    result = np.empty(values.size)
    extremes.highest(values, length, 1.0, result)
    return result


def lowest(values: FloatArray, length: int) -> FloatArray:
    """Return the lowest of the last `length` values."""
    result = np.empty(values.size)
    extremes.highest(values, length, -1.0, result)
    return result


def bars_since_highest(values: FloatArray, length: int) -> FloatArray:
    """Return how many bars ago the highest of the last `length` values was; of equal ones the latest."""
    result = np.empty(values.size)
    extremes.bars_since(values, length, 1.0, result)
    return result


def bars_since_lowest(values: FloatArray, length: int) -> FloatArray:
    """Return how many bars ago the lowest of the last `length` values was; of equal ones the latest."""
    result = np.empty(values.size)
    extremes.bars_since(values, length, -1.0, result)
    return result
