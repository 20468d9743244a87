"""A tree says of itself why it held at a bar, or why not."""

from __future__ import annotations

import math

import pytest
from rules_market import exec_market, tree

from engine.rules.explain import explain

RAW = {
    "all": [
        ["fast", "cross_above", "slow"],
        {"any": [["close", "between", [1, 2.5]], {"not": ["close", ">", {"*": [2, "slow[1]"]}]}]},
    ]
}
MARKET = exec_market(fast=[1.0, 4.0, math.nan], slow=[2.0, 2.0, 2.0], close=[5.0, 5.0, 2.0])


def test_the_tree_is_told_with_the_value_of_each_leaf():
    whole = explain(tree(RAW), MARKET, 1)
    crossing, either = whole.parts
    between, negated = either.parts
    [comparison] = negated.parts
    assert (whole.truth, crossing.truth, either.truth, between.truth, negated.truth) == (
        False,
        True,
        False,
        False,
        False,
    )
    assert comparison.truth is True
    assert crossing.text == "fast cross_above slow"
    assert crossing.values == (("fast", 4.0), ("slow", 2.0))
    assert between.text == "close between [1, 2.5]"
    assert between.values == (("close", 5.0), ("1", 1.0), ("2.5", 2.5))
    assert comparison.text == "close > (2 * slow[1])"
    assert comparison.values == (("close", 5.0), ("(2 * slow[1])", 4.0))


def test_what_is_missing_is_unknown():
    whole = explain(tree(RAW), MARKET, 2)
    crossing, either = whole.parts
    assert whole.truth is None
    assert crossing.truth is None
    assert crossing.values == (("fast", None), ("slow", 2.0))
    assert either.truth is True
    # no bar before the first: the crossing is unknown, though its values are there
    assert explain(tree(RAW), MARKET, 0).parts[0].truth is None


def test_a_constant_that_does_not_exist_is_told_as_missing():
    whole = explain(tree([{"*": ["close", {"/": [1, 0]}]}, ">", {"/": [1, 0]}]), MARKET, 1)
    assert whole.truth is None
    assert whole.values == (("(close * (1 / 0))", None), ("(1 / 0)", None))


@pytest.mark.parametrize("bar", [-1, 3])
def test_a_bar_that_is_not_there_is_refused(bar):
    with pytest.raises(IndexError, match=f"no exec bar {bar}"):
        explain(tree(RAW), MARKET, bar)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (["fast", "in", [1, 2.5]], "fast in [1, 2.5]"),
        (["fast", "near_pct", ["slow", 0.5]], "fast near_pct [slow, 0.5]"),
        (["close@htf[1]", "!=", "hl2"], "close@htf[1] != hl2"),
        ([["fast", ">", 1], ["fast", "<", 2]], "all of 2"),
    ],
)
def test_conditions_read_as_they_are_written(raw, text):
    assert tree(raw).text() == text
