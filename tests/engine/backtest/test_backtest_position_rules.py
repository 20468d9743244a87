"""Exits that look at the position, values captured at an entry, and tags: from the card to the frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backtest_case import CARD, candles, plan, prepared

from engine.backtest.detail_report import simulated
from engine.backtest.engine import BacktestEngine
from engine.backtest.measure import evaluate, evaluate_all
from engine.backtest.named_signals import named_signals
from engine.backtest.portfolio import PortfolioEngine
from engine.backtest.prepare import PreparedFrame
from engine.backtest.result import BacktestResult
from engine.backtest.schemas import check_result
from engine.backtest.visible import VisibleColumns
from engine.errors import StrategyError
from engine.idea_card.load import card_from_text
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.sim.detail import detail_bars
from engine.sim.signal_terms import SignalTerms
from engine.strategies.base import BaseStrategy
from engine.strategies.card_plan import CardPlan, plan_card
from engine.strategies.registry import StrategyRegistry
from engine.strategies.signal import EXIT_SHORT, Signal

RULES = """
signal_rules:
  setups:
    tired: {all: [[bars_in_trade, ">=", 6], {any: [[fast, "<", slow], [unrealised_r, "<", 0.2]]}]}
  captures: {atr_then: atr, floor: {"-": [low, atr]}}
  entry_long:
    tags:
      deep: [[fast, cross_above, slow], [close, ">", {"*": [1.001, slow]}]]
      plain: [fast, cross_above, slow]
  exit_long:
    tags:
      floor: [close, "<", floor]
      tired: {setup: tired}
      rich: [unrealised_pct, ">", {"*": [200, {"/": [atr_then, entry_price]}]}]
  entry_short: [fast, cross_below, slow]
  exit_short:
    any:
      - [fast, cross_above, slow]
      - {all: [[bars_in_trade, in, [9, 14, 20]], {not: [close, near_pct, [entry_price, 0.2]]}]}
"""


STOPS = """
  stop_loss: {type: atr_multiple, value: 2.0, feature: atr}
  take_profit: {type: rr_ratio, value: 2.0}
