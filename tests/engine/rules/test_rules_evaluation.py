"""Every operator against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from rules_market import NAMES, Market, exec_market, tree, truth

from engine.idea_card.signal_rules import SignalRules
from engine.rules.columns import Columns
from engine.rules.compile import evaluate, evaluate_rules
from engine.rules.names import Reference
from engine.rules.parse import parse_signal_rules
from engine.rules.rule_set import RuleSet

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (">", [False, False, True]),
        ("<", [True, False, False]),
        (">=", [False, True, True]),
        ("<=", [True, True, False]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_comparisons(operator, expected):
    market = exec_market(fast=[1.0, 2.0, 3.0], slow=[2.0, 2.0, 2.0])
    assert truth(["fast", operator, "slow"], market) == expected
    assert truth(["fast", operator, 2], market) == expected
    assert truth(["fast", operator, 2.0], market) == expected


def test_equality_is_exact():
    assert truth(["fast", "==", 0.3], exec_market(fast=[0.3, 0.1 + 0.2])) == [True, False]


def test_between_includes_both_ends():
    market = exec_market(fast=[39.9, 40.0, 55.0, 70.0, 70.1])
    assert truth(["fast", "between", [40, 70]], market) == [False, True, True, True, False]


def test_between_takes_names_and_calculations():
    market = exec_market(close=[1.0, 5.0, 9.0], fast=[2.0, 2.0, 2.0])
    assert truth(["close", "between", ["fast", {"*": ["fast", 4]}]], market) == [False, True, False]


def test_in_is_one_of_the_numbers():
    assert truth(["fast", "in", [1, 3, 8.5]], exec_market(fast=[1.0, 2.0, 3.0, 8.5])) == [
        True,
        False,
        True,
        True,
    ]


def test_near_pct_is_a_share_of_the_right_hand_side():
    # 1 % of 200 is 2
    market = exec_market(close=[197.9, 198.0, 200.0, 202.0, 202.1], fast=[200.0] * 5)
    assert truth(["close", "near_pct", ["fast", 1]], market) == [False, True, True, True, False]
    negative = exec_market(close=[-202.1, -202.0, -198.0], fast=[-200.0] * 3)
    assert truth(["close", "near_pct", ["fast", 1]], negative) == [False, True, True]


def test_near_abs_is_a_distance_and_may_be_a_feature():
    market = exec_market(close=[97.0, 98.0, 102.0, 103.0], fast=[100.0] * 4, slow=[2.0, 2.0, 2.0, 3.0])
    assert truth(["close", "near_abs", ["fast", 2]], market) == [False, True, True, False]
    assert truth(["close", "near_abs", ["fast", "slow"]], market) == [False, True, True, True]


def test_cross_above_needs_above_now_and_not_above_before():
    market = exec_market(fast=[1.0, 2.0, 3.0, 3.0, 1.0, 3.0], slow=[2.0] * 6)
    # touching is not crossing; leaving the touch upwards is
    assert truth(["fast", "cross_above", "slow"], market) == [False, False, True, False, False, True]
    assert truth(["fast", "cross_above", 2], market) == [False, False, True, False, False, True]


def test_cross_below_is_the_mirror_image():
    market = exec_market(fast=[3.0, 2.0, 1.0, 1.0, 3.0, 1.0], slow=[2.0] * 6)
    assert truth(["fast", "cross_below", "slow"], market) == [False, False, True, False, False, True]


def test_a_line_that_starts_above_has_not_crossed():
    assert truth(["fast", "cross_above", 2], exec_market(fast=[3.0, 3.0])) == [False, False]


def test_a_crossing_needs_both_bars():
    market = exec_market(fast=[1.0, NAN, 3.0, 1.0, 3.0])
    assert truth(["fast", "cross_above", 2], market) == [False, False, False, False, True]
    assert truth({"not": ["fast", "cross_above", 2]}, market) == [False, False, False, True, False]


def test_a_higher_timeframe_crosses_on_the_one_bar_where_it_becomes_visible():
    # htf bars close with exec bars 3, 7 and 11; the second one is above
    market = Market(14, {"htf": {"trend": [1.0, 3.0, 4.0]}, "exec": {}})
    crossed = truth(["trend", "cross_above", 2], market)
    assert [bar for bar, is_true in enumerate(crossed) if is_true] == [7]


def test_a_price_of_a_higher_timeframe_is_its_last_closed_bar():
    market = Market(9, {"exec": {"close": [10.0] * 9}, "htf": {"close": [11.0, 9.0]}})
    expected = [False] * 3 + [True] * 4 + [False] * 2
    assert truth(["close@htf", ">", "close"], market) == expected
    assert truth(["close@htf", ">", "close@exec"], market) == expected


def test_an_offset_counts_in_the_bars_of_its_own_timeframe():
    """Pitfall 11: the predecessor ignored the offset of a structure and compared a value with itself."""
    market = Market(
        12, {"exec": {"close": [float(bar) for bar in range(12)]}, "htf": {"trend": [1.0, 2.0, 2.0]}}
    )
    assert truth(["close[2]", "==", 5], market) == [bar == 7 for bar in range(12)]
    # trend is 1 from bar 3, 2 from bar 7, 2 again from bar 11; trend[1] is one htf bar behind
    assert truth(["trend", ">", "trend[1]"], market) == [7 <= bar < 11 for bar in range(12)]
    assert truth(["trend", "==", "trend[1]"], market) == [bar == 11 for bar in range(12)]


def test_an_offset_of_nought_is_the_bar_itself():
    assert truth(["fast", "==", "fast[0]"], exec_market(fast=[1.0, 2.0])) == [True, True]


def test_parts_of_a_feature_and_their_offsets():
    market = Market(4, {"mtf": {"bands.lower": [1.0, 5.0], "bands.upper": [3.0, 4.0]}, "exec": {}})
    assert truth(["bands.lower", ">", "bands.upper[1]"], market) == [False, False, False, True]


def test_means_of_prices():
    columns = {"open": [1.0, 7.0], "high": [4.0, 10.0], "low": [2.0, 8.0], "close": [3.0, 9.0]}
    market = Market(2, {"exec": columns})
    assert truth(["hl2", "==", 3], market) == [True, False]
    assert truth(["hl2[1]", "==", 3], market) == [False, True]
    assert truth(["hlc3", "==", 9], market) == [False, True]
    assert truth(["ohlc4", "==", 2.5], market) == [True, False]
    higher = Market(4, {"mtf": columns})
    assert truth(["hl2@mtf[1]", "==", 3], higher) == [False, False, False, True]
    missing = Market(2, {"exec": {**columns, "low": [NAN, 8.0]}})
    assert truth({"any": [["hl2", ">", 0], {"not": ["hl2", ">", 0]}]}, missing) == [False, True]


@pytest.mark.parametrize(
    ("calculation", "expected"),
    [
        ({"+": ["fast", 1]}, 8.0),
        ({"+": ["fast", 1, "slow", 0.5]}, 10.5),
        ({"-": ["fast", 9]}, -2.0),
        ({"*": [2, "fast", "slow"]}, 28.0),
        ({"/": ["fast", "slow"]}, 3.5),
        ({"%": ["fast", 4]}, 3.0),
        ({"%": [{"-": [0, "fast"]}, 4]}, 1.0),
        ({"-": [{"*": ["fast", {"+": ["slow", 1]}]}, {"/": ["fast", 2]}]}, 17.5),
    ],
)
def test_calculations(calculation, expected):
    market = exec_market(fast=[7.0], slow=[2.0])
    assert truth([calculation, "==", expected], market) == [True]
    assert truth([expected, "==", calculation], market) == [True]


LEAVES = [
    *(["fast", operator, 1] for operator in (">", "<", ">=", "<=", "==", "!=")),
    [1, "!=", "fast"],
    ["fast", "between", [0, 9]],
    [1, "between", ["fast", 9]],
    [1, "between", [-9, "fast"]],
    ["fast", "in", [1, 2]],
    ["fast", "near_pct", ["close", 50]],
    ["close", "near_pct", ["fast", 50]],
    ["close", "near_abs", [1, "fast"]],
    ["fast", "cross_above", 1],
    [1, "cross_below", "fast"],
    [{"+": ["fast", 1]}, "!=", 1],
    [{"*": ["fast", 0]}, "==", 0],
    [{"/": [1, "fast"]}, ">=", 0],
    [{"%": [5, "fast"]}, ">=", 0],
]


@pytest.mark.parametrize("missing", [NAN, INF, -INF])
@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_what_is_missing_makes_a_leaf_neither_true_nor_false(leaf, missing):
    market = exec_market(fast=[missing] * 3, close=[1.0] * 3)
    assert truth(leaf, market) == [False] * 3
    assert truth({"not": leaf}, market) == [False] * 3
    assert truth({"not": {"not": leaf}}, market) == [False] * 3


@pytest.mark.parametrize(
    "calculation", [{"/": ["fast", "slow"]}, {"%": ["fast", "slow"]}, {"*": [1e300, "fast", 1e300]}]
)
def test_a_result_that_is_not_finite_is_missing(calculation):
    market = exec_market(fast=[1.0], slow=[0.0])
    assert truth([calculation, ">", 0], market) == [False]
    assert truth({"not": [calculation, ">", 0]}, market) == [False]


T, F, U = ["close", ">", 0], ["close", "<", 0], ["fast", ">", 0]  # true, false, unknown


@pytest.mark.parametrize(
    ("raw", "holds", "fails"),
    [
        ({"all": [T, T]}, True, False),
        ({"all": [T, F]}, False, True),
        ({"all": [T, U]}, False, False),
        ({"all": [F, U]}, False, True),
        ({"any": [F, F]}, False, True),
        ({"any": [T, F]}, True, False),
        ({"any": [T, U]}, True, False),
        ({"any": [F, U]}, False, False),
        ({"not": T}, False, True),
        ({"not": U}, False, False),
        ({"all": [{"any": [U, T]}, {"not": {"all": [U, F]}}]}, True, False),
        ([T, T], True, False),
        ([T, F], False, True),
        ([[T], {"not": [F, T]}], True, False),
        ({"not": [T, U]}, False, False),
    ],
    ids=str,
)
def test_groups_have_three_valued_truth(raw, holds, fails):
    market = exec_market(close=[1.0], fast=[NAN])
    assert truth(raw, market) == [holds]
    assert truth({"not": raw}, market) == [fails]


def test_rules_are_evaluated_by_name_and_only_those_there_are():
    signal_rules = SignalRules(entry_long=["fast", ">", 1], exit_long=["fast", "<", 1])
    rules = parse_signal_rules(signal_rules, NAMES)
    held = evaluate_rules(rules, exec_market(fast=[0.0, 1.0, 2.0]))
    assert {name: array.tolist() for name, array in held.items()} == {
        "entry_long": [False, False, True],
        "exit_long": [True, False, False],
    }


def test_each_column_is_asked_for_once():
    asked = []

    class Counting:
        def column(self, name, role, offset):
            asked.append((name, role, offset))
            return exec_market(fast=[1.0, 2.0], slow=[2.0, 1.0]).column(name, role, offset)

    rules = RuleSet(
        entry_long=tree([["fast", ">", "slow"], ["fast", "cross_above", "slow"], ["fast[1]", "<", 3]]),
        exit_long=tree(["fast", "<", {"*": ["slow", 2]}]),
    )
    evaluate_rules(rules, Counting())
    assert sorted(asked) == [("fast", "exec", 0), ("fast", "exec", 1), ("slow", "exec", 0)]


def test_evaluation_leaves_the_columns_as_they_are():
    values = exec_market(fast=[1.0, NAN, 3.0]).column("fast", "exec", 0)
    values.flags.writeable = False

    class Frozen:
        def column(self, name, role, offset):
            return values

    memory = Columns(Frozen())
    first = evaluate(tree({"not": ["fast", "cross_above", 1]}), memory)
    second = evaluate(tree({"not": ["fast", "cross_above", 1]}), memory)
    assert first.tolist() == second.tolist()


def test_no_history_gives_no_truth():
    assert truth({"not": ["fast", "cross_above", 1]}, exec_market(fast=[])) == []
    assert truth([["fast", "!=", 1]], exec_market(fast=[])) == []


def test_references_are_every_column_that_is_read():
    rules = RuleSet(
        entry_long=tree([["close@htf", ">", "trend[1]"], {"not": ["bands.lower", "between", ["hl2", 3]]}]),
        exit_short=tree([{"*": ["volume", 2]}, "near_abs", ["slow", "fast[3]"]]),
    )
    assert rules.references() == {
        Reference("close", "htf", 0),
        Reference("trend", "htf", 1),
        Reference("bands.lower", "mtf", 0),
        Reference("hl2", "exec", 0),
        Reference("volume", "exec", 0),
        Reference("slow", "exec", 0),
        Reference("fast", "exec", 3),
    }
    assert RuleSet().references() == frozenset()
