"""What is wrong with a condition is told with its place and the way out; what is right has one meaning."""

from __future__ import annotations

import pytest
from rules_market import NAMES, problems_of, tree

from engine.errors import CardError
from engine.idea_card.signal_rules import SignalRules
from engine.rules.names import Reference
from engine.rules.parse import parse_signal_rules

HERE = "signal_rules.entry_long"

# (condition, key path below the rule, words of the problem, words of the way out)
CASES = {
    "text": ("rising", "", "not a condition", "[left, operator, right]"),
    "a condition as text": ("close  > 3", "", "not a condition", 'write it as a list: [close, ">", 3]'),
    "a condition as text in a list": (["high >= close"], "[0]", "not a condition", '[high, ">=", close]'),
    "a condition as text among others": (
        [["close", ">", 1], "low cross_above 2"],
        "[1]",
        "not a condition",
        '[low, "cross_above", 2]',
    ),
    "number": (3, "", "not a condition", "[left, operator, right]"),
    "flag": (True, "", "not a condition", "[left, operator, right]"),
    "empty list": ([], "", "not a condition", "{all: ...}"),
    "two parts": (["close", ">"], "", "not a condition", ""),
    "four parts": (["close", ">", 1, 2], "", "not a condition", ""),
    "flag among conditions": ([["close", ">", 1], True], "", "not a condition", ""),
    "unknown operator": (["close", "crosses_above", "fast"], "[1]", "not an operator", "mean cross_above?"),
    "single equals sign": (["close", "=", 3], "[1]", "not an operator", "=="),
    "and between conditions": (
        [["close", ">", 1], "and", ["close", "<", 9]],
        None,
        "not an operator",
        "it can",
    ),
    "unknown group": ({"every": [["close", ">", 1]]}, ".every", "not a kind of", "all, any, not"),
    "two groups in one": ({"all": [["close", ">", 1]], "not": ["close", ">", 1]}, "", "all, not", "list"),
    "no group": ({}, "", "must have one key", ""),
    "calculation as a condition": ({"+": ["close", 1]}, "", "calculation and no condition", "compare it"),
    "empty group": ({"all": []}, ".all", "not a list of conditions", "after a dash"),
    "group of no list": ({"any": {"not": ["close", ">", 1]}}, ".any", "not a list of conditions", ""),
    "condition inside a group": (
        {"not": {"all": [["close", ">", "clse"]]}},
        ".not.all[0][2]",
        "neither",
        "close",
    ),
    "unknown name": (["fats", ">", 1], "[0]", "neither a feature", "did you mean fast?"),
    "unknown name on the right": (["fast", ">", "slwo"], "[2]", "neither a feature", "did you mean slow?"),
    "unknown name in a calculation": (
        ["close", ">", {"*": [2, {"+": ["fast", "x"]}]}],
        "[2].*[1].+[1]",
        "neither a feature",
        "fast, slow",
    ),
    "unknown name in a range": (
        ["close", "between", [1, "hgh"]],
        "[2][1]",
        "neither a feature",
        "mean high?",
    ),
    "number in quotes": (["close", ">", "70"], "[2]", "text and no name", "write 70, without quotes"),
    "formula as text": (["close", ">", "fast * 2"], "[2]", "text and no name", "calculations as"),
    "part is not said": (["bands", ">", 1], "[0]", "which part of bands", "bands.lower, bands.upper"),
    "unknown part": (["bands.lowre", ">", 1], "[0]", "no part lowre", "bands.lower"),
    "part of a feature without parts": (["fast.value", ">", 1], "[0]", "no parts", "write fast"),
    "part of a price": (["close.x", ">", 1], "[0]", "neither a feature", "close"),
    "timeframe on a feature": (
        ["fast@htf", ">", 1],
        "[0]",
        "has its own: exec",
        "add a feature with tf: htf",
    ),
    "own timeframe on a feature": (["fast@exec", ">", 1], "[0]", "has its own: exec", "leave out @exec"),
    "unknown timeframe": (["close@4h", ">", 1], "[0]", "no timeframe 4h", "exec, mtf, htf"),
    "look into the future": (["close[-1]", ">", 1], "[0]", "looks into the future", "close[1]"),
    "too far back": (["close[99999]", ">", 1], "[0]", "too far back", "10000"),
    "offset in front": (["[1]close", ">", 1], "[0]", "text and no name", "ema[1]"),
    "spaces in a name": (["close [1]", ">", 1], "[0]", "text and no name", "ema[1]"),
    "flag as an operand": (["close", ">", True], "[2]", "true or false", "write a number"),
    "null as an operand": (["close", ">", None], "[2]", "null", "write a number"),
    "list as an operand": (["close", ">", [1]], "[2]", "a list", "write a number"),
    "numbers only": ([1, "<", 2], "", "numbers only", "name a price"),
    "calculated numbers only": ([{"+": [1, 2]}, "<", {"*": [2, 2]}], "", "numbers only", "name a price"),
    "unknown calculation": (["close", ">", {"**": ["fast", 2]}], "[2]", "not a calculation", "+, -, *, /, %"),
    "two calculations in one": (["close", ">", {"+": [1, 2], "-": [1, 2]}], "[2]", "not a calculation", ""),
    "no calculation": (["close", ">", {}], "[2]", "not a calculation", ""),
    "sum of one": (["close", ">", {"+": ["fast"]}], "[2].+", "list of at least two", "{'+': [a, b]}"),
    "difference of three": (["close", ">", {"-": ["fast", 1, 2]}], "[2].-", "list of exactly two", ""),
    "sum of no list": (["close", ">", {"+": "fast"}], "[2].+", "list of at least two", ""),
    "range of one": (["close", "between", [1]], "[2]", "not [low, high]", "list of two"),
    "range of no list": (["close", "between", 5], "[2]", "not [low, high]", ""),
    "range upside down": (["close", "between", [70, 40]], "[2]", "holds nothing", "lower bound first"),
    "empty choice": (["close", "in", []], "[2]", "not a list of numbers", "[1, 2, 3]"),
    "choice of names": (["close", "in", [1, "fast"]], "[2]", "not a list of numbers", ""),
    "choice of no list": (["close", "in", 3], "[2]", "not a list of numbers", ""),
    "near without a tolerance": (["close", "near_pct", "fast"], "[2]", "not [what, tolerance]", ""),
    "near with less than nothing": (["close", "near_abs", ["fast", -1]], "[2][1]", "below 0", "0 or more"),
    "number beyond floats": (["close", ">", 10**400], "[2]", "not a finite number", ""),
}


