"""Ranges of bars, and the indicators that follow a trend bar by bar."""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel


@kernel
def true_range(high: Read, low: Read, close: Read, ranges: Write) -> None:
    """Fill max(high, previous close) - min(low, previous close); high - low where there is none."""
    if high.size:
        ranges[0] = high[0] - low[0]
    tops, bottoms, rest = high[1:], low[1:], ranges[1:]
    for row in range(rest.size):
        top, bottom, previous = tops[row], bottoms[row], close[row]
        top = previous if previous > top else top
        bottom = previous if previous < bottom else bottom
        rest[row] = top - bottom


@kernel
def directional(
    high: Read, low: Read, close: Read, length: int, strength: Write, plus: Write, minus: Write
) -> None:
    """Fill Wilder's ADX and the two directional indices, from the row where each exists.

    The sums start with the first `length - 1` movements and lose a share of themselves at each bar; the ADX
    starts with the mean of the first `length` indices. It stands still where nothing moved.
    """
    size = high.size
    upward, downward, ranges, average = 0.0, 0.0, 0.0, 0.0
    keep, share = 1.0 - 1.0 / length, 1.0 / length
    for row in range(min(1, size)):
        strength[row] = plus[row] = minus[row] = np.nan
    for row in range(1, size):
        up, down = high[row] - high[row - 1], low[row - 1] - low[row]
        previous = close[row - 1]
        top = previous if previous > high[row] else high[row]
        bottom = previous if previous < low[row] else low[row]
        if row >= length:
            upward, downward, ranges = upward * keep, downward * keep, ranges * keep
        # nought times both: NaN goes everywhere
        nought = 0.0 * (up + down)
        upward += up if up > down and up > 0.0 else nought
        downward += down if down > up and down > 0.0 else nought
        ranges += top - bottom
        strength[row] = np.nan
        if row < length:
            plus[row] = minus[row] = np.nan
            continue
        rising = 100.0 * upward / ranges if ranges != 0.0 else 0.0
        falling = 100.0 * downward / ranges if ranges != 0.0 else 0.0
        plus[row], minus[row] = rising, falling
        both = rising + falling
        if row < 2 * length:
            average += 100.0 * abs(rising - falling) / both / length if both != 0.0 else 0.0
        elif both != 0.0:
            average += share * (100.0 * abs(rising - falling) / both - average)
        if row >= 2 * length - 1:
            strength[row] = average


@kernel
def supertrend(middle: Read, close: Read, distance: Read, line: Write, directions: Write) -> None:
    """Fill the SuperTrend line and its direction; see `engine.features.recursions.supertrend`."""
    size = close.size
    first = 0
    while first < size and np.isnan(distance[first]):
        line[first] = directions[first] = np.nan
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


@kernel
def parabolic(
    high: Read, low: Read, initial: float, step: float, largest: float, stops: Write, directions: Write
) -> None:
    """Fill Wilder's parabolic stop and its direction (+1 up, -1 down); the first row has none.

    The first direction is up unless the second bar moved further down than up.
    """
    size = high.size
    for row in range(min(1, size)):
        stops[row] = directions[row] = np.nan
    if size < 2:
        return
    fall, rise = low[0] - low[1], high[1] - high[0]
    direction = -1.0 if fall > 0.0 and fall > rise else 1.0
    stop, extreme = (low[0], high[1]) if direction > 0.0 else (high[0], low[1])
    factor = initial
    before_high, before_low = high[1], low[1]
    for row in range(1, size):
        newest_high, newest_low = high[row], low[row]
        if np.isnan(newest_high) or np.isnan(newest_low):
            # from here on nothing is known
            for rest in range(row, size):
                stops[rest] = directions[rest] = np.nan
            return
        if newest_low <= stop if direction > 0.0 else newest_high >= stop:
            # turned: the stop is now the extreme, never inside the last two bars
            if direction > 0.0:
                stop, extreme = max(extreme, before_high, newest_high), newest_low
            else:
                stop, extreme = min(extreme, before_low, newest_low), newest_high
            direction, factor = -direction, initial
            stops[row], directions[row] = stop, direction
        else:
            stops[row], directions[row] = stop, direction
            if direction > 0.0 and newest_high > extreme:
                extreme, factor = newest_high, min(factor + step, largest)
            elif direction < 0.0 and newest_low < extreme:
                extreme, factor = newest_low, min(factor + step, largest)
        stop += factor * (extreme - stop)
        inside = min(stop, before_low, newest_low) if direction > 0.0 else max(stop, before_high, newest_high)
        stop, before_high, before_low = inside, newest_high, newest_low
