"""A strategy in Python gets the same fills as the card that says the same: to the bit, on random markets."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_case import (
    CARDS,
    LEVERAGES,
    ORDERS,
    POLICIES,
    STOPS,
    TWINS,
    random_history,
    twins,
)

from engine.backtest.detail_report import simulated
from engine.backtest.engine import BacktestEngine
from engine.backtest.prepare import prepare_history
from engine.sim.simulate import SimulationOutput
from engine.timeframes import Timeframe

KEPT = ("bars", "capped_entries", "partial_entries", "partial_liquidations", "stop_reason", "cash")
ARRAYS = ("equity", "position_size", "used_margin", "rejects", "fills", "trades", "payments")


def assert_same(first: SimulationOutput, second: SimulationOutput) -> None:
    for name in KEPT:
        assert getattr(first, name) == getattr(second, name), name
    for name in ARRAYS:
        one, other = (np.ascontiguousarray(getattr(output, name)) for output in (first, second))
        assert one.shape == other.shape, name
        assert one.dtype == other.dtype, name
        assert one.tobytes() == other.tobytes(), name


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    name=st.sampled_from(TWINS),
    orders=st.sampled_from(ORDERS),
    policy=st.sampled_from(POLICIES),
    stop=st.sampled_from(STOPS),
    leverage=st.sampled_from(LEVERAGES),
    cut=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_both_forms_of_a_card_are_the_same_to_the_bit(seed, name, orders, policy, stop, leverage, cut):
    history = random_history(seed)
    ts = history.candles[Timeframe.M15].ts_open
    window = {"start_ms": int(ts[cut[0]]), "end_ms": int(ts[-1 - cut[1]])}
    conditions, python = twins(name, orders, policy, stop, leverage)
    assert (conditions.strategy is None, python.strategy is None) == (True, False)
    assert_same(*(simulated(prepare_history(plan, history, **window)) for plan in (conditions, python)))


@pytest.mark.parametrize("name", TWINS)
def test_there_is_something_to_compare(name):
    first = twins(name, ORDERS[-1], POLICIES[-1], STOPS[-1], LEVERAGES[0])[0]
    counts = [len(simulated(prepare_history(first, random_history(seed))).trades) for seed in range(5)]
    assert min(counts) > 3


@pytest.mark.parametrize("name", TWINS)
def test_results_differ_in_nothing_but_what_names_them(name):
    plans = twins(name, ORDERS[-1], POLICIES[-1], STOPS[-1], LEVERAGES[0])
    history = random_history(5)
    cards, python = (BacktestEngine().run(prepare_history(plan, history)) for plan in plans)
    for frame in ("trades", "fills", "equity", "funding"):
        assert getattr(python, frame).equals(getattr(cards, frame)), frame
    assert python.counters == cards.counters
    assert python.run_id != cards.run_id
    named = {"run_id": cards.run_id, "system_hash": cards.system_hash, "card_id": cards.card_id}
    assert replace(python, **named).summary() == cards.summary()


@pytest.mark.parametrize("name", TWINS)
def test_the_two_forms_of_a_card_say_the_same_but_for_their_signals(name):
    conditions = yaml.safe_load((CARDS / f"{name}.yaml").read_text())
    python = yaml.safe_load((CARDS / "python" / f"{name}_python.yaml").read_text())
    own = {"id", "description", "signal_rules"}
    account = {"liquidation_regime": "mark_2025"}  # the default, which one of the files writes out
    for card in (conditions, python):
        card["account"] = account | card["account"]
    assert {key: conditions[key] for key in conditions.keys() - own} == {
        key: python[key] for key in python.keys() - own
    }
    assert python["id"] == f"{name}_python"


def digest(name: str) -> str:
    """Return the hash of what the form in Python leaves behind on one random market."""
    plan = twins(name, ORDERS[0], POLICIES[2], STOPS[0], LEVERAGES[0])[1]
    output = simulated(prepare_history(plan, random_history(11, bars=250)))
    return hashlib.sha256(output.equity.tobytes() + output.trades.tobytes()).hexdigest()


def test_without_the_compiler_it_is_the_same_to_the_bit():
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_backtest_strategy_twins import *\n"
        "print(*map(digest, TWINS))"
    )
    plain = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        cwd=CARDS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.split() == [digest(name) for name in TWINS]