@pytest.mark.parametrize(("raw", "below", "problem_words", "way_out_words"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_with_its_place_and_the_way_out(raw, below, problem_words, way_out_words):
    problems = problems_of(raw)
    if below is not None:
        assert [problem.key_path for problem in problems] == [HERE + below]
    assert any(problem_words in p.problem and way_out_words in p.way_out for p in problems), problems


def test_every_problem_of_every_rule_is_told_at_once():
    rules = SignalRules(
        entry_long={"all": [["fats", ">", "slwo"], ["close", "crosses", 1]]},
        exit_long=["close", ">"],
        entry_short=["close", ">", 1],
        exit_short={"any": [["fast@htf", "<", 1], {"non": []}]},
    )
    with pytest.raises(CardError) as refused:
        parse_signal_rules(rules, NAMES)
    assert [problem.key_path for problem in refused.value.problems] == [
        "signal_rules.entry_long.all[0][0]",
        "signal_rules.entry_long.all[0][2]",
        "signal_rules.entry_long.all[1][1]",
        "signal_rules.exit_long",
        "signal_rules.exit_short.any[0][0]",
        "signal_rules.exit_short.any[1].non",
    ]


def test_the_value_is_told():
    [problem] = problems_of(["fats", ">", 1])
    assert problem.value == "fats"


def test_rules_that_are_not_there_are_none():
    rules = parse_signal_rules(SignalRules(exit_short=["close", ">", 1]), NAMES)
    assert list(rules.conditions()) == ["exit_short"]
    assert rules.entry_long is None


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("close", Reference("close", "exec", 0)),
        ("close@htf", Reference("close", "htf", 0)),
        ("close@htf[3]", Reference("close", "htf", 3)),
        ("volume[1]", Reference("volume", "exec", 1)),
        ("trend", Reference("trend", "htf", 0)),
        ("trend[2]", Reference("trend", "htf", 2)),
        ("bands.lower", Reference("bands.lower", "mtf", 0)),
        ("bands.upper[10000]", Reference("bands.upper", "mtf", 10_000)),
    ],
)
def test_names(written, reference):
    assert tree([written, ">", 1]).references() == {reference}


def test_equal_conditions_are_equal_trees():
    assert tree([["close", ">", 1]]) == tree({"all": [["close", ">", 1.0]]})
    assert hash(tree(["close", ">", 1])) == hash(tree(["close", ">", 1.0]))
    assert tree(["close", ">", 1]) != tree(["close", ">=", 1])
