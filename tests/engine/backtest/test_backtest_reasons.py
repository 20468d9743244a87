"""Why a run did what it did, by another way than the bar loop's: trees over arrays, and the run once more."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from backtest_case import CARD, candles, plan, prepared
from hypothesis import given, settings
from hypothesis import strategies as st
from test_backtest_position_rules import LONG_ONLY, RULES, with_rules

from engine.backtest.detail_report import simulated
from engine.backtest.prepare import PreparedFrame
from engine.backtest.reasons import Reasons
from engine.backtest.replay import position_at
from engine.errors import DataNotFound
from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.simulate import SimulationOutput
from engine.sim.state import Direction, FillReason


def case(rules: str = RULES, *changes: tuple[str, str], bars: int = 1500) -> PreparedFrame:
    return prepared(candles(bars), plan(with_rules(rules, *changes)))


def test_the_position_of_a_bar_is_the_one_the_step_by_step_exchange_has_then():
    ready = case(bars=600)
    bars, signals = ready.bars, ready.signals
    equity = ready.plan.card.account.starting_equity_usdt
    exchange = SimulatedExchange(ready.contract, ready.tiers, equity, ready.funding)
    names = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
    held = 0
    for at in range(len(bars)):
        ts = int(bars.ts_open[at])
        prices = [float(getattr(bars, name)[at]) for name in names]
        bar = Bar(ts, ts + bars.bar_ms, *prices, bool(bars.is_filled[at]), float(bars.volume[at]))
        exchange.advance(bar, int(signals.bits[at]), signals.features[:, at])
        if at % 7 == 0:
            shown, found = exchange.position, position_at(ready, at)
            assert (shown is None) == (found is None)
            if shown is not None and found is not None:
                assert found.direction is shown.direction
                assert found.values["bars_in_trade"] == shown.bars_held
                assert found.values["entry_price"] == shown.entry_price
                assert found.stop_price == shown.stop_price
                held += 1
    assert held > 5
    with pytest.raises(IndexError):
        position_at(ready, len(bars))


def test_every_trade_has_the_rule_that_opened_it_and_what_closed_it():
    ready = case()
    output = simulated(ready)
    reasons, tags = Reasons(ready), ("", *ready.plan.tags)
    closed_by = set()
    for number, trade in enumerate(output.trades):
        why = reasons.trade(output, number)
        side = "long" if trade.direction > 0 else "short"
        assert why.entry is not None
        assert (why.entry.rule, why.entry.tag) == (f"entry_{side}", tags[trade.entry_tag])
        assert why.entry.explanation.truth is True
        assert why.entered_at == trade.ts_entry
        closed_by.add(why.left_by)
        if trade.reason == FillReason.SIGNAL:
            assert why.exit is not None
            assert (why.left_by, why.exit.rule) == ("exit rule", f"exit_{side}")
            assert why.exit.tag == tags[trade.exit_tag]
            assert why.exit.explanation.truth is True
            assert why.left_at == trade.ts_exit
        else:
            assert (why.exit, why.left_at) == (None, None)
    assert closed_by >= {"exit rule", "stop_loss", "take_profit"}


def test_a_flip_and_a_session_are_told_from_an_exit_rule():
    flips = (
        "\nsignal_rules:\n  entry_long: [fast, cross_above, slow]\n  entry_short: [fast, cross_below, slow]\n"
    )
    ready = case(flips, ("allow_flip: false", "allow_flip: true"))
    output = simulated(ready)
    whys = [Reasons(ready).trade(output, number) for number in range(len(output.trades))]
    flipped = [why for why in whys if why.left_by == "flip"]
    assert len(flipped) > 3
    assert {why.exit.rule for why in flipped if why.exit} == {"entry_long", "entry_short"}
    hours = "{start: '08:00', end: '16:00', weekdays: [mon, tue, wed, thu, fri], close_outside: true}"
    ready = case(flips, ("allow_flip: false", f"allow_flip: false, trading_session: {hours}"))
    output = simulated(ready)
    whys = [Reasons(ready).trade(output, number) for number in range(len(output.trades))]
    assert any(why.left_by == "trading session" and why.exit is None for why in whys)


def test_a_moment_is_the_last_bar_that_had_closed():
    ready = case()
    reasons, bars = Reasons(ready), ready.bars
    close = int(bars.ts_open[100]) + bars.bar_ms
    assert reasons.bar_at(close) == 100
    assert reasons.bar_at(close - 1) == 99
    moment = reasons.moment(100)
    assert moment.ts_close == close
    assert [rule.rule for rule in moment.rules] == ["entry_long", "exit_long", "entry_short", "exit_short"]
    for outside in (int(bars.ts_open[0]), int(bars.ts_open[-1]) + 3 * bars.bar_ms):
        with pytest.raises(DataNotFound, match="no bar that is traded"):
            reasons.bar_at(outside)


def test_an_entry_that_nothing_comes_of_is_said_to_be():
    ready = prepared(candles(600), plan(CARD))
    assert all(Reasons(ready).moment(bar).entries_admitted for bar in range(100, 140))
    rules = '\nsignal_rules:\n  entry_long: [close, ">", 1]\n  exit_long: [atr, ">", 1]\n'
    cold = case(rules, LONG_ONLY, bars=300)
    admitted = [Reasons(cold).moment(bar).entries_admitted for bar in (0, 200)]
    assert admitted == [False, True]


def random_condition(rng: np.random.Generator, depth: int) -> Any:
    """Return a condition over the position, the captured values and the market."""
    kind = int(rng.integers(0, 9)) if depth else int(rng.integers(3, 9))
    if kind < 3:
        parts = [random_condition(rng, depth - 1) for _ in range(rng.integers(1, 4))]
        return ({"all": parts}, {"any": parts}, {"not": parts[0]})[kind]
    if kind == 3:
        return ["fast", str(rng.choice(["cross_above", ">", "<"])), "slow"]
    if kind == 4:
        return {"setup": "late"}
    # numbers alone say nothing, and such a condition is refused
    value = {"+": [random_value(rng, 1), random_name(rng)]} if rng.random() < 0.3 else random_name(rng)
    match kind:
        case 5:
            return [value, str(rng.choice([">", "<", ">=", "<=", "==", "!="])), random_value(rng, 1)]
        case 6:
            return [value, "between", [random_name(rng), random_value(rng, 1)]]
        case 7:
            return ["bars_in_trade", "in", [int(number) for number in rng.integers(1, 9, 3)]]
    near = str(rng.choice(["near_pct", "near_abs"]))
    return [value, near, [random_value(rng, 1), float(rng.choice([0.1, 1.0, 50.0]))]]


def random_name(rng: np.random.Generator) -> str:
    states = ["bars_in_trade", "unrealised_r", "unrealised_pct", "entry_price", "then"]
    return str(rng.choice([*states, "close", "fast", "trend"]))


def random_value(rng: np.random.Generator, depth: int) -> Any:
    if depth and rng.random() < 0.4:
        operator = str(rng.choice(["+", "-", "*", "/", "%", "min", "max", "abs"]))
        if operator == "abs":
            return {"abs": random_value(rng, depth - 1)}
        return {operator: [random_value(rng, depth - 1), random_value(rng, depth - 1)]}
    if rng.random() < 0.25:
        return float(rng.choice([0, 0.3, 1, 4, -1, 40_000]))
    return random_name(rng)


def random_rules(seed: int) -> str:
    """Return rules whose exits ask anything of the position."""
    rng = np.random.default_rng(seed)
    tags = {f"t{number}": random_condition(rng, 2) for number in range(rng.integers(1, 4))}
    rules = {
        # each is used at least once, or the card is refused
        "setups": {"late": ["bars_in_trade", ">=", int(rng.integers(2, 9))]},
        "captures": {"then": "atr"},
        "entry_long": ["fast", ">", "slow"],
        "exit_long": {"tags": tags | {"last": {"all": [["then", "<", 0], {"setup": "late"}]}}},
    }
    return "\nsignal_rules: " + json.dumps(rules) + "\n"


def check_exits(ready: PreparedFrame, output: SimulationOutput) -> int:
    """Hold each close with an open position: it is left exactly where the tree over arrays holds."""
    reasons, tags = Reasons(ready), ("", *ready.plan.tags)
    left = {int(trade.exit_bar) - 1: trade for trade in output.trades if trade.reason == FillReason.SIGNAL}
    # an open that jumps over a level comes before what was decided at the close
    jumped = {
        int(trade.exit_bar) - 1
        for trade in output.trades
        if trade.ts_exit == ready.bars.ts_open[trade.exit_bar]
    }
    asked = 0
    for bar in range(0, output.bars - 1, 3):
        held = position_at(ready, bar)
        if held is None:
            continue
        assert held.direction is Direction.LONG
        rule = next(each for each in reasons.moment(bar).rules if each.rule == "exit_long")
        asked += 1
        if bar in left:
            assert rule.explanation.truth is True
            assert rule.tag == tags[left[bar].exit_tag]
        elif bar not in jumped:
            assert rule.explanation.truth is not True
    return asked


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_the_loop_and_the_trees_over_arrays_agree_on_any_exit(seed: int):
    ready = case(random_rules(seed), LONG_ONLY, bars=400)
    check_exits(ready, simulated(ready))


def test_there_is_something_to_agree_on():
    cases = [case(random_rules(seed), LONG_ONLY, bars=400) for seed in range(12)]
    outputs = [simulated(ready) for ready in cases]
    assert sum(check_exits(ready, output) for ready, output in zip(cases, outputs, strict=True)) > 100
    reasons = {FillReason(int(trade.reason)) for output in outputs for trade in output.trades}
    assert FillReason.SIGNAL in reasons
    assert any(len(set(output.trades.exit_tag)) > 2 for output in outputs)
