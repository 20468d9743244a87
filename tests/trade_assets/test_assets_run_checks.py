"""The gates on a run in the graph: quick ones in every backtest, all of them on demand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from conftest import Location, card_text, checks, made

from trade_assets.artifacts import Address
from trade_assets.partitions import Partition

BTC = "BTCUSDT|15m"
FRAMES, BACKTEST, METRICS, GATES = (
    f"cards/averages/{asset}" for asset in ("feature_frames", "backtest_results", "metrics", "gates")
)
# Two days of warm-up would take all of ten days to forget; the gate on warm-up wants to see that.
QUICK = card_text(slow=9, trend=5)


def shifted(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every bar the average of the bar after it."""
    return frame.assign(fast=frame["fast"].shift(-1).ffill().where(frame["fast"].notna()))


def off_by_a_hair(frame: pd.DataFrame) -> pd.DataFrame:
    """Make one value another, as a feature stored for other candles could be."""
    return frame.assign(fast=frame["fast"].where(frame.index != 700, frame["fast"] * 1.0001))


def poison(location: Location, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Put other features into the stored frame of a card."""
    address = Address(tuple(FRAMES.split("/")), Partition.parse(BTC))
    pointer = location.artifacts.pointer(address)
    frame = change(location.artifacts.read(address))
    location.artifacts.write(address, frame, code_version=pointer.code_version, inputs=pointer.inputs)


@pytest.mark.parametrize("change", [shifted, off_by_a_hair])
def test_a_stored_feature_that_is_not_what_the_candles_give_stops_the_branch(
    made_location: Location, change: Callable[[pd.DataFrame], pd.DataFrame]
):
    location = made_location
    poison(location, change)
    result = location.make(BACKTEST, METRICS, at=BTC)
    assert not result.success
    assert made(result) == set()
    assert checks(result) == {(BACKTEST, "look_ahead", BTC): False}
    refusal = next(
        event.step_failure_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure and "backtest_results" in (event.step_key or "")
    )
    assert "look_ahead: " in refusal
    assert "feature fast is not what the candles give" in refusal
    assert "materialize them again" in refusal
    # and every later run that would read it
    assert not location.make(METRICS, at=BTC).success


def test_quick_gates_go_along_and_all_of_them_are_made_on_demand(location: Location):
    location.add_card(QUICK)
    said = checks(location.make_all())
    assert [said[BACKTEST, check, BTC] for check in ("schema", "look_ahead", "parity")] == [True, True, True]
    result = location.make(GATES, at=BTC)
    assert result.success, [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert checks(result) == {(GATES, "run_gates", BTC): True}
    stored = location.read(GATES, BTC)
    assert [gate["gate"] for gate in stored["gates"]] == [
        "schemas", "parity", "look_ahead", "warm_up", "determinism",
    ]  # fmt: skip
    assert all(gate["passed"] for gate in stored["gates"])
    assert stored["run_id"] == location.read(BACKTEST, BTC).run_id


def test_a_gate_that_refuses_on_demand_is_named(made_location: Location):
    location = made_location
    poison(location, lambda frame: frame.assign(slow=frame["slow"].where(frame.index != 500, np.nan)))
    result = location.make(GATES, at=BTC)
    assert not result.success
    assert checks(result) == {(GATES, "run_gates", BTC): False}
    refused = location.artifacts.is_refused(Address(tuple(GATES.split("/")), Partition.parse(BTC)))
    assert refused
