"""The cards we ship load, differ in kind, and their rules name only what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.features.builder import feature_outputs
from engine.features.checks import check_feature
from engine.idea_card.load import load_cards
from engine.rules.names import NameTable
from engine.rules.parse import parse_signal_rules

CARDS = Path(__file__).parents[3] / "idea_cards"


@pytest.fixture(scope="module")
def cards():
    folder = load_cards(CARDS)
    assert folder.errors == {}
    return folder.cards


def test_the_shipped_cards_differ_in_kind(cards):
    assert {"trend_pullback", "band_reversion", "channel_breakout"} <= set(cards)
    assert len({card.timeframes.exec for card in cards.values()}) > 1
    assert len({type(card.risk_model.sizing) for card in cards.values()}) > 1
    assert len({type(card.risk_model.stop_loss) for card in cards.values()}) > 1


def test_a_card_is_in_the_file_of_its_id(cards):
    assert {path.stem for path in CARDS.glob("*.yaml")} == set(cards)


@pytest.mark.parametrize("name", ["trend_pullback", "band_reversion", "channel_breakout"])
def test_the_rules_of_a_shipped_card_use_every_feature_and_no_other(name, cards):
    card = cards[name]
    assert [problem for name, spec in card.features.items() for problem in check_feature(name, spec)] == []
    names = NameTable(
        features={name: feature_outputs(spec) for name, spec in card.features.items()},
        feature_roles={name: spec.tf for name, spec in card.features.items()},
        roles=card.timeframes.roles(),
    )
    rules = parse_signal_rules(card.signal_rules, names)
    used = {reference.name.split(".")[0] for reference in rules.references()}
    used.add(getattr(card.risk_model.stop_loss, "feature", ""))
    assert set(card.features) <= used
    assert {reference.role for reference in rules.references()} == set(card.timeframes.roles())