"""


def with_rules(rules: str, *changes: tuple[str, str]) -> str:
    """Return the card of the case with other rules, and with other changes."""
    start, end = CARD.index("signal_rules:"), CARD.index("position_policy:")
    text = CARD[:start] + rules.strip() + "\n" + CARD[end:]
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


LONG_ONLY = ("mode: long_short", "mode: long_only")


def run(text: str, **window: int) -> tuple[PreparedFrame, BacktestResult]:
    ready = prepared(candles(3000), plan(text), **window)
    result = BacktestEngine().run(ready)
    check_result(result)
    return ready, result


def columns_of(ready: PreparedFrame) -> dict[str, Any]:
    """Return what the rules of RULES look at, at each bar of the run."""
    there = VisibleColumns(ready.plan, ready.history)
    rows = slice(len(ready.history.bars(ready.plan.card.timeframes.exec)) - len(ready.bars), None)
    return {name: there.column(name, "exec", 0)[rows] for name in ("low", "close", "fast", "slow", "atr")}


def long_exit(at: dict[str, float], state: dict[str, float]) -> str | None:
    """Say what exit_long says, by hand: the tag, or None."""
    if at["close"] < state["floor"]:
        return "floor"
    if state["bars"] >= 6 and (at["fast"] < at["slow"] or state["r"] < 0.2):
        return "tired"
    if state["pct"] > 200 * (state["atr_then"] / state["entry"]):
        return "rich"
    return None


def short_exit(at: dict[str, float], before: dict[str, float], state: dict[str, float]) -> str | None:
    """Say what exit_short says, by hand."""
    if at["fast"] > at["slow"] and before["fast"] <= before["slow"]:
        return ""
    near = abs(at["close"] - state["entry"]) <= abs(state["entry"]) * 0.2 / 100
    return "" if state["bars"] in (9, 14, 20) and not near else None


def test_a_trade_ends_at_the_first_close_at_which_its_exit_rule_holds():
    ready, result = run(with_rules(RULES))
    columns = columns_of(ready)
    held = 0
    for trade in result.trades.to_dict("records"):
        side = 1 if trade["direction"] == "long" else -1
        decided = trade["entry_bar"] - 1
        then = {name: values[decided] for name, values in columns.items()}
        risk = 2.0 * then["atr"]  # the stop is two ATR of the deciding close away
        last = trade["exit_bar"] - (trade["exit_reason"] != "signal")
        for bar in range(trade["entry_bar"], min(last + 1, len(ready.bars))):
            if bar >= trade["exit_bar"] and trade["exit_reason"] != "signal":
                break
            at = {name: values[bar] for name, values in columns.items()}
            before = {name: values[bar - 1] for name, values in columns.items()}
            moved = side * (at["close"] - trade["entry_price"])
            state = {
                "bars": bar - trade["entry_bar"] + 1,
                "entry": trade["entry_price"],
                "r": moved / risk,
                "pct": 100 * moved / trade["entry_price"],
                "atr_then": then["atr"],
                "floor": then["low"] - then["atr"],
            }
            said = long_exit(at, state) if side > 0 else short_exit(at, before, state)
            if trade["exit_reason"] == "signal" and bar == trade["exit_bar"] - 1:
                assert said == trade["exit_tag"]
                held += 1
                break
            assert said is None, (trade, bar)
    assert held > 25
    assert set(result.trades["exit_tag"]) == {"", "floor", "tired", "rich"}


def test_the_first_tag_of_the_card_that_holds_is_that_of_the_entry():
    ready, result = run(with_rules(RULES))
    columns = columns_of(ready)
    longs = result.trades[result.trades["direction"] == "long"]
    decided = longs["entry_bar"].to_numpy() - 1
    deep = columns["close"][decided] > 1.001 * columns["slow"][decided]
    assert longs["entry_tag"].tolist() == np.where(deep, "deep", "plain").tolist()
    assert set(longs["entry_tag"]) == {"deep", "plain"}
    assert set(result.trades["entry_tag"][result.trades["direction"] == "short"]) == {""}
    swapped = RULES.replace("      deep:", "      x:").replace("      plain: [fast, cross_above, slow]\n", "")
    swapped = swapped.replace("      x:", "      plain: [fast, cross_above, slow]\n      deep:")
    other = run(with_rules(swapped))[1]
    assert set(other.trades["entry_tag"]) == {"", "plain"}
    assert plan(with_rules(swapped)).system_hash != ready.plan.system_hash


def test_fills_have_the_tag_of_the_rule_that_asked_for_them():
    result = run(with_rules(RULES))[1]
    trades = result.trades.set_index("trade_id")
    for fill in result.fills.to_dict("records"):
        trade = trades.loc[fill["trade_id"]]
        wanted = {"entry": trade["entry_tag"], "signal": trade["exit_tag"]}.get(fill["reason"], "")
        assert fill["tag"] == wanted


def test_tags_alone_change_no_fill():
    tagged = CARD.replace(
        "  exit_long: [[fast, cross_below, slow]]", "  exit_long: {tags: {turn: [fast, cross_below, slow]}}"
    ).replace(
        '  entry_long: [[fast, cross_above, slow], [close@htf, ">", trend]]',
        '  entry_long: {tags: {up: [[fast, cross_above, slow], [close@htf, ">", trend]]}}',
    )
    plain, named = run(CARD)[1], run(tagged)[1]
    assert set(named.trades["exit_tag"]) == {"", "turn"}
    assert set(named.fills["tag"]) == {"", "up", "turn"}
    tags = ["entry_tag", "exit_tag"]
    assert named.trades.drop(columns=tags).equals(plain.trades.drop(columns=tags))
    assert named.equity.equals(plain.equity)


def test_a_card_without_any_of_it_has_plain_terms_and_no_row_more():
    ready = prepared()
    assert named_signals(ready.plan).terms == SignalTerms()
    assert ready.signals.features.shape[0] == len(ready.plan.level_references)
    assert not ready.contract["names_signals"][0]


def test_a_session_that_closes_positions_does_so_whatever_the_exit_rule_asks():
    hours = "{start: '08:00', end: '16:00', weekdays: [mon, tue, wed, thu, fri], close_outside: true}"
    session = f"{{mode: long_short, trading_session: {hours},"
    never = RULES.replace("[bars_in_trade, in, [9, 14, 20]]", "[bars_in_trade, in, [900]]")
    result = run(with_rules(never).replace("{mode: long_short,", session))[1]
    closed_at = (result.trades["ts_exit"] // 3_600_000) % 24
    ended = result.trades["exit_reason"] == "signal"
    assert ((closed_at == 16) & ended).sum() > 3
    assert (closed_at <= 16).all()
    assert (result.trades["exit_tag"][(closed_at == 16) & ended] == "").all()


def test_without_a_stop_there_is_no_risk_to_count_in():
    rules = """
signal_rules:
  entry_long: [fast, cross_above, slow]
  exit_long: {any: [[unrealised_r, ">", -100], {not: [unrealised_r, ">", -100]}]}
"""
    text = with_rules(rules, LONG_ONLY)
    sizing = ("{model: risk_based, risk_pct: 1.0}", "{model: fixed_usdt, notional_usdt: 100}")
    nothing = (STOPS, "\n  stop_loss: null\n  take_profit: null\n")
    without = with_rules(rules, LONG_ONLY, nothing, sizing)
    assert set(run(text)[1].trades["bars_held"]) == {1}
    assert set(run(without)[1].trades["exit_reason"]) == {"end_of_data"}


def test_what_is_captured_is_that_of_the_signal_that_led_to_the_entry_and_adds_do_not_change_it():
    # every bar asks to add; the position is left where the close is below what the price was at the signal
    rules = """
