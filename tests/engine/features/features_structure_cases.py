"""Rows of the market structure: see `features_cases`. The second opinions read every window by itself."""

from __future__ import annotations

import numpy as np
from features_cases import Case, Other

NAN = np.nan


def column(values):
    return np.array(values, dtype=np.float64)


def looked_at_swings(c, left, right):
    """Per bar: the last swing high and low that could be known, and where it was."""
    high, low = c["high"], c["low"]
    found = {1: (NAN, -1), -1: (NAN, -1)}
    rows = []
    for now in range(high.size):
        at = now - right
        for sign, values in ((1, high), (-1, -low)):
            around = values[max(at - left, 0) : now + 1]
            if at >= left and (values[at] > np.delete(around, left)).all():
                found[sign] = (sign * values[at], at)
        rows.append((*found[1], *found[-1]))
    return rows


def looked_at_swing(c, left, right):
    rows = looked_at_swings(c, left, right)
    ages = [
        tuple(now - at if at >= 0 else NAN for at in (top_at, low_at))
        for now, (_, top_at, _, low_at) in enumerate(rows)
    ]
    return (
        column([row[0] for row in rows]),
        column([row[2] for row in rows]),
        column([age[0] for age in ages]),
        column([age[1] for age in ages]),
    )


def looked_at_breaks(c, left, right):
    broken, trend, level, rows = set(), 0, NAN, []
    for now, (top, top_at, bottom, low_at) in enumerate(looked_at_swings(c, left, right)):
        close, bos, choch = c["close"][now], 0, 0
        up = close > top and ("high", top_at) not in broken
        down = close < bottom and ("low", low_at) not in broken and not up
        if up or down:
            direction = 1 if up else -1
            broken.add(("high", top_at) if up else ("low", low_at))
            level = top if up else bottom
            bos, choch = (0, direction) if trend == -direction else (direction, 0)
            trend = direction
        rows.append((trend, bos, choch, level))
    return tuple(column(values) for values in zip(*rows, strict=True))


def looked_at_sweeps(c, left, right):
    used, level, rows = set(), NAN, []
    for now, (top, top_at, bottom, low_at) in enumerate(looked_at_swings(c, left, right)):
        sweep, close = 0, c["close"][now]
        if c["low"][now] < bottom and ("low", low_at) not in used:
            used.add(("low", low_at))
            sweep, level = (1, bottom) if close > bottom else (sweep, level)
        if c["high"][now] > top and ("high", top_at) not in used:
            used.add(("high", top_at))
            sweep, level = (-1, top) if close < top else (sweep, level)
        rows.append((sweep, level))
    return tuple(column(values) for values in zip(*rows, strict=True))


def looked_at_fib(c, left, right, ratio):
    rows = []
    for top, top_at, bottom, low_at in looked_at_swings(c, left, right):
        if top_at < 0 or low_at < 0:
            rows.append((NAN, NAN, NAN))
        elif top_at >= low_at:
            rows.append((top - ratio * (top - bottom), top + ratio * (top - bottom), 1))
        else:
            rows.append((bottom + ratio * (top - bottom), bottom - ratio * (top - bottom), -1))
    return tuple(column(values) for values in zip(*rows, strict=True))


def looked_at_premium(c, left, right):
    rows = looked_at_swings(c, left, right)
    top, bottom = column([row[0] for row in rows]), column([row[2] for row in rows])
    return 0.75 * bottom + 0.25 * top, 0.5 * (bottom + top), 0.25 * bottom + 0.75 * top


def looked_at_range(c, length):
    rows = range(c["low"].size)
    return (
        column([c["low"][max(row - length + 1, 0) : row + 1].min() for row in rows]),
        column([c["high"][max(row - length + 1, 0) : row + 1].max() for row in rows]),
    )


def looked_at_displacement(c, length, body, wick):
    ranges = [c["high"][0] - c["low"][0]]
    for row in range(1, c["close"].size):
        before = c["close"][row - 1]
        ranges.append(max(c["high"][row], before) - min(c["low"][row], before))
    atr, rows = NAN, []
    for row, spread in enumerate(ranges):
        if row == length - 1:
            atr = sum(ranges[:length]) / length
        elif row >= length:
            atr = (atr * (length - 1) + spread) / length
        moved, whole = c["close"][row] - c["open"][row], c["high"][row] - c["low"][row]
        far = abs(moved) >= body * atr and (whole - abs(moved)) / whole <= wick
        rows.append((NAN if np.isnan(atr) else float(far) * np.sign(moved), abs(moved) / atr))
    return tuple(column(values) for values in zip(*rows, strict=True))


def looked_at_blocks(c, length, body, wick, lookback):
    displaced, _ = looked_at_displacement(c, length, body, wick)
    opens, closes, rows = c["open"], c["close"], []
    block = {1: (NAN, NAN), -1: (NAN, NAN)}
    for row in range(opens.size):
        if closes[row] < block[1][0]:
            block[1] = (NAN, NAN)
        if closes[row] > block[-1][1]:
            block[-1] = (NAN, NAN)
        sign = displaced[row]
        if sign in (1, -1):
            behind = [k for k in range(max(row - lookback, 0), row) if sign * (closes[k] - opens[k]) < 0]
            if behind:
                block[sign] = tuple(sorted((opens[behind[-1]], closes[behind[-1]])))
        rows.append((*block[1], *block[-1]))
    return tuple(column(values) for values in zip(*rows, strict=True))


def looked_at_gaps(c):
    rows = []
    for now in range(c["high"].size):
        sides = []
        for high, low, flip in ((c["high"], c["low"], 1), (-c["low"], -c["high"], -1)):
            born = [row for row in range(2, now + 1) if low[row] > high[row - 2]]
            side = (NAN, NAN, NAN)
            if born:
                far, near = high[born[-1] - 2], low[born[-1]]
                deepest = low[born[-1] : now + 1].min()
                if deepest > far:
                    side = (*sorted((flip * far, flip * near)), (near - deepest) / (near - far))
            sides.extend(side)
        rows.append(sides)
    return tuple(column(values) for values in zip(*rows, strict=True))


SIDES = {"left": 3, "right": 2}
BODY = {"length": 14, "body": 0.8, "wick": 0.4}

STRUCTURE_CASES = (
    Case("rolling_range", {"length": 20}, (Other(looked_at_range),)),
    Case("swing", SIDES, (Other(looked_at_swing),)),
    Case("market_structure", SIDES, (Other(looked_at_breaks),)),
    Case("liquidity_sweep", SIDES, (Other(looked_at_sweeps),)),
    Case("fib", {**SIDES, "ratio": 0.618}, (Other(looked_at_fib),)),
    Case("premium_discount", SIDES, (Other(looked_at_premium),)),
    Case("displacement", BODY, (Other(looked_at_displacement),)),
    Case("order_block", {**BODY, "lookback": 5}, (Other(looked_at_blocks),)),
    Case("fvg", {}, (Other(looked_at_gaps),)),
)
