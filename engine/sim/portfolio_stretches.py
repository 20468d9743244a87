"""The bars of many members, side by side for the loop, a stretch of time at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.sim.loop import BarArrays, Curves
from engine.sim.market import BarSignals, MarketBars
from engine.sim.portfolio_records import Stretch
from engine.sim.records import Integers, Records
from engine.sim.state import SignalBit

# What is laid side by side at a time: so many bars of all members fit into the cache, so many of each are
# worth the effort.
_ROWS, _BARS = 2**15, 2**12
_ENTRIES = SignalBit.ENTER_LONG | SignalBit.ENTER_SHORT


def timeline_of(times: Sequence[Integers], bar_ms: int) -> Integers:
    """Return, rising, every time that is in at least one of `times` (int64[n] each, rising)."""
    there = [ts for ts in times if len(ts)]
    if not there:
        return np.empty(0, np.int64)
    if all(np.array_equal(ts, there[0]) for ts in there[1:]):
        return there[0]
    first = min(int(ts[0]) for ts in there)
    is_there = np.zeros((max(int(ts[-1]) for ts in there) - first) // bar_ms + 1, np.bool_)
    for ts in there:
        is_there[(ts - first) // bar_ms] = True
    return first + np.flatnonzero(is_there) * bar_ms


def stretches(
    markets: Sequence[MarketBars], wanted: Sequence[BarSignals], timeline: Integers, positions: Records
) -> Iterator[Stretch]:
    """Lay the members' bars side by side, one stretch of the timeline after the other.

    Each stretch is in the memory of the one before. A member without position and order (`positions`, as they
    are when the stretch is asked for) has no bars in it before its next signal.
    """
    count = len(markets)
    length = max(_BARS, _ROWS // count)
    rows = min(length, len(timeline)) * count
    have_marks = any(bars.has_marks for bars in markets)
    columns = [name for name in BarArrays._fields if have_marks or not name.startswith("mark_")]
    room = _room_for_bars(rows, have_marks=have_marks)
    bits = np.zeros(rows, np.int8)
    features = np.zeros((max(len(signals.features) for signals in wanted), rows))
    quiet = Curves(np.zeros(rows), np.zeros(0), np.zeros(0), 0)
    direction, order_side = positions["direction"], positions["order_side"]
    done = np.zeros(count, np.int64)
    for begin in range(0, len(timeline), length):
        times = timeline[begin : begin + length]
        start, stop = np.zeros(count, np.int64), np.zeros(count, np.int64)
        first_bar, ends = np.zeros(count, np.int64), np.zeros(count, np.bool_)
        row = 0
        for member, (bars, signals) in enumerate(zip(markets, wanted, strict=True)):
            first, after = int(done[member]), int(np.searchsorted(bars.ts_open, times[-1], side="right"))
            done[member] = after
            if direction[member] == 0 and order_side[member] == 0:
                has_signal = (signals.bits[first:after] & _ENTRIES) != 0
                first = first + int(has_signal.argmax()) if has_signal.any() else after
            here, there = slice(row, row + after - first), slice(first, after)
            for name in columns:
                getattr(room, name)[here] = getattr(bars, name)[there]
            bits[here] = signals.bits[there]
            features[: len(signals.features), here] = signals.features[:, there]
            start[member], stop[member], first_bar[member] = here.start, here.stop, first
            ends[member] = first < after == len(bars)
            row = here.stop
        yield Stretch(times, start, stop, first_bar, ends, room, bits, features, quiet)


def _room_for_bars(rows: int, *, have_marks: bool) -> BarArrays:
    prices = {name: np.zeros(rows) for name in ("open", "high", "low", "close")}
    marks = {f"mark_{name}": np.zeros(rows) if have_marks else room for name, room in prices.items()}
    return BarArrays(
        ts_open=np.zeros(rows, np.int64),
        **prices,
        **marks,
        volume=np.zeros(rows),
        is_filled=np.zeros(rows, np.bool_),
    )