signal_rules:
  captures: {then: close}
  entry_long: [fast, ">", slow]
  exit_long: [close, "<", {"*": [0.999, then]}]
"""
    adds = ("mode: long_only,", "mode: long_only, scale_in: {max_adds: 5, size_pct: 30},")
    wide = (STOPS, "\n  stop_loss: {type: percent, value: 9}\n  take_profit: null\n")
    ready, result = run(with_rules(rules, LONG_ONLY, adds, wide))
    close = columns_of(ready)["close"]
    assert len(result.fills) > 3 * len(result.trades)
    left = result.trades[result.trades["exit_reason"] == "signal"]
    assert len(left) >= 4
    for trade in left.to_dict("records"):
        then, last = close[trade["entry_bar"] - 1], trade["exit_bar"] - 1
        assert close[last] < 0.999 * then
        assert (close[trade["entry_bar"] : last] >= 0.999 * then).all()


class Tagging(BaseStrategy):
    """Says what the rules of the test below say, with tags of its own."""

    name = "tagging"
    version = "1.0.0"
    inputs = ("fast", "slow", "close")
    tags = ("up", "late", "slipped")

    def generate_signals(self, snapshot: RuntimeSnapshotView) -> list[Signal]:
        fast, slow = snapshot.value("fast"), snapshot.value("slow")
        said = [Signal("enter", "long", "up")] if fast > slow else []
        position = snapshot.position
        if position is not None and snapshot.value("close") < position.entry_price:
            said += [Signal("exit", "long", "slipped"), EXIT_SHORT]
        if position is not None and position.bars_held >= 5:
            said.append(Signal("exit", "long", "late"))
        return said


TAGGED = """
signal_rules:
  entry_long: {tags: {up: [fast, ">", slow]}}
  exit_long: {tags: {slipped: [close, "<", entry_price], late: [bars_in_trade, ">=", 5]}}
"""


def strategy_plan(strategy: type[BaseStrategy]) -> CardPlan:
    rules = f"signal_rules:\n  strategy: {{name: {strategy.name}, version: 1.0.0, params: {{}}}}\n"
    text = with_rules(rules, LONG_ONLY)
    return plan_card(card_from_text(text, "mine"), StrategyRegistry([strategy]))


def test_a_strategy_in_python_that_says_the_same_has_the_same_trades_and_tags():
    python = BacktestEngine().run(prepared(candles(3000), strategy_plan(Tagging)))
    cards = run(with_rules(TAGGED, LONG_ONLY))[1]
    assert set(cards.trades["exit_tag"]) >= {"slipped", "late"}
    for frame in ("trades", "fills", "equity", "funding"):
        assert getattr(python, frame).equals(getattr(cards, frame)), frame


def test_a_tag_that_a_strategy_does_not_name_is_refused():
    class Forgetful(Tagging):
        name = "forgetful"
        tags = ("up",)

    with pytest.raises(StrategyError, match="and that is none of its tags") as refused:
        BacktestEngine().run(prepared(candles(3000), strategy_plan(Forgetful)))
    assert "Forgetful" in refused.value.way_out


def test_a_portfolio_has_the_tags_of_each_of_its_members():
    first, alone = run(with_rules(RULES))
    second = prepared(candles(3000), plan(with_rules(TAGGED, LONG_ONLY)))
    one = PortfolioEngine().run([first], starting_equity_usdt=10_000)
    for frame in ("trades", "fills"):
        assert getattr(one, frame).drop(columns="member").equals(getattr(alone, frame)), frame
    both = PortfolioEngine().run([first, second], starting_equity_usdt=1_000_000).trades
    assert set(both["entry_tag"][both["member"] == 0]) == {"", "deep", "plain"}
    assert set(both["entry_tag"][both["member"] == 1]) == {"up"}
    assert set(both["exit_tag"][both["member"] == 1]) <= {"", "slipped", "late"}


def test_accounts_side_by_side_are_the_single_runs():
    cards = [RULES, RULES.replace('">=", 6', '">=", 3'), TAGGED + '  entry_short: [fast, "<", slow]\n', RULES]
    ready = [prepared(candles(3000), plan(with_rules(rules))) for rules in cards]
    assert evaluate_all(ready) == [evaluate(each) for each in ready]
    assert len({each.net_return_pct for each in evaluate_all(ready)}) == 3


def test_on_its_own_bars_as_finer_ones_a_card_does_the_same():
    ready = prepared(candles(1500), plan(with_rules(RULES)))
    plain = simulated(ready)
    finer = simulated(replace(ready, detail=detail_bars(ready.bars, ready.bars)))
    assert finer.trades.tobytes() == plain.trades.tobytes()
    assert finer.equity.tobytes() == plain.equity.tobytes()
    assert len(set(plain.trades.exit_tag)) > 2
