"""Sums over a moving window, each from the bars of its window alone, at the same cost for every length.

The usual way, adding the newest value to a running sum and taking the oldest off, leaves the rounding
errors of everything that ever passed: after one bar with a large volume TA-Lib's SMA of twenty bars
without volume is -1.9e-10 instead of 0, and `volume > average` is true.

Here the rows are cut into blocks as long as the window. Every window then is the end of one block and the
beginning of the next: a sum that grew backwards from the edge between them, plus one that grew forwards.
Nothing is ever taken off, so a NaN or a huge value is gone when its window is. Both sums are of distances
from the value at the edge, which lies in all these windows, so that a constant series gives its constant to
the bit. Two additions per row: 1.5 ms for a year of minutes.

The rows of the window before the edge `edge` are written into the output first, at the row of the window's
newest bar, and completed there.
"""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel


@kernel
def total(values: Read, length: int, sums: Write) -> None:
    """Fill the sum of the last `length` values; NaN for the first `length - 1` rows."""
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        before = 0.0
        for row in range(edge + length - 2, edge - 1, -1):
            before += values[row - length + 1] if row >= length - 1 else np.nan
            if row < stop:
                sums[row] = before
        if edge + length == stop:
            sums[stop - 1] = 0.0
        after = 0.0
        for row in range(edge, stop):
            after += values[row]
            sums[row] += after


@kernel
def mean(values: Read, length: int, means: Write) -> None:
    """Fill the plain mean of the last `length` values."""
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        centre = values[edge]
        before = 0.0
        for row in range(edge + length - 2, edge - 1, -1):
            before += values[row - length + 1] - centre if row >= length - 1 else np.nan
            if row < stop:
                means[row] = before
        if edge + length == stop:
            means[stop - 1] = 0.0
        after = 0.0
        for row in range(edge, stop):
            after += values[row] - centre
            means[row] = centre + (means[row] + after) / length


@kernel
def mean_by(values: Read, weights: Read, length: int, means: Write, total_weights: Write) -> None:
    """Fill the mean of the last `length` values, each weighted by its row of `weights`, and the weights' sum.

    Where the window has no weight at all the mean is NaN.
    """
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        centre = values[edge]
        before, weight = 0.0, 0.0
        for row in range(edge + length - 2, edge - 1, -1):
            past = row - length + 1
            weight += weights[past] if past >= 0 else np.nan
            before += weights[past] * (values[past] - centre) if past >= 0 else np.nan
            if row < stop:
                means[row], total_weights[row] = before, weight
        if edge + length == stop:
            means[stop - 1], total_weights[stop - 1] = 0.0, 0.0
        after, weight = 0.0, 0.0
        for row in range(edge, stop):
            weight += weights[row]
            after += weights[row] * (values[row] - centre)
            total_weights[row] += weight
            everything = total_weights[row]
            means[row] = centre + (means[row] + after) / everything if everything != 0.0 else np.nan


@kernel
def deviation(values: Read, length: int, means: Write, deviations: Write) -> None:
    """Fill the mean of the last `length` values and their population standard deviation."""
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        centre = values[edge]
        before, squares = 0.0, 0.0
        for row in range(edge + length - 2, edge - 1, -1):
            distance = values[row - length + 1] - centre if row >= length - 1 else np.nan
            before += distance
            squares += distance * distance
            if row < stop:
                means[row], deviations[row] = before, squares
        if edge + length == stop:
            means[stop - 1], deviations[stop - 1] = 0.0, 0.0
        after, squares = 0.0, 0.0
        for row in range(edge, stop):
            distance = values[row] - centre
            after += distance
            squares += distance * distance
            offset = (means[row] + after) / length
            variance = (deviations[row] + squares) / length - offset * offset
            means[row] = centre + offset
            # never below nought but by rounding, when the value at the edge is far from all the others
            deviations[row] = np.sqrt(0.0 if variance < 0.0 else variance)


@kernel
def line(values: Read, length: int, means: Write, slopes: Write) -> None:
    """Fill the mean of the last `length` values (at least two) and the slope of the least-squares line."""
    size = values.size
    middle = (length - 1) / 2.0
    spread = length * (float(length) * length - 1.0) / 12.0
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        centre = values[edge]
        before, by_place = 0.0, 0.0
        for row in range(edge + length - 2, edge - 1, -1):
            distance = values[row - length + 1] - centre if row >= length - 1 else np.nan
            by_place += before
            before += distance
            if row < stop:
                # by age, that of the oldest being length - 1
                means[row], slopes[row] = before, (length - 1) * before - by_place
        if edge + length == stop:
            means[stop - 1], slopes[stop - 1] = 0.0, 0.0
        after, by_age = 0.0, 0.0
        for row in range(edge, stop):
            by_age += after
            after += values[row] - centre
            everything = means[row] + after
            means[row] = centre + everything / length
            slopes[row] = (middle * everything - (slopes[row] + by_age)) / spread


@kernel
def moments(values: Read, means: Read, deviations: Read, length: int, third: Write, fourth: Write) -> None:
    """Fill the mean third and fourth power of the distances of the last `length` values from their mean.

    `means` and `deviations` are those of the windows (`deviation`). The powers are summed of distances from
    the value at the edge and then moved to the mean.
    """
    size = values.size
    for edge in range(0, size, length):
        stop = min(edge + length, size)
        centre = values[edge]
        cubes, fourths = 0.0, 0.0
        for row in range(edge + length - 2, edge - 1, -1):
            distance = values[row - length + 1] - centre if row >= length - 1 else np.nan
            cubes += distance * distance * distance
            fourths += distance * distance * distance * distance
            if row < stop:
                third[row], fourth[row] = cubes, fourths
        if edge + length == stop:
            third[stop - 1], fourth[stop - 1] = 0.0, 0.0
        cubes, fourths = 0.0, 0.0
        for row in range(edge, stop):
            distance = values[row] - centre
            cubes += distance * distance * distance
            fourths += distance * distance * distance * distance
            of_cubes, of_fourths = (third[row] + cubes) / length, (fourth[row] + fourths) / length
            offset, variance = means[row] - centre, deviations[row] * deviations[row]
            square = offset * offset
            third[row] = of_cubes - 3.0 * offset * variance - square * offset
            fourth[row] = (
                of_fourths - 4.0 * offset * of_cubes + 6.0 * square * variance + 3.0 * square * square
            )
