"""Mistakes of a predecessor that were made in this part, by their numbers; and that nothing looks ahead."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from bitcoin_rules import BITCOIN
from features_cases import (
    candles,
    columns_with_source,
    contract,
    direct,
    funding_events,
    open_interest_rows,
)
from features_compute import BY_NAME, NAMES, feature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_features_catalogue import params_of

import engine
from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.features.builder import FeatureFrameBuilder, compute_feature, feature_columns
from engine.features.inputs import BarInputs, Stamped
from engine.features.registry import INDICATORS
from engine.idea_card.features import SOURCES, FeatureSpec
from engine.sim.market import FundingEvents
from engine.timeframes import Timeframe

FRAME = candles(700, seed=7)
CONTRACT = contract()
SOURCED = [name for name in NAMES if INDICATORS[name].takes_source]


def history() -> History:
    """The frame as a run without frames gets it."""
    rate = CONTRACT["funding"]
    interest = CONTRACT["open_interest"]
    rules = BITCOIN
    funding = FundingEvents(rate["ts"].to_numpy(), rate["funding_rate"].to_numpy(), np.full(len(rate), 100.0))
    return History(
        "BTCUSDT",
        {Timeframe.M15: Candles.from_frame(FRAME)},
        funding,
        rules,
        open_interest=lambda: Stamped(interest["ts"].to_numpy(), interest["open_interest"].to_numpy()),
    )


HISTORY = history()


@pytest.mark.parametrize("name", SOURCED)
def test_pitfall_9_every_input_source_is_routed_to_itself_on_the_way_without_frames(name):
    """Every input source but close was routed to close. (On the way with frames: test_features_catalogue.)"""
    for source in SOURCES:
        spec = feature(BY_NAME[name], source)
        expected = direct(name, columns_with_source(FRAME, source), spec.params)
        warmup = INDICATORS[name].warmup(spec.params)
        for ours, theirs in zip(HISTORY.feature(Timeframe.M15, spec).values(), expected, strict=True):
            np.testing.assert_array_equal(ours[warmup:], theirs[warmup:])


@pytest.mark.parametrize("name", [name for name in NAMES if "other" in INDICATORS[name].inputs])
@pytest.mark.parametrize("other", SOURCES)
def test_pitfall_9_holds_for_the_second_source_too(name, other):
    params = {"other": other, "length": 20}
    spec = FeatureSpec(indicator=name, params=params, source="close", tf="exec")
    expected = direct(name, columns_with_source(FRAME, "close", other), params)
    np.testing.assert_array_equal(HISTORY.feature(Timeframe.M15, spec)[""][20:], expected[0][20:])


def test_pitfall_14_there_is_one_implementation_of_every_indicator():
    """Every indicator existed twice (vectorised and incremental) and was kept in step by audits.

    Here an entry's function is called in one place, which both ways to a run go through, and by the gate that
    holds that place against it; the step-by-step driver is shown the same arrays bar by bar.
    """
    root = Path(engine.__path__[0])
    callers = [
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "compute"
    ]
    assert sorted(callers) == ["features/builder.py", "gates/parity.py"]


@pytest.mark.parametrize("name", NAMES)
def test_pitfall_14_both_ways_to_a_run_give_the_same_bits(name):
    spec = feature(BY_NAME[name], "hlc3")
    frame = FeatureFrameBuilder({"mine": spec}).build(FRAME, **CONTRACT)
    direct_way = HISTORY.feature(Timeframe.M15, spec).values()
    for column, values in zip(feature_columns("mine", spec), direct_way, strict=True):
        np.testing.assert_array_equal(frame[column].to_numpy(), values)


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
@given(data=st.data(), seed=st.integers(0, 10_000), end=st.integers(1, 399))
def test_nothing_looks_ahead(name, data, seed, end):
    """The value at a bar is the same when the series, its funding and its open interest end there."""
    entry = INDICATORS[name]
    params, source = data.draw(params_of(entry)), data.draw(st.sampled_from(SOURCES))
    spec = FeatureSpec(
        indicator=name, params=params, source=source if entry.takes_source else None, tf="exec"
    )
    frame = candles(400, seed)
    closes = frame["ts_open"].to_numpy() + 900_000

    def known_at(rows: int) -> list[np.ndarray]:
        now = closes[rows - 1]
        funding, interest = (
            events[events["ts"] <= now]
            for events in (funding_events(1600, seed), open_interest_rows(1600, 5))
        )
        columns = {each: frame[each].to_numpy()[:rows] for each in frame}
        inputs = BarInputs(
            bar_ms=900_000,
            candles=columns,
            funding=Stamped(funding["ts"].to_numpy(), funding["funding_rate"].to_numpy()),
            open_interest=lambda: Stamped(interest["ts"].to_numpy(), interest["open_interest"].to_numpy()),
        )
        return list(compute_feature(spec, inputs).values())

    for whole, cut in zip(known_at(400), known_at(end), strict=True):
        np.testing.assert_array_equal(cut, whole[:end])
