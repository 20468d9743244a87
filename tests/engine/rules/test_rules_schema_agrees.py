"""The JSON schema of conditions takes what the parser takes, and refuses what is built wrongly.

It cannot know names, nor add up weights: what is wrong with those is the parser's to say.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from rules_random import rules
from test_rules_schema import faults
from test_rules_window_errors import CASES, HERE

from engine.rules.schema import full_card_schema

SCHEMA = full_card_schema()
RULES = SCHEMA["$defs"]["SignalRules"]

# what only the parser can know
MEANING = {
    "condition inside",
    "step inside",
    "part of a bar",
    "endless",
    "more than there are",
    "no room",
    "weight of nought",
    "fine weight",
    "out of reach",
    "always reached",
    "unknown setup",
    "calendar of a timeframe",
    "misspelt price of a timeframe",
    "misspelt rate",
}


def breaks(signal_rules: dict[str, Any]) -> bool:
    return bool(faults(signal_rules, RULES, SCHEMA))


@settings(max_examples=30, deadline=None)
@given(drawn=rules())
def test_what_the_parser_takes_fits_the_schema(drawn):
    setups, rule = drawn
    assert not breaks({"setups": setups, "entry_long": rule} if setups else {"exit_short": rule})


@pytest.mark.parametrize("name", CASES)
def test_what_is_built_wrongly_breaks_the_schema(name):
    assert breaks({HERE.partition(".")[2]: CASES[name][0]}) is (name not in MEANING)


@pytest.mark.parametrize("setups", [{}, [["close", ">", 1]], {"Up": ["close", ">", 1]}, {"up": 3}])
def test_setups_that_are_none_break_the_schema(setups):
    assert breaks({"setups": setups})


def test_any_number_of_a_window_may_be_a_parameter():
    window = {
        "when": ["close", ">", 1],
        "bars": {"param": "length"},
        "tf": "exec",
        "at_least": {"param": "n"},
    }
    assert not breaks({"entry_long": {"count_true": window}})
    weights = [{"weight": {"param": "weight"}, "when": {"param": "rule"}}]
    assert not breaks({"entry_long": {"score": {"weights": weights, "at_least": {"param": "n"}}}})
