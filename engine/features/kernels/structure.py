"""Market structure, bar by bar: what was known when each bar closed, and nothing later.

Levels that do not exist, because nothing like them has happened yet or they are used up, are NaN; all
comparisons with them are false.
"""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel


@kernel
def is_swing(values: Read, row: int, left: int, right: int, sign: float) -> bool:
    """Return whether the value at `row` is above all `left` before and `right` after it (`sign` -1: below).

    Equal values are no swing. The bars after it are read: ask at `row + right` or later.
    """
    if row < left:
        return False
    value = sign * values[row]
    # the nearest first: nearly all bars fail at once
    for away in range(1, max(left, right) + 1):
        if away <= right and not value > sign * values[row + away]:
            return False
        if away <= left and not value > sign * values[row - away]:
            return False
    return True


@kernel
def swings(
    high: Read,
    low: Read,
    left: int,
    right: int,
    tops: Write,
    bottoms: Write,
    top_ages: Write,
    bottom_ages: Write,
) -> None:
    """Fill the last confirmed swing high and swing low, and how many bars ago each was."""
    top, bottom, top_at, bottom_at = np.nan, np.nan, 0, 0
    for row in range(high.size):
        swing = row - right
        if swing >= 0 and is_swing(high, swing, left, right, 1.0):
            top, top_at = high[swing], swing
        if swing >= 0 and is_swing(low, swing, left, right, -1.0):
            bottom, bottom_at = low[swing], swing
        tops[row], bottoms[row] = top, bottom
        top_ages[row] = row - top_at if not np.isnan(top) else np.nan
        bottom_ages[row] = row - bottom_at if not np.isnan(bottom) else np.nan


@kernel
def breaks(
    high: Read,
    low: Read,
    close: Read,
    left: int,
    right: int,
    trends: Write,
    continued: Write,
    turned: Write,
    levels: Write,
) -> None:
    """Fill the trend, where it was continued (break of structure) or turned, and the level last broken.

    A swing is broken by a close beyond it, once. Before the first break there is no trend (0).
    """
    top, bottom, trend, level = np.nan, np.nan, 0.0, np.nan
    for row in range(high.size):
        swing = row - right
        if swing >= 0 and is_swing(high, swing, left, right, 1.0):
            top = high[swing]
        if swing >= 0 and is_swing(low, swing, left, right, -1.0):
            bottom = low[swing]
        broke = 0.0
        if close[row] > top:
            broke, level, top = 1.0, top, np.nan
        elif close[row] < bottom:
            broke, level, bottom = -1.0, bottom, np.nan
        turned[row] = broke if broke * trend < 0.0 else 0.0
        continued[row] = broke - turned[row]
        trend = broke if broke != 0.0 else trend
        trends[row], levels[row] = trend, level


@kernel
def sweeps(high: Read, low: Read, close: Read, left: int, right: int, swept: Write, levels: Write) -> None:
    """Fill where a swing was pierced but not closed beyond (+1 under a low, -1 over a high), and its level.

    A swing that was pierced is used up, swept or broken.
    """
    top, bottom, level = np.nan, np.nan, np.nan
    for row in range(high.size):
        swing = row - right
        if swing >= 0 and is_swing(high, swing, left, right, 1.0):
            top = high[swing]
        if swing >= 0 and is_swing(low, swing, left, right, -1.0):
            bottom = low[swing]
        found = 0.0
        if low[row] < bottom:
            if close[row] > bottom:
                found, level = 1.0, bottom
            bottom = np.nan
        if high[row] > top:
            if close[row] < top:
                found, level = -1.0, top
            top = np.nan
        swept[row], levels[row] = found, level


@kernel
def gaps(
    high: Read,
    low: Read,
    sign: float,
    bottoms: Write,
    tops: Write,
    filled: Write,
) -> None:
    """Fill the last fair value gap that is still open, and how much of it was traded in (0 to 1).

    A bar whose low is above the high of two bars before leaves a gap between both (`sign` 1); with -1 the
    mirror image. It is gone with the bar that fills it.
    """
    near, far, deepest = np.nan, np.nan, np.nan
    for row in range(high.size):
        edge = low[row] if sign > 0.0 else -high[row]
        before = np.nan
        if row >= 2:
            before = high[row - 2] if sign > 0.0 else -low[row - 2]
        if edge > before:
            near, far, deepest = edge, before, edge
        elif edge < deepest:
            deepest = edge
        if deepest <= far:
            near, far, deepest = np.nan, np.nan, np.nan
        tops[row] = near if sign > 0.0 else -far
        bottoms[row] = far if sign > 0.0 else -near
        filled[row] = (near - deepest) / (near - far)


@kernel
def order_blocks(
    opens: Read, closes: Read, displaced: Read, lookback: int, sign: float, bottoms: Write, tops: Write
) -> None:
    """Fill the body of the last opposite candle before the last displacement upwards (`sign` -1: downwards).

    It is looked for among `lookback` candles, and gone with a close beyond its far side.
    """
    bottom, top = np.nan, np.nan
    for row in range(opens.size):
        if (closes[row] < bottom) if sign > 0.0 else (closes[row] > top):
            bottom, top = np.nan, np.nan
        if displaced[row] == sign:
            for before in range(row - 1, max(row - 1 - lookback, -1), -1):
                if sign * (closes[before] - opens[before]) < 0.0:
                    bottom, top = min(opens[before], closes[before]), max(opens[before], closes[before])
                    break
        bottoms[row], tops[row] = bottom, top
