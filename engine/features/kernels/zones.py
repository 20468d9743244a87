"""Zones in which prices turned more than once, bar by bar."""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel
from engine.features.kernels.ordering import place_of
from engine.features.kernels.structure import is_swing


@kernel
def remember(level: float, at: int, known: int, latest: Write, ordered: Write) -> int:
    """Put a level among the latest and the ordered ones, the oldest of a full memory out; return how many."""
    keep = latest.size
    if known == keep:
        known -= 1
        for place in range(place_of(ordered, keep, latest[at % keep]), known):
            ordered[place] = ordered[place + 1]
    latest[at % keep] = level
    first = place_of(ordered, known, level)
    for place in range(known, first, -1):
        ordered[place] = ordered[place - 1]
    ordered[first] = level
    return known + 1


@kernel
def gather(
    ordered: Read, known: int, width: float, touches: int, bottoms: Write, tops: Write, counts: Write
) -> int:
    """Cut rising levels into zones and return how many of them have enough `touches`.

    From the lowest level up, a zone takes every level that is at most the share `width` above its lowest.
    """
    zones, begin = 0, 0
    for place in range(1, known + 1):
        if place < known and ordered[place] <= ordered[begin] * (1.0 + width):
            continue
        if place - begin >= touches:
            bottoms[zones], tops[zones], counts[zones] = ordered[begin], ordered[place - 1], place - begin
            zones += 1
        begin = place
    return zones


@kernel
def nearest(
    high: Read,
    low: Read,
    close: Read,
    left: int,
    right: int,
    width: float,
    touches: int,
    latest: Write,
    ordered: Write,
    bottoms: Write,
    tops: Write,
    counts: Write,
    support_bottom: Write,
    support_top: Write,
    support_touches: Write,
    resistance_bottom: Write,
    resistance_top: Write,
    resistance_touches: Write,
) -> None:
    """Fill the nearest zone whose middle is not above the close, and the nearest one above it.

    Zones are made of the last swings, as many as `latest` has room for, and again at each new swing. The
    arrays from `latest` to `counts` are room to work in.
    """
    swings, known, zones = 0, 0, 0
    for row in range(close.size):
        swing, before = row - right, swings
        if swing >= 0 and is_swing(high, swing, left, right, 1.0):
            known = remember(high[swing], swings, known, latest, ordered)
            swings += 1
        if swing >= 0 and is_swing(low, swing, left, right, -1.0):
            known = remember(low[swing], swings, known, latest, ordered)
            swings += 1
        if swings > before:
            zones = gather(ordered, known, width, touches, bottoms, tops, counts)
        above = 0
        while above < zones and bottoms[above] + tops[above] <= 2.0 * close[row]:
            above += 1
        is_price = not np.isnan(close[row])
        below = above - 1
        has_support, has_resistance = is_price and below >= 0, is_price and above < zones
        support_bottom[row] = bottoms[below] if has_support else np.nan
        support_top[row] = tops[below] if has_support else np.nan
        support_touches[row] = counts[below] if has_support else np.nan
        resistance_bottom[row] = bottoms[above] if has_resistance else np.nan
        resistance_top[row] = tops[above] if has_resistance else np.nan
        resistance_touches[row] = counts[above] if has_resistance else np.nan
