"""Strategies in Python through the exchange: what they are shown, when they are asked, how they fail."""

from __future__ import annotations

import re
from typing import ClassVar

import pytest
from strategy_case import CARDS, TWINS, card_text, generated_history, random_history

from engine.backtest.detail_report import simulated
from engine.backtest.engine import BacktestEngine
from engine.backtest.history import History
from engine.backtest.measure import evaluate
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.backtest.strategy_run import run_strategy
from engine.errors import CardError, SimulationError, StrategyError
from engine.idea_card.base import Positive
from engine.idea_card.load import card_from_text
from engine.runtime.snapshot import RuntimeSnapshotView
from engine.strategies.base import BaseStrategy, StrategyParameters
from engine.strategies.card_plan import CardPlan, load_plan, plan_card
from engine.strategies.registry import STRATEGIES
from engine.strategies.signal import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT, Signal
from engine.timeframes import Timeframe


class Level(StrategyParameters):
    """One threshold."""

    level: Positive


class Watcher(BaseStrategy):
    """Enters and leaves by turns, and writes down what it is shown."""

    name = "watcher"
    version = "1.0.0"
    inputs = ("close[3]", "trend")
    seen: ClassVar[list[tuple[object, ...]]] = []

    def generate_signals(self, snapshot: RuntimeSnapshotView) -> list[Signal]:
        position = snapshot.position
        close, before = snapshot.value("close"), snapshot.value("close", offset=3)
        trend = snapshot.value("trend", "htf")
        self.seen.append(
            (snapshot.bar_index, snapshot.ts_close, close, trend, position, snapshot.equity_usdt)
        )
        if position is None:
            return [ENTER_LONG if close > before else ENTER_SHORT]
        if position.bars_held < 4:
            return []
        return [EXIT_LONG if position.direction == "long" else EXIT_SHORT]


def plan_of(strategy: type[BaseStrategy], params: str = "{}", version: str = "1.0.0") -> CardPlan:
    """Return the breakout card with its signals from `strategy`."""
    text = card_text("channel_breakout", python=True)
    start, end = text.index("signal_rules:"), text.index("position_policy:")
    choice = f"{{name: {strategy.name}, version: {version}, params: {params}}}"
    text = f"{text[:start]}signal_rules: {{strategy: {choice}}}\n{text[end:]}"
    return plan_card(card_from_text(text, "mine"), STRATEGIES.with_more(strategy))


def watched(history: History, **window: int) -> tuple[PreparedFrame, list[tuple[object, ...]]]:
    """Run the watcher and return what it saw."""
    prepared = prepare_history(plan_of(Watcher), history, **window)
    Watcher.seen.clear()
    run_strategy(prepared)
    return prepared, list(Watcher.seen)


def test_it_is_asked_at_every_close_from_the_first_warm_one_on():
    prepared, seen = watched(random_history(3))
    # the slowest of what is looked at is trend: three bars of 2h, the last of which closes with bar 23
    bars = [row[0] for row in seen]
    assert bars == list(range(bars[0], len(prepared.bars)))
    assert bars[0] == 23
    assert [row[1] for row in seen] == [int(prepared.bars.ts_open[bar]) + Timeframe.M15.ms for bar in bars]
    assert [row[2] for row in seen] == [float(prepared.bars.close[bar]) for bar in bars]


def test_it_sees_the_position_its_fills_have_made():
    prepared, seen = watched(random_history(3))
    output = run_strategy(prepared)
    at = {row[0]: row for row in seen}
    for trade in output.trades[:10]:
        for bar in range(int(trade.entry_bar), int(trade.exit_bar)):
            position = at[bar][4]
            assert position.direction == ("long" if trade.direction > 0 else "short")
            assert position.bars_held == bar - int(trade.entry_bar) + 1
            assert position.entry_price == trade.entry_price
            assert position.stop_price == trade.stop_price
            assert at[bar][5] == output.equity[bar]
        if trade.reason == 3:  # by signal: decided at the close before, when it had been held for 4 bars
            assert int(trade.exit_bar) - int(trade.entry_bar) == 4
    assert len(output.trades) > 20


def test_no_signal_changes_when_the_future_does():
    history = random_history(4)
    whole = watched(history)[1]
    for cut in (60, 150, 333):
        end = int(history.candles[Timeframe.M15].ts_open[cut])
        shorter = watched(history, end_ms=end)[1]
        assert len(shorter) == cut - shorter[0][0]
        # as text, in which a level that is not set (NaN) equals itself
        assert list(map(repr, shorter)) == list(map(repr, whole[: len(shorter)]))


def test_a_window_starts_with_what_was_known_before_it():
    history = random_history(4)
    start = int(history.candles[Timeframe.M15].ts_open[100])
    prepared, seen = watched(history, start_ms=start)
    assert seen[0][0] == 100
    assert seen[0][1] == start + Timeframe.M15.ms
    assert len(seen) == len(prepared.bars)


def test_each_run_has_a_strategy_of_its_own():
    class Once(BaseStrategy):
        """Enters at its first bar."""

        name, version, inputs, takes = "once", "1.0.0", ("close",), Level
        entered = False

        def generate_signals(self, snapshot):
            if self.entered or snapshot.value("close") < self.parameters.level:
                return []
            self.entered = True
            return [ENTER_LONG]

    prepared = prepare_history(plan_of(Once, "{level: 1}"), random_history(1))
    first, second = run_strategy(prepared), run_strategy(prepared)
    assert len(first.trades) == 1
    assert first.trades.tobytes() == second.trades.tobytes()
    never = prepare_history(plan_of(Once, "{level: 1000000000}"), random_history(1))
    assert len(run_strategy(never).trades) == 0


