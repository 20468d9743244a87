"""Strategies in Python: what a class must say, and what a card that names one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import CardError, ConfigurationError
from engine.idea_card.load import card_from_text
from engine.strategies.base import BaseStrategy
from engine.strategies.card_plan import load_plan, plan_card
from engine.strategies.registry import STRATEGIES, StrategyRegistry
from engine.strategies.signal import Signal

CARDS = Path(__file__).parents[3] / "idea_cards"
PULLBACK = (CARDS / "python" / "trend_pullback_python.yaml").read_text()


def strategy(**said: object) -> type[BaseStrategy]:
    """Return a strategy that says what is given, None for nothing."""
    parts = {"name": "mine", "version": "1.0.0", "inputs": ("close",), "generate_signals": lambda *_: []}
    return type("MyStrategy", (BaseStrategy,), {k: v for k, v in (parts | said).items() if v is not None})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": None}, 'MyStrategy has no usable name[\\s\\S]*name = "my_strategy"'),
        ({"name": "My Own"}, "no usable name: 'My Own'"),
        ({"version": None}, "has no version"),
        ({"version": "1"}, "has no version"),
        ({"inputs": None}, "does not say what it looks at"),
        ({"inputs": "close"}, "does not say what it looks at"),
        ({"takes": dict}, "takes no StrategyParameters"),
        ({"tags": "up"}, "no usable tags: 'up'"),
        ({"tags": ("up", "Too late")}, "no usable tags"),
        ({"tags": ("up", "up")}, "names a tag twice"),
        ({"generate_signals": None}, "has no generate_signals"),
    ],
)
def test_a_class_that_does_not_say_what_it_must_is_refused(said, told):
    with pytest.raises(ConfigurationError, match=told):
        StrategyRegistry([strategy(**said)])


def test_a_name_is_given_once_and_a_wrong_one_gets_a_suggestion():
    with pytest.raises(ConfigurationError, match="two strategies called 'trend_pullback'"):
        STRATEGIES.with_more(strategy(name="trend_pullback"))
    with pytest.raises(ConfigurationError, match="did you mean trend_pullback"):
        STRATEGIES.get("trend_pulback")
    assert STRATEGIES.with_more(strategy()).names == (*STRATEGIES.names, "mine")
    assert "mine" not in STRATEGIES.names


@pytest.mark.parametrize("path", sorted((CARDS / "python").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_cards_in_python_have_a_plan(path):
    plan = load_plan(path)
    assert plan.card.id == path.stem
    assert plan.strategy is not None
    assert {reference.name.partition(".")[0] for reference in plan.references()} >= set(plan.card.features)


# A crossing is unknown at the first bar both averages have a value at; the strategy says so with [1].
@pytest.mark.parametrize(("name", "later"), [("trend_pullback", 1), ("channel_breakout", 0)])
def test_both_forms_of_a_card_wait_for_the_same_bars(name, later):
    conditions = load_plan(CARDS / f"{name}.yaml")
    python = load_plan(CARDS / "python" / f"{name}_python.yaml")
    for role in conditions.card.timeframes.roles():
        assert python.warmup_bars(role) == conditions.warmup_bars(role) + later * (role == "exec")


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("name: trend_pullback", "name: trend_pulback", r"strategy\.name: is no strategy[\s\S]*did you mean"),
        ("version: 1.0.0  ", "version: 1.2.0  ", r"strategy\.version: is not that of the code.*1\.0\.0"),
        ("rsi_low: 40", "rsi_lo: 40", r"params\.rsi_lo: is not a key[\s\S]*did you mean rsi_low"),
        ("rsi_low: 40, ", "", r"params\.rsi_low: is missing"),
        ("rsi_low: 40", "rsi_low: 140", r"params\.rsi_low: must be"),
        ("  vol_avg:", "  vol_mean:", r"strategy\.name: looks at 'vol_avg'[\s\S]*did you|give the card"),
    ],
)
def test_a_card_that_does_not_fit_the_code_is_told_where(written, instead, told):
    assert PULLBACK.count(written) == 1
    card = card_from_text(PULLBACK.replace(written, instead), "card.yaml")
    with pytest.raises(CardError, match=told):
        plan_card(card)


def test_conditions_and_a_strategy_do_not_stand_side_by_side():
    both = PULLBACK.replace("  strategy:\n", '  exit_long: [[close, ">", 1]]\n  strategy:\n')
    with pytest.raises(CardError, match="exit_long: stands beside a strategy"):
        card_from_text(both, "card.yaml")


@pytest.mark.parametrize("said", [("enter", "up"), ("leave", "long"), ("long", "enter")])
def test_there_are_four_signals(said):
    with pytest.raises(ValueError, match="is no signal"):
        Signal(*said)
