"""The card generator: the same seed, the same cards; every kind of thing is drawn; what fails is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import yaml

from engine.features.registry import INDICATORS
from engine.gates.card_batch import CardBatchGate, run_batch
from engine.gates.generated_market import generated_market
from engine.gates.known_market import KnownMarket
from engine.gates.random_cards import MARKET_DAYS, MARKET_TIMEFRAMES, random_card
from engine.idea_card.entry_order import EntryOrder, LimitEntry, Offset
from engine.idea_card.features import SOURCES
from engine.idea_card.load import card_from_text
from engine.idea_card.position_policy import DIRECTIONS_OF_MODE
from engine.idea_card.position_state import PositionState
from engine.idea_card.sizing import Sizing
from engine.idea_card.stops import StopLoss
from engine.idea_card.targets import SingleTarget
from engine.rules.language import GROUPS, OPERATORS
from engine.rules.operands import CALCULATIONS
from engine.strategies.card_plan import plan_card
from engine.timeframes import parse_utc


@pytest.fixture(scope="module")
def known() -> KnownMarket:
    return generated_market("BTCUSDT", MARKET_TIMEFRAMES, end_ms=parse_utc("2024-06-01"), days=MARKET_DAYS)


def kinds_of(union: Any, key: str = "type") -> set[str]:
    """Return the words that tell the classes of a union of the card language apart."""
    classes = get_args(get_args(union)[0])
    return {get_args(each.model_fields[key].annotation)[0] for each in classes}


def test_a_few_cards_get_through_everything(known: KnownMarket):
    summary = run_batch(known, cards=6, seed=11)
    result = CardBatchGate().run(summary)
    assert result.passed, "\n".join(map(str, result.violations))
    assert summary.with_trades >= 3
    assert result.summary.startswith("6 cards of seed 11, ")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 28))
def test_many_cards_get_through_everything(known: KnownMarket, seed: int):
    result = CardBatchGate().run(run_batch(known, cards=50, seed=seed))
    assert result.passed, "\n".join(map(str, result.violations))


def test_a_card_depends_on_its_seed_and_number_only():
    assert random_card(3, 5) == random_card(3, 5)
    assert random_card(3, 5).plain != random_card(3, 6).plain != random_card(4, 6).plain


def test_the_same_batch_has_the_same_summary(known: KnownMarket):
    assert run_batch(known, cards=2, seed=1) == run_batch(known, cards=2, seed=1)


def test_every_kind_the_card_language_has_is_drawn():
    drawn: dict[str, set[str]] = {}
    for number in range(600):
        for family, kinds in random_card(0, number).kinds.items():
            drawn.setdefault(family, set()).update(kinds)
    assert drawn["stop_loss"] - {"none"} == kinds_of(StopLoss)
    assert drawn["target"] == kinds_of(SingleTarget)
    assert drawn["sizing"] == kinds_of(Sizing, "model")
    assert drawn["entry_order"] == kinds_of(EntryOrder)
    assert drawn["offset"] == kinds_of(Offset)
    assert drawn["time_in_force"] == set(get_args(LimitEntry.model_fields["time_in_force"].annotation))
    assert drawn["mode"] == set(DIRECTIONS_OF_MODE)
    assert drawn["condition"] == {*OPERATORS, *GROUPS, "tags"}
    assert drawn["calculation"] == set(CALCULATIONS)
    assert drawn["position"] == {*map(str, PositionState), "captured"}
    assert drawn["source"] == set(SOURCES)
    assert drawn["indicator"] == set(INDICATORS)


@pytest.mark.parametrize("number", range(40))
def test_a_random_card_is_valid_and_is_its_own_yaml(number: int):
    plain = random_card(7, number).plain
    card = card_from_text(yaml.safe_dump(plain, sort_keys=False), "random.yaml")
    assert plan_card(card).card.id == f"random_7_{number}"


def no_funding(known: KnownMarket) -> KnownMarket:
    nothing = known.until(int(known.candles[MARKET_TIMEFRAMES[0]].ts_open[0]))
    return replace(known, funding=nothing.funding)


def prices_upside_down(known: KnownMarket) -> KnownMarket:
    candles = {
        timeframe: replace(of, high=np.minimum(of.open, of.close) * 0.99)
        for timeframe, of in known.candles.items()
    }
    return replace(known, candles=candles)


@pytest.mark.parametrize("broken", [no_funding, prices_upside_down])
def test_what_fails_is_told_with_the_card_that_reproduces_it(
    known: KnownMarket, broken: Callable[[KnownMarket], KnownMarket]
):
    summary = run_batch(broken(known), cards=2, seed=5)
    assert [failure.number for failure in summary.failures] == [0, 1]
    failure = summary.failures[1]
    assert failure.step == "backtest"
    assert card_from_text(failure.card, "again.yaml").id == "random_5_1"
    result = CardBatchGate().run(summary)
    assert result.blocks
    assert "card 1 of seed 5, backtest" in result.violations[1].where
    assert "random_card(5, 1)" in result.violations[1].remedy
