"""A card's ranges are checked against the registry and the rules, not only its defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import CardError
from engine.idea_card.card import IdeaCard
from engine.idea_card.frozen import to_plain
from engine.idea_card.load import card_from_text, space_from_text
from engine.strategies.card_plan import load_plan, plan_card, replan

SHIPPED = Path(__file__).resolve().parents[3] / "idea_cards" / "trend_pullback.yaml"


def free(folder: Path, old: str, declared: str) -> Path:
    """Write a shipped card with one of its values free."""
    text = SHIPPED.read_text()
    assert text.count(old) == 1
    path = folder / "free.yaml"
    path.write_text(
        f"{text.replace(old, old.rpartition(' ')[0] + ' {param: x}')}parameters:\n  x: {declared}\n"
    )
    return path


def test_a_card_with_parameters_has_the_plan_of_its_defaults(tmp_path):
    path = free(tmp_path, "length: 50", "{default: 50, min: 2, max: 200, step: 2}")
    assert load_plan(path).system_hash == load_plan(SHIPPED).system_hash


@pytest.mark.parametrize(
    ("old", "declared", "place", "words"),
    [
        ("length: 50", "{default: 50, min: 0, max: 200, step: 10}", "parameters.x.min", "params.length"),
        (
            "indicator: rsi",
            "{default: rsi, values: [rsi, rsy]}",
            "parameters.x.values[1]",
            "rsi_1h.indicator",
        ),
        (
            '">", ema_trend',
            "{default: ema_trend, values: [ema_trend, ema]}",
            "parameters.x.values[1]",
            "entry_long",
        ),
    ],
)
def test_a_range_that_leads_to_no_plan_is_refused_with_its_line(tmp_path, old, declared, place, words):
    path = free(tmp_path, old, declared)
    with pytest.raises(CardError) as refused:
        load_plan(path)
    [problem] = refused.value.problems
    assert problem.key_path == place
    assert words in problem.problem
    assert path.read_text().splitlines()[problem.line - 1].startswith("  x:")


# ---- plans of many cards

TEXT = SHIPPED.read_text()
PULLBACK = plan_card(card_from_text(TEXT, "card.yaml"))


def other(*replaced: tuple[str, str]) -> IdeaCard:
    """The shipped card with some of its text replaced."""
    text = TEXT
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return card_from_text(text, "card.yaml")


@pytest.mark.parametrize(
    ("replaced", "same_rules"),
    [
        ((("length: 50", "length: 60"), ("value: 1.5", "value: 2.5")), True),
        ((("between, [40, 70]", "between, [45, 70]"),), False),
        ((("htf: 4h", "htf: 6h"),), False),
        ((("feature: atr}", "feature: vol_avg}"),), False),
        ((("indicator: ema, params: {length: 50}", "indicator: sma, params: {length: 50}"),), False),
        ((("tf: mtf}", "tf: exec}"),), False),
    ],
)
def test_a_plan_made_from_another_is_the_plan_of_the_card(replaced, same_rules):
    card = other(*replaced)
    made, planned = replan(card, PULLBACK), plan_card(card)
    assert made.card is card
    assert made.rules == planned.rules
    assert made.level_references == planned.level_references
    assert made.system_hash == planned.system_hash
    assert {role: made.warmup_bars(role) for role in ("exec", "mtf", "htf")} == {
        role: planned.warmup_bars(role) for role in ("exec", "mtf", "htf")
    }
    assert (made.rules is PULLBACK.rules) is same_rules


def test_a_card_without_a_plan_gets_none_from_another():
    with pytest.raises(CardError, match="length"):
        replan(other(("length: 50", "length: 0")), PULLBACK)
    with pytest.raises(CardError, match="ema_slow"):
        replan(other(("  ema_slow: ", "  ema_other: ")), PULLBACK)


FREE_EVERYWHERE = (
    ("bars: 6, tf: exec", "bars: {param: bars}, tf: {param: role}"),
    ('[stretch, ">", 2]', "[{param: what}, {param: operator}, {param: level}]"),
    ("range_then: atr", "range_then: {param: captured}"),
    ('[bars_in_trade, ">=", 24]', '[bars_in_trade, ">=", {param: bars}]'),
    ("{setup: climax}", "{setup: {param: named}}"),
    ('failed: [close, ">", top]', "failed: {param: failure}"),
    ("{length: 24},                 tf: exec}", "{param: lengths}, tf: exec}"),
    ("mode: short_only", "mode: {param: mode}"),
)
RANGES = """
parameters:
  bars: {default: 6, min: 3, max: 9, step: 3}
  role: {default: exec, values: [exec]}
  what: {default: stretch, values: [stretch, effort]}
  operator: {default: ">", values: [">", ">="]}
  level: {default: 2, min: 1.0, max: 4.0, log: 3}
  captured: {default: atr, values: [atr, {"*": [2, atr]}]}
  named: {default: climax, values: [climax]}
  failure: {default: [close, ">", top], values: [[close, ">", top], [close, ">", {"*": [1.01, top]}]]}
  lengths: {default: {length: 24}, values: [{length: 24}, {length: 48}]}
  mode: {default: short_only, values: [short_only]}
"""


def test_any_value_of_setups_windows_captures_and_tags_may_be_a_parameter():
    text = (SHIPPED.parent / "cookbook" / "blow_off.yaml").read_text()
    for written, free in FREE_EVERYWHERE:
        assert written in text
        text = text.replace(written, free, 1)
    made = space_from_text(text + RANGES, "free.yaml")
    hashes = set()
    for binding in made.sample(24, seed=5):
        bound = plan_card(made.bind_complete(binding)).card
        by_hand = text
        for name, value in binding.items():
            by_hand = by_hand.replace(f"{{param: {name}}}", json.dumps(to_plain(value)))
        assert bound == card_from_text(by_hand, "by_hand.yaml")
        hashes.add(bound.system_hash())
    assert len(hashes) == 24
