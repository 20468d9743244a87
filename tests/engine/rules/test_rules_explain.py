"""A tree says of itself why it held at a bar, or why not."""

from __future__ import annotations

import math

import pytest
from rules_market import MIDNIGHT, NAMES, exec_market, tree

from engine.idea_card.signal_rules import SignalRules
from engine.rules.explain import explain
from engine.rules.parse import parse_signal_rules

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


UP = ["fast", ">", 0]
HISTORY = exec_market(fast=[1.0, -1.0, 1.0, math.nan, 1.0], slow=[-1.0, -1.0, 1.0, -1.0, 1.0])


def test_what_decided_is_marked():
    whole = explain(tree({"any": [["fast", "<", 0], UP, ["slow", ">", 0]]}), HISTORY, 0)
    assert [part.decided for part in whole.parts] == [False, True, False]
    assert whole.decided
    failed = explain(tree({"all": [["fast", "<", 0], UP, ["slow", ">", 0]]}), HISTORY, 0)
    assert [part.decided for part in failed.parts] == [True, False, True]
    unknown = explain(tree([UP, ["slow", "<", 0]]), HISTORY, 3)
    assert (unknown.truth, [part.decided for part in unknown.parts]) == (None, [True, False])
    turned = explain(tree({"not": UP}), HISTORY, 1)
    assert (turned.truth, turned.parts[0].truth, turned.parts[0].decided) == (True, False, True)


def test_a_window_tells_how_often_and_where_it_looked():
    whole = explain(tree({"holds_for": {"when": UP, "bars": 3, "tf": "exec"}}), HISTORY, 4)
    assert (whole.text, whole.truth) == ("holds_for 3 bars of exec", None)
    assert whole.remark == "true at 2 of 3 bars of exec, unknown at 1"
    assert [(part.bar, part.truth, part.decided) for part in whole.parts] == [
        (4, True, False),
        (3, None, True),
    ]
    assert whole.parts[0].values[0] == ("fast", 1.0)
    assert (whole.parts[1].ts_close - MIDNIGHT) // 60_000 == 60
    first = explain(tree({"occurred_within": {"when": UP, "duration": "45m", "tf": "exec"}}), HISTORY, 1)
    assert (first.truth, first.remark) == (True, "true at 1 of 45m of exec, unknown at 1")
    assert [(part.bar, part.truth, part.decided) for part in first.parts] == [
        (1, False, False),
        (0, True, True),
    ]


def test_a_sequence_tells_where_each_step_happened():
    raw = {"sequence": {"steps": [UP, ["slow", ">", 0]], "within": {"bars": 3, "tf": "exec"}}}
    done = explain(tree(raw), HISTORY, 4)
    assert (done.text, done.truth) == ("sequence of 2 within 3 bars of exec", True)
    # the latest place of the first step that fits
    assert [(part.bar, part.truth, part.decided) for part in done.parts] == [(2, True, True), (4, True, True)]
    undone = explain(tree(raw), HISTORY, 3)
    assert undone.truth is False
    assert [(part.bar, part.truth, part.decided) for part in undone.parts] == [
        (2, True, False),
        (3, False, True),
    ]


def test_a_score_tells_its_sum():
    weights = [{"weight": 2, "when": UP}, {"weight": 0.5, "when": ["slow", "<", 0]}]
    whole = explain(tree({"score": {"weights": weights, "at_least": 2}}), HISTORY, 3)
    assert (whole.text, whole.truth) == ("score of 2 at least 2", None)
    assert whole.remark == "score 0.5, 1 of 2 unknown"
    assert [part.decided for part in whole.parts] == [True, False]


def test_a_crossing_tells_where_it_came_from():
    crossing = explain(tree(["slow", "cross_above", 0]), HISTORY, 2)
    assert (crossing.truth, crossing.remark) == (True, "at the bar before: slow -1, 0 0")
    assert (
        explain(tree(["fast", "cross_above", 0]), HISTORY, 4).remark == "at the bar before: fast missing, 0 0"
    )
    assert explain(tree(["fast", "cross_above", 0]), HISTORY, 0).remark == "there is no bar before"


def test_a_setup_is_told_by_its_name():
    rules = SignalRules(setups={"up": UP}, entry_long={"not": {"setup": "up"}})
    parsed = parse_signal_rules(rules, NAMES).entry_long
    assert parsed is not None
    [setup] = explain(parsed, HISTORY, 0).parts
    assert (setup.text, setup.parts[0].text) == ("setup up", "fast > 0")
