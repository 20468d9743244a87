"""Arithmetic on whole columns, with as few new arrays as possible.

A new array of a year of minutes takes the kernel of the operating system longer to hand out (1.2 ms) than
most indicators take to fill it: results are made in place where they can be.
"""

from __future__ import annotations

import numpy as np

from engine.features import windows
from engine.features.spec import FloatArray


def delayed(values: FloatArray, length: int) -> FloatArray:
    """Return the values `length` bars before; NaN where there are none."""
    result = np.empty(values.size)
    result[:length] = np.nan
    result[length:] = values[: max(values.size - length, 0)]
    return result


def change(values: FloatArray, length: int = 1) -> FloatArray:
    """Return value - value `length` bars before; NaN where there is none."""
    result = np.empty(values.size)
    result[:length] = np.nan
    np.subtract(values[length:], values[: max(values.size - length, 0)], out=result[length:])
    return result


def ratio(numerator: FloatArray, denominator: FloatArray, otherwise: float) -> FloatArray:
    """Return the quotient, and `otherwise` where the denominator is nought; NaN stays NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: FloatArray = numerator / denominator
    nothing = denominator == 0.0
    if nothing.any():
        result[nothing] = otherwise
    return result


def middle(high: FloatArray, low: FloatArray) -> FloatArray:
    """Return (high + low) / 2."""
    result: FloatArray = high + low
    result /= 2.0
    return result


def typical(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return (high + low + close) / 3."""
    result: FloatArray = high + low
    result += close
    result /= 3.0
    return result


def efficiency(values: FloatArray, length: int) -> FloatArray:
    """Return how far the value came over `length` bars, as a share of its way; 0 where it did not move."""
    distance, steps = change(values, length), change(values)
    np.abs(distance, out=distance)
    return ratio(distance, windows.total(np.abs(steps, out=steps), length), 0.0)
