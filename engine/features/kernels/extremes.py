"""Highest and lowest values of a moving window, at the same cost for every length.

Cut into blocks as in `engine.features.kernels.sums`: the window's extreme is that of the end of one block
or that of the beginning of the next. NaN anywhere in a window makes its extreme NaN.
"""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel


@kernel
def larger(one: float, other: float) -> float:
    """Return the larger of both; NaN if either is."""
    # a NaN that stands already makes the comparison false as well
    return one if one > other or np.isnan(one) else other


@kernel
def highest(values: Read, length: int, sign: float, extremes: Write) -> None:
    """Fill the highest of the last `length` values with `sign` 1, the lowest with -1."""
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        before = -np.inf
        for row in range(edge + length - 2, edge - 1, -1):
            before = larger(sign * values[row - length + 1] if row >= length - 1 else np.nan, before)
            if row < stop:
                extremes[row] = before
        if edge + length == stop:
            extremes[stop - 1] = -np.inf
        after = -np.inf
        for row in range(edge, stop):
            after = larger(sign * values[row], after)
            extremes[row] = sign * larger(after, extremes[row])


@kernel
def bars_since(values: Read, length: int, sign: float, ages: Write) -> None:
    """Fill how many bars ago the highest of `length` values was (lowest: `sign` -1); the latest counts."""
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        before, place = -np.inf, -1
        for row in range(edge + length - 2, edge - 1, -1):
            if row >= length - 1:
                value = sign * values[row - length + 1]
                if value > before or np.isnan(value):
                    before, place = value, row - length + 1
            if row < stop:
                ages[row] = place if row >= length - 1 else np.nan
        after, latest = -np.inf, -1
        for row in range(edge, stop):
            value = sign * values[row]
            if value >= after or np.isnan(value):
                after, latest = value, row
            if row < length - 1:
                continue
            best, chosen = after, latest
            if row < edge + length - 1:
                earlier = sign * values[int(ages[row])]
                if earlier > after or np.isnan(earlier):
                    best, chosen = earlier, int(ages[row])
            ages[row] = row - chosen if not np.isnan(best) else np.nan
