"""Bars shown one after another: the same values as over the whole history, and nothing of what is to come."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

from engine.errors import SimulationError
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.runtime.unfolding import ClosedBars, Unfolding
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

QUARTER = 15 * MINUTE_MS


def unfolding(quarters: int = 12, close_after: float | None = None) -> Unfolding:
    """Quarters with close 0, 1, 2 … (from bar 8 on `close_after`), and hours with ema 100, 200 …"""
    close = np.arange(float(quarters))
    if close_after is not None:
        close[8:] = close_after
    hours = quarters // 4
    return Unfolding(
        {
            "exec": ClosedBars(Timeframe.M15, np.arange(quarters) * QUARTER, {"close": close}),
            "htf": ClosedBars(
                Timeframe.H1, np.arange(hours) * HOUR_MS, {"ema": 100.0 * (1 + np.arange(hours))}
            ),
        },
        {"exec": {"close": 2}, "htf": {"ema": 1}},
    )


def test_a_bar_is_there_once_it_is_shown():
    bars = unfolding()
    with pytest.raises(SimulationError, match="no exec bar 0"):
        RuntimeSnapshotView(bars.store, 0)
    bars.show_next()
    assert RuntimeSnapshotView(bars.store, 0).value("close") == 0.0
    with pytest.raises(SimulationError, match="no exec bar 1"):
        RuntimeSnapshotView(bars.store, 1)


def test_values_by_role_and_offset():
    bars = unfolding()
    bars.show_until(8)
    view = RuntimeSnapshotView(bars.store, 7)
    assert [view.value("close", offset=back) for back in (0, 1, 2)] == [7.0, 6.0, 5.0]
    assert [view.value("ema", "htf", back) for back in (0, 1)] == [200.0, 100.0]
    assert (view.ts_open, view.ts_close) == (7 * QUARTER, 8 * QUARTER)
    assert view.context("htf").bar_index == 1
    assert view.context("htf").ts_close == 2 * HOUR_MS
    assert RuntimeSnapshotView(bars.store, 2).context("htf").ts_open is None
    assert math.isnan(RuntimeSnapshotView(bars.store, 2).value("ema", "htf"))
    assert math.isnan(RuntimeSnapshotView(bars.store, 1).value("close", offset=2))


def test_a_view_that_is_kept_goes_on_showing_its_own_bar():
    bars = unfolding()
    bars.show_until(6)
    kept = RuntimeSnapshotView(bars.store, 5)
    bars.show_until(12)
    assert kept.value("close") == 5.0
    assert kept.value("ema", "htf") == 100.0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("close", "exec", -1), r"close\[-1\] lies in the future"),
        (("close", "exec", 3), r"close\[3\] is further back than the inputs of the strategy say \(2\)"),
        (("ema", "htf", 2), r"ema@htf\[2\] is further back"),
        (("volume",), "'volume' of exec is not among the inputs"),
        (("ema",), "exec has no column 'ema'[\\s\\S]*it is on htf"),
        (("ema", "hft"), "no timeframe 'hft'[\\s\\S]*did you mean htf"),
    ],
)
def test_what_is_not_declared_or_lies_ahead_is_refused(asked, told):
    bars = unfolding()
    bars.show_until(9)
    with pytest.raises(SimulationError, match=told):
        RuntimeSnapshotView(bars.store, 8).value(*asked)


def reachable(start: object) -> list[object]:
    """Return everything that can be reached from an object by attributes, items and closures."""
    found, waiting, seen = [], [start], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type) or type(one).__name__ in ("module", "function"):
            continue
        seen.add(id(one))
        found.append(one)
        waiting += gc.get_referents(one)
    return found


def test_nothing_of_the_future_can_be_reached_from_a_view():
    marker = 12345.5
    bars = unfolding(close_after=marker)
    bars.show_until(8)

    def holds_marker(one: object) -> bool:
        try:
            return marker in np.asarray(one, dtype=float)
        except (TypeError, ValueError):
            return False

    view = RuntimeSnapshotView(bars.store, 7)
    assert not any(holds_marker(one) for one in reachable(view))
    assert not any(isinstance(one, Unfolding | ClosedBars) for one in reachable(view))
    bars.show_next()
    assert any(holds_marker(one) for one in reachable(view))


def test_there_is_an_end():
    bars = unfolding(4)
    bars.show_until(4)
    with pytest.raises(SimulationError, match="no more bars"):
        bars.show_next()