def failing(said: object, *, fails_at: int = 30) -> type[BaseStrategy]:
    """Return a strategy that returns `said`, or raises it, at one bar."""

    class Failing(BaseStrategy):
        """Fails."""

        name, version, inputs = "failing", "1.0.0", ("close",)

        def generate_signals(self, snapshot):
            if snapshot.bar_index != fails_at:
                return []
            if isinstance(said, str):
                return [snapshot.value(said)]
            if callable(said):
                return [said(snapshot)]
            if isinstance(said, Exception):
                raise said
            return said

    return Failing


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (KeyError("x"), r"KeyError: 'x'[\s\S]*line \d+ of test_backtest_strategy_run.py \(raise said\)"),
        (None, "returned None .*which is no list of signals"),
        (["long"], r"returned \['long'\]"),
        ([[]], r"returned \[\[\]\]"),
        ("volume", "'volume' of exec is not among the inputs"),
        ("atr", "'atr' of exec is not among the inputs"),
        (lambda view: view.value("close", offset=-1), r"close\[-1\] lies in the future"),
        (lambda view: view.context("exec").value("close", -3), r"close\[-3\] lies in the future"),
        (lambda view: view.value("close", offset=1), r"close\[1\] is further back than the inputs"),
        (lambda view: setattr(view, "bar_index", 99), "FrozenInstanceError: .*'bar_index'"),
        (lambda view: setattr(view.context("exec"), "bar_index", 99), "FrozenInstanceError: .*'bar_index'"),
        (lambda view: setattr(view, "equity_usdt", 1e9), "FrozenInstanceError: .*'equity_usdt'"),
        (lambda view: delattr(view, "position"), "FrozenInstanceError: .*'position'"),
        (lambda view: type(view)(view._store, 99).value("close"), "there is no exec bar 99"),
    ],
)
def test_what_goes_wrong_in_it_names_the_strategy_and_the_bar(said, told):
    prepared = prepare_history(plan_of(failing(said)), random_history(1))
    with pytest.raises(StrategyError, match=told) as caught:
        BacktestEngine().run(prepared)
    assert "the strategy failing" in caught.value.problem
    assert "2024-01-01 07:45:00 UTC" in caught.value.problem  # the close of bar 30, which opens at 07:30


def test_a_strategy_that_cannot_be_made_is_named():
    class Unmade(BaseStrategy):
        """Cannot be made."""

        name, version, inputs = "unmade", "1.0.0", ("close",)

        def __init__(self, parameters):
            super().__init__(parameters)
            self.file = {}["missing"]

        def generate_signals(self, snapshot):
            return []

    with pytest.raises(StrategyError, match=r"unmade failed before its first bar: KeyError: 'missing'"):
        run_strategy(prepare_history(plan_of(Unmade), random_history(1)))


def test_a_card_of_conditions_is_not_for_this_driver():
    plan = plan_card(card_from_text(card_text("channel_breakout", python=False), "conditions"))
    with pytest.raises(SimulationError, match="has no strategy in Python"):
        run_strategy(prepare_history(plan, random_history(1)))


def test_metrics_without_frames_are_those_of_the_run():
    prepared = prepare_history(plan_of(Watcher), random_history(3))
    result = BacktestEngine().run(prepared)
    assert evaluate(prepared).trades == len(result.trades)


@pytest.mark.parametrize("name", TWINS)
def test_both_forms_agree_on_the_market_of_the_sandbox(name):
    history = generated_history("ETHUSDT", days=90)
    outputs = [
        simulated(prepare_history(load_plan(path), history))
        for path in (CARDS / f"{name}.yaml", CARDS / "python" / f"{name}_python.yaml")
    ]
    assert len(outputs[0].trades) > 10
    for part in ("equity", "position_size", "used_margin", "fills", "trades", "payments", "rejects"):
        assert getattr(outputs[0], part).tobytes() == getattr(outputs[1], part).tobytes(), part


def test_both_forms_agree_on_finer_bars():
    history = generated_history("BTCUSDT", days=90)
    outputs = []
    for path in (CARDS / "channel_breakout.yaml", CARDS / "python" / "channel_breakout_python.yaml"):
        text = path.read_text().replace("{exec: 1h, htf: 4h}", "{exec: 1h, htf: 4h, detail: 15m}")
        prepared = prepare_history(plan_card(card_from_text(text, path.name)), history)
        assert prepared.detail is not None
        outputs.append(simulated(prepared))
    assert len(outputs[0].trades) > 10
    for part in ("equity", "position_size", "used_margin", "fills", "trades", "payments", "rejects"):
        assert getattr(outputs[0], part).tobytes() == getattr(outputs[1], part).tobytes(), part


def test_another_version_of_the_code_is_refused_and_another_hash():
    plan = plan_of(Watcher)
    with pytest.raises(CardError, match=r"version: is not that of the code, which is 1\.0\.0"):
        plan_of(Watcher, version="0.9.0")

    class Later(Watcher):
        """The same, changed."""

        version = "1.1.0"

    assert plan_of(Later, version="1.1.0").system_hash != plan.system_hash


def test_the_strategy_of_the_readme_runs():
    readme = (CARDS.parent / "README.md").read_text()
    [block] = re.findall(r"```python\n(class .*?)```", readme, re.DOTALL)
    names = {each.__name__: each for each in (BaseStrategy, RuntimeSnapshotView, Signal)}
    names |= {"ENTER_LONG": ENTER_LONG, "EXIT_LONG": EXIT_LONG}
    exec(block, names)
    output = run_strategy(prepare_history(plan_of(names["Momentum"]), random_history(2)))
    assert len(output.trades) > 10
    assert set(output.trades.direction) == {1}
