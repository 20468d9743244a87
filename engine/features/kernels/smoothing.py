"""Averages whose value is made of the value before it, and what is built on them in one pass.

previous + alpha * (value - previous) is a chain of a subtraction, a product and a sum per bar, each waiting
for the one before: 1.3 ms for a year of minutes, whatever the machine could do besides. Unrolled over four
bars, with a = alpha, k = 1 - a and the four values p, q, r, s, the fourth average is

    previous + a * (1 + k + k^2 + k^3) * (m - previous)

where m is the mean of p, q, r, s with weights k^3, k^2, k, 1. One link of the chain makes four bars: 0.4 ms.
All is written as distances, so that a constant series still gives its constant to the bit.
"""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel


@kernel
def four_bars(
    previous: float, alpha: float, p: float, q: float, r: float, s: float
) -> tuple[float, float, float, float]:
    """Return the averages of the next four bars, whose values are `p`, `q`, `r` and `s`.

    The first three depend on nothing that comes after them.
    """
    keep = 1.0 - alpha
    square = keep * keep
    of_two = alpha * (1.0 + keep)
    early = q + keep / (1.0 + keep) * (p - q)
    late = s + keep / (1.0 + keep) * (r - s)
    of_four = late + square / (1.0 + square) * (early - late)
    second = previous + of_two * (early - previous)
    return (
        previous + alpha * (p - previous),
        second,
        second + alpha * (r - second),
        previous + of_two * (1.0 + square) * (of_four - previous),
    )


@kernel
def exponential(values: Read, length: int, alpha: float, average: Write) -> None:
    """Fill the exponential average, started with the plain mean of the first `length` values.

    NaN at the beginning of `values` is passed over, so that it can be applied to another indicator.
    """
    size = values.size
    first = 0
    while first < size and np.isnan(values[first]):
        first += 1
    start = first + length - 1
    for row in range(min(start, size)):
        average[row] = np.nan
    if start >= size:
        return
    # summed as distances from the first value: a constant series gives its constant to the bit
    total = 0.0
    for row in range(first, start + 1):
        total += values[row] - values[first]
    last = values[first] + total / length
    average[start] = last
    row = start + 1
    while row + 3 < size:
        one, two, three, last = four_bars(
            last, alpha, values[row], values[row + 1], values[row + 2], values[row + 3]
        )
        average[row], average[row + 1], average[row + 2], average[row + 3] = one, two, three, last
        row += 4
    # what is left over, by the same steps as above: a value must not depend on where the series ends
    if row < size:
        next_value = values[min(row + 1, size - 1)]
        one, two, three, _ = four_bars(last, alpha, values[row], next_value, values[size - 1], 0.0)
        average[row] = one
        if row + 1 < size:
            average[row + 1] = two
        if row + 2 < size:
            average[row + 2] = three


@kernel
def strength(values: Read, length: int, index: Write) -> None:
    """Fill Wilder's relative strength index: 100 * G / (G + L), 50 where nothing moved."""
    size = values.size
    first = 0
    while first < size and np.isnan(values[first]):
        first += 1
    start = first + length
    for row in range(min(start, size)):
        index[row] = np.nan
    if start >= size:
        return
    gain, loss = 0.0, 0.0
    for row in range(first + 1, start + 1):
        change = values[row] - values[row - 1]
        # nought times it: NaN goes into both
        gain += change if change > 0.0 else 0.0 * change
        loss += -change if change < 0.0 else 0.0 * change
    gain, loss = gain / length, loss / length
    share = 1.0 / length
    index[start] = 100.0 * gain / (gain + loss) if gain + loss != 0.0 else 50.0
    for row in range(start + 1, size):
        change = values[row] - values[row - 1]
        gain += share * ((change if change > 0.0 else 0.0 * change) - gain)
        loss += share * ((-change if change < 0.0 else 0.0 * change) - loss)
        index[row] = 100.0 * gain / (gain + loss) if gain + loss != 0.0 else 50.0


@kernel
def adaptive(values: Read, smoothing: Read, start: int, average: Write) -> None:
    """Fill the average that moves from its last value to the newest by `smoothing[row]` (0 to 1).

    Its value at `start - 1` is taken to be the price there; the first value it gives is at `start`.
    """
    size = values.size
    for row in range(min(start, size)):
        average[row] = np.nan
    if start >= size:
        return
    previous = values[start - 1]
    for row in range(start, size):
        previous += smoothing[row] * (values[row] - previous)
        average[row] = previous


@kernel
def two_pole(values: Read, near: float, far: float, average: Write) -> None:
    """Fill near * the result before + far * the one before that + the rest * the mean of two values.

    The first two results are the values themselves.
    """
    size = values.size
    rest = (1.0 - near - far) / 2.0
    for row in range(min(2, size)):
        average[row] = values[row]
    for row in range(2, size):
        fresh = rest * (values[row] + values[row - 1])
        average[row] = fresh + near * average[row - 1] + far * average[row - 2]


@kernel
def heikin_ashi_open(opens: Read, closes: Read, new_closes: Read, new_opens: Write) -> None:
    """Fill the mean of the new open and new close of the bar before; that of its candle on the first."""
    for row in range(min(1, opens.size)):
        new_opens[row] = (opens[row] + closes[row]) / 2.0
    for row in range(1, opens.size):
        new_opens[row] = (new_opens[row - 1] + new_closes[row - 1]) / 2.0
