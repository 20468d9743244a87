"""The compiled passes behind the leaves: each reads its operands once and writes one flag per bar.

Operands are float64 arrays of one length, or of length 1: a constant. A value that is NaN or infinite is
missing, and no flag is set where an operand is missing. `wanted` says which verdict sets the flag, so that
the same pass gives where a leaf is known to be true and where it is known to be false.

There is at least one bar, and `flags` has one place for each. The bars are gone through in blocks that stay
in the cache, so that a constant costs no array of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled

_BLOCK = 1024


@compiled
def related(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    greater: bool,
    less: bool,
    equal: bool,
    flags: NDArray[np.bool_],
) -> None:
    """Flag where left is greater, less or equal, of these three whichever are wanted."""
    lefts, rights = np.full(_BLOCK, left[0]), np.full(_BLOCK, right[0])
    for start in range(0, flags.size, _BLOCK):
        stop = min(start + _BLOCK, flags.size)
        a = left[start:stop] if left.size > 1 else lefts
        b = right[start:stop] if right.size > 1 else rights
        flag = flags[start:stop]
        for i in range(flag.size):
            hit = (greater & (a[i] > b[i])) | (less & (a[i] < b[i])) | (equal & (a[i] == b[i]))
            flag[i] = hit & (abs(a[i]) < np.inf) & (abs(b[i]) < np.inf)


@compiled
def crossed(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    above: bool,
    wanted: bool,
    flags: NDArray[np.bool_],
) -> None:
    """Flag where left is beyond right now and was not at the bar before; never at the first bar."""
    lefts, rights = np.full(_BLOCK, left[0]), np.full(_BLOCK, right[0])
    below = not above
    flags[:1] = False
    for start in range(1, flags.size, _BLOCK):
        stop = min(start + _BLOCK, flags.size)
        a, before_a = (left[start:stop], left[start - 1 : stop - 1]) if left.size > 1 else (lefts, lefts)
        b, before_b = (right[start:stop], right[start - 1 : stop - 1]) if right.size > 1 else (rights, rights)
        flag = flags[start:stop]
        for i in range(flag.size):
            up = (a[i] > b[i]) & (before_a[i] <= before_b[i])
            down = (a[i] < b[i]) & (before_a[i] >= before_b[i])
            present = (abs(a[i]) < np.inf) & (abs(b[i]) < np.inf)
            present &= (abs(before_a[i]) < np.inf) & (abs(before_b[i]) < np.inf)
            flag[i] = (((above & up) | (below & down)) == wanted) & present


@compiled
def within(
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    wanted: bool,
    flags: NDArray[np.bool_],
) -> None:
    """Flag where low <= value <= high."""
    values, lows, highs = np.full(_BLOCK, value[0]), np.full(_BLOCK, low[0]), np.full(_BLOCK, high[0])
    for start in range(0, flags.size, _BLOCK):
        stop = min(start + _BLOCK, flags.size)
        v = value[start:stop] if value.size > 1 else values
        a = low[start:stop] if low.size > 1 else lows
        b = high[start:stop] if high.size > 1 else highs
        flag = flags[start:stop]
        for i in range(flag.size):
            present = (abs(v[i]) < np.inf) & (abs(a[i]) < np.inf) & (abs(b[i]) < np.inf)
            flag[i] = (((a[i] <= v[i]) & (v[i] <= b[i])) == wanted) & present


@compiled
def near(
    value: NDArray[np.float64],
    against: NDArray[np.float64],
    tolerance: NDArray[np.float64],
    in_percent: bool,
    wanted: bool,
    flags: NDArray[np.bool_],
) -> None:
    """Flag where value is at most `tolerance` away from `against`, or that many percent of `against`."""
    values, others = np.full(_BLOCK, value[0]), np.full(_BLOCK, against[0])
    tolerances = np.full(_BLOCK, tolerance[0])
    for start in range(0, flags.size, _BLOCK):
        stop = min(start + _BLOCK, flags.size)
        v = value[start:stop] if value.size > 1 else values
        a = against[start:stop] if against.size > 1 else others
        t = tolerance[start:stop] if tolerance.size > 1 else tolerances
        flag = flags[start:stop]
        for i in range(flag.size):
            allowed = abs(a[i]) * t[i] / 100.0 if in_percent else t[i]
            present = (abs(v[i]) < np.inf) & (abs(a[i]) < np.inf) & (abs(t[i]) < np.inf)
            flag[i] = ((abs(v[i] - a[i]) <= allowed) == wanted) & present


@compiled
def listed(
    value: NDArray[np.float64], numbers: NDArray[np.float64], wanted: bool, flags: NDArray[np.bool_]
) -> None:
    """Flag where value is exactly one of `numbers`."""
    values = np.full(_BLOCK, value[0])
    for start in range(0, flags.size, _BLOCK):
        stop = min(start + _BLOCK, flags.size)
        v = value[start:stop] if value.size > 1 else values
        flag = flags[start:stop]
        flag[:] = False
        for number in numbers:
            for i in range(flag.size):
                flag[i] |= v[i] == number
        for i in range(flag.size):
            flag[i] = (flag[i] == wanted) & (abs(v[i]) < np.inf)


@compiled
def counted(verdicts: NDArray[np.bool_], length: int, at_least: int, flags: NDArray[np.bool_]) -> None:
    """Flag where at least `at_least` of the last `length` verdicts, this one included, are true."""
    count = 0
    for i in range(flags.size):
        count += verdicts[i]
        if i >= length:
            count -= verdicts[i - length]
        flags[i] = count >= at_least


_NEVER = -(2**62)


@compiled
def sequenced(steps: NDArray[np.bool_], longest: int, open_past: bool, flags: NDArray[np.bool_]) -> None:
    """Flag where the last step is true, and each step before it was at some place before the next one's.

    Parameters
    ----------
    steps : bool[steps, places]
        Where each step is true; there are at least two.
    longest : int
        Most places from the first step to the last.
    open_past : bool
        Whether any step may have been true at the places before the first.
    flags : bool[places]
    """
    last = len(steps) - 1
    # of the steps up to each one, done in order at places gone by: the latest place of the first of them
    begun = np.full(last, _NEVER, np.int64)
    if open_past:
        for step in range(last):
            begun[step] = -(step + 1)
    for i in range(flags.size):
        flags[i] = steps[last, i] & (i - begun[last - 1] <= longest)
        for step in range(last - 1, 0, -1):
            if steps[step, i]:
                begun[step] = max(begun[step], begun[step - 1])
        if steps[0, i]:
            begun[0] = i


@compiled
def weighed(verdicts: NDArray[np.bool_], weight: int, sums: NDArray[np.int64]) -> None:
    """Add `weight` to the sums where a verdict is true."""
    for i in range(sums.size):
        sums[i] += weight * verdicts[i]
