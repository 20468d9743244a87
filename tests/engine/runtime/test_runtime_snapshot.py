"""The view of one moment: the same values as the columns, and no way to the future or to a change."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from engine.errors import SimulationError
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe


def store(quarters: int = 8) -> MultiTFFeedStore:
    """Quarters from 00:00 with close 0, 1, 2 …, and the hours they make with ema 100, 200 …"""
    exec_opens = np.arange(quarters, dtype=np.int64) * 15 * MINUTE_MS
    hours = np.arange(quarters // 4, dtype=np.int64) * HOUR_MS
    return MultiTFFeedStore(
        {
            "exec": FeedStore(
                Timeframe.M15, pd.DataFrame({"ts_open": exec_opens, "close": np.arange(float(quarters))})
            ),
            "htf": FeedStore(
                Timeframe.H1, pd.DataFrame({"ts_open": hours, "ema": 100.0 * (np.arange(len(hours)) + 1)})
            ),
        }
    )


def test_it_stands_at_the_close_of_its_bar():
    snapshot = RuntimeSnapshotView(store(), 2)
    assert (snapshot.ts_open, snapshot.ts_close) == (30 * MINUTE_MS, 45 * MINUTE_MS)
    assert snapshot.roles == ("exec", "htf")


def test_values_by_role_and_offset():
    snapshot = RuntimeSnapshotView(store(), 7)
    assert snapshot.value("close") == 7
    assert snapshot.value("close", offset=3) == 4
    assert snapshot.value("ema", "htf") == 200
    assert snapshot.value("ema", "htf", 1) == 100
    assert math.isnan(snapshot.value("ema", "htf", 2))
    assert type(snapshot.value("close")) is float


def test_a_higher_bar_appears_with_the_exec_bar_that_closes_with_it():
    assert math.isnan(RuntimeSnapshotView(store(), 2).value("ema", "htf"))
    assert RuntimeSnapshotView(store(), 3).value("ema", "htf") == 100
    assert RuntimeSnapshotView(store(), 6).value("ema", "htf") == 100
    assert RuntimeSnapshotView(store(), 7).value("ema", "htf") == 200


def test_the_context_of_a_timeframe():
    context = RuntimeSnapshotView(store(), 5).context("htf")
    assert (context.role, context.timeframe, context.bar_index) == ("htf", Timeframe.H1, 0)
    assert (context.ts_open, context.ts_close) == (0, HOUR_MS)
    assert context.value("ema") == 100
    assert math.isnan(context.value("ema", 1))


def test_the_context_of_a_timeframe_that_has_not_closed_a_bar():
    context = RuntimeSnapshotView(store(), 1).context("htf")
    assert (context.bar_index, context.ts_open, context.ts_close) == (-1, None, None)
    assert math.isnan(context.value("ema"))


def test_every_value_equals_the_column():
    whole = store(40)
    for role, name in (("exec", "close"), ("htf", "ema")):
        for offset in (0, 1, 3):
            singly = [RuntimeSnapshotView(whole, bar).value(name, role, offset) for bar in range(40)]
            np.testing.assert_array_equal(singly, whole.column(name, role, offset))


def test_what_is_seen_does_not_depend_on_what_comes_later():
    for bar in range(8):
        early, late = RuntimeSnapshotView(store(8), bar), RuntimeSnapshotView(store(40), bar)
        np.testing.assert_equal(early.value("ema", "htf"), late.value("ema", "htf"))
        assert early.context("htf").bar_index == late.context("htf").bar_index


def test_the_future_cannot_be_asked_for():
    snapshot = RuntimeSnapshotView(store(), 3)
    with pytest.raises(SimulationError, match=r"close\[-1\] lies in the future"):
        snapshot.value("close", offset=-1)
    with pytest.raises(SimulationError, match="lies in the future"):
        snapshot.context("htf").value("ema", -1)


@pytest.mark.parametrize("bar", [-1, 8])
def test_there_is_no_view_of_a_bar_that_is_not_there(bar):
    with pytest.raises(SimulationError, match=rf"no exec bar {bar}[\s\S]*0 to 7"):
        RuntimeSnapshotView(store(), bar)


@pytest.mark.parametrize("attribute", ["bar_index", "_store", "anything"])
def test_it_cannot_be_changed(attribute):
    snapshot = RuntimeSnapshotView(store(), 3)
    for view in (snapshot, snapshot.context("htf")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(view, attribute, 7)


def test_unknown_names_and_roles_get_a_suggestion():
    snapshot = RuntimeSnapshotView(store(), 3)
    with pytest.raises(SimulationError, match=r"did you mean close\?"):
        snapshot.value("clsoe")
    with pytest.raises(SimulationError, match=r"did you mean htf\?"):
        snapshot.context("hft")
    with pytest.raises(SimulationError, match="it is on htf"):
        snapshot.value("ema")
