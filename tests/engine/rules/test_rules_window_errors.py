"""What is wrong with setups, windows, sequences and scores is told with its place and the way out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rules_market import NAMES, problems_of, tree

from engine.errors import CardError
from engine.idea_card.signal_rules import SignalRules
from engine.rules.parse import DEEPEST_SETUPS, MOST_LEAVES, parse_signal_rules
from engine.rules.rule_set import RuleSet
from engine.strategies.card_plan import load_plan

sys.path.insert(0, str(Path(__file__).parents[1] / "idea_card"))
from idea_card_example import EXAMPLE

HERE = "signal_rules.entry_long"
UP = ["close", ">", 1]


def window(key: str = "holds_for", **keys: Any) -> dict[str, Any]:
    """Return a window over UP, of three exec bars where nothing else is said; None leaves a key out."""
    whole = {"when": UP, "bars": 3, "tf": "exec", **keys}
    return {key: {name: value for name, value in whole.items() if value is not None}}


def sequence(steps: Any, **within: Any) -> dict[str, Any]:
    return {"sequence": {"steps": steps, "within": within or {"bars": 3, "tf": "exec"}}}


def score(weights: Any, at_least: Any = 1) -> dict[str, Any]:
    return {"score": {"weights": weights, "at_least": at_least}}


def part(weight: Any = 1, when: Any = UP) -> dict[str, Any]:
    return {"weight": weight, "when": when}


# (condition, key path below the rule, words of the problem, words of the way out)
CASES: dict[str, tuple[Any, str, str, str]] = {
    "misspelt window": ({"hold_for": UP}, ".hold_for", "not a kind of condition", "mean holds_for?"),
    "window as a list": ({"holds_for": [UP, 3]}, ".holds_for", "a list and no block", "when: ..., tf: ..."),
    "misspelt key": (
        window(whn=UP),
        ".holds_for.whn",
        "not a key of this block",
        "mean when? It can be when, tf, bars, duration",
    ),
    "no condition": (window(when=None), ".holds_for.when", "is missing", "write it"),
    "no timeframe": (window(tf=None), ".holds_for.tf", "is missing", "write it"),
    "no length": (window(bars=None), ".holds_for", "one of bars, duration, and has none", "bars: ..."),
    "two lengths": (window(duration="1h"), ".holds_for", "has bars and duration", "bars: ... or duration"),
    "condition inside": (window(when=["clsoe", ">", 1]), ".holds_for.when[0]", "neither", "mean close?"),
    "unknown role": (window(tf="4h"), ".holds_for.tf", "no timeframe of this card", "exec, mtf, htf"),
    "role of no text": (window(tf=4), ".holds_for.tf", "no timeframe of this card", "exec, mtf, htf"),
    "no bars at all": (window(bars=0), ".holds_for.bars", "whole number from 1 to 100000", "range"),
    "half a bar": (window(bars=1.5), ".holds_for.bars", "whole number from 1", ""),
    "bars as text": (
        window(bars="3"),
        ".holds_for.bars",
        "must be a number, and is text",
        "write 3, without",
    ),
    "bars as a flag": (window(bars=True), ".holds_for.bars", "true or false", "write a number"),
    "length as bars": (window(bars="4h"), ".holds_for.bars", "must be a number", "write a number"),
    "bars as length": (
        window(bars=None, duration=4),
        ".holds_for.duration",
        "not a duration",
        "90m, 4h, 2d or 1w",
    ),
    "unknown unit": (window(bars=None, duration="4y"), ".holds_for.duration", "not a duration", "90m"),
    "part of a bar": (
        window(bars=None, duration="40m", tf="mtf"),
        ".holds_for.duration",
        "no multiple of mtf, which is 30m",
        "whole bars of 30m",
    ),
    "endless": (window(bars=None, duration="9999w"), ".holds_for.duration", "is too long", "at most 100000"),
    "more than there are": (
        window("count_true", at_least=4),
        ".count_true.at_least",
        "whole number from 1 to 3",
        "",
    ),
    "no count": (window("count_true"), ".count_true.at_least", "is missing", ""),
    "count of another window": (window(at_least=2), ".holds_for.at_least", "not a key of this block", ""),
    "one step": (sequence([UP]), ".sequence.steps", "not a list of two", "earliest first"),
    "steps of no list": (sequence(UP[0]), ".sequence.steps", "list of two conditions", ""),
    "step inside": (sequence([UP, ["close", "<", "fats"]]), ".sequence.steps[1][2]", "neither", "mean fast?"),
    "no room": (
        sequence([UP, UP, UP], bars=1, tf="exec"),
        ".sequence.within",
        "too short for 3 steps",
        "2 bars or more",
    ),
    "no within": ({"sequence": {"steps": [UP, UP]}}, ".sequence.within", "is missing", ""),
    "within bars only": (
        {"sequence": {"steps": [UP, UP], "within": 5}},
        ".sequence.within",
        "a whole number and no block",
        "{tf: ..., bars or duration}",
    ),
    "no weights": (score([]), ".score.weights", "not a list of weights", "{weight: 1, when: condition}"),
    "weight of a list": (score([UP]), ".score.weights[0]", "a list and no block", "{weight: ..., when: ...}"),
    "weight of nought": (
        score([part(0), part()]),
        ".score.weights[0].weight",
        "adds nothing",
        "leave it out",
    ),
    "weight as text": (
        score([part("1")]),
        ".score.weights[0].weight",
        "must be a number",
        "write 1, without",
    ),
    "fine weight": (score([part(1e-7)]), ".score.weights[0].weight", "too large or too fine", "6 decimals"),
    "out of reach": (score([part(1), part(-1)], 1.5), ".score.at_least", "out of reach", "1 at the most"),
    "always reached": (
        score([part(1), part(-1)], -1),
        ".score.at_least",
        "always reached",
        "-1 at the least",
    ),
    "unknown setup": ({"setup": "pullbck"}, ".setup", "no setup of this card", "under signal_rules.setups"),
    "setup of no name": ({"setup": UP}, ".setup", "no setup of this card", ""),
    "size of a list": ([{"abs": ["fast"]}, ">", 1], "[0].abs", "takes one operand", "{abs: a}"),
    "smaller of one": ([{"min": ["fast"]}, ">", 1], "[0].min", "at least two", "{'min': [a, b]}"),
    "calendar of a timeframe": (["hour@htf", ">", 1], "[0]", "that of the decision", "leave out @htf"),
    "misspelt price of a timeframe": (["clsoe@htf[1]", ">", 1], "[0]", "neither", "mean close?"),
    "misspelt rate": (["funding_rat", ">", 0], "[0]", "neither", "mean funding_rate?"),
}


@pytest.mark.parametrize(("raw", "below", "problem_words", "way_out_words"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_with_its_place_and_the_way_out(raw, below, problem_words, way_out_words):
    problems = problems_of(raw)
    assert [problem.key_path for problem in problems] == [HERE + below]
    assert problem_words in problems[0].problem
    assert way_out_words in problems[0].way_out


def refusal(setups: dict[str, Any], entry: Any) -> CardError:
    with pytest.raises(CardError) as refused:
        parse_signal_rules(SignalRules(setups=setups, entry_long=entry), NAMES)
    return refused.value


def test_a_misspelt_setup_is_told_with_the_one_that_is_meant():
    # which is not told as unused, too
    [problem] = refusal({"pullback": UP}, {"setup": "pullbck"}).problems
    assert problem.key_path == "signal_rules.entry_long.setup"
    assert "mean pullback?" in problem.way_out


def test_a_setup_that_is_not_used_is_told_even_if_it_uses_others():
    [problem] = refusal({"a": {"not": {"setup": "b"}}, "b": UP}, {"setup": "b"}).problems
    assert problem.key_path == "signal_rules.setups.a"
    assert "{setup: a}" in problem.way_out


@pytest.mark.parametrize(
    ("setups", "where", "circle"),
    [
        ({"a": {"setup": "a"}}, "a.setup", "a -> a"),
        (
            {"a": {"not": {"setup": "b"}}, "b": [UP, {"setup": "c"}], "c": {"any": [{"setup": "a"}, UP]}},
            "c.any[0].setup",
            "a -> b -> c -> a",
        ),
        ({"a": [UP, {"setup": "b"}], "b": {"setup": "c"}, "c": {"setup": "b"}}, "c.setup", "b -> c -> b"),
    ],
)
def test_setups_that_use_each_other_in_a_circle_are_told_once_with_the_circle(setups, where, circle):
    [problem] = refusal(setups, {"setup": "a"}).problems
    assert problem.key_path == f"signal_rules.setups.{where}"
    assert circle in problem.problem


def test_rules_that_double_and_double_again_are_refused_before_they_are_worked_out():
    setups: dict[str, Any] = {"s0": UP}
    for number in range(1, 35):
        setups[f"s{number}"] = {"any": [{"setup": f"s{number - 1}"}] * 2}
    [problem] = refusal(setups, {"setup": "s34"}).problems
    assert f"at most {MOST_LEAVES}" in problem.way_out


def test_a_long_row_of_setups_is_refused():
    setups: dict[str, Any] = {f"s{number}": {"setup": f"s{number + 1}"} for number in range(500)}
    problems = refusal({**setups, "s500": UP}, {"setup": "s0"}).problems
    assert any(f"{DEEPEST_SETUPS + 1}st setup inside another" in problem.problem for problem in problems)


def test_equal_trees_are_equal_however_their_numbers_are_spelt():
    assert tree(window(bars=3)) == tree(window(bars=3.0))
    assert tree(window()) != tree(window("occurred_within"))
    assert tree(score([part(1.0)])) == tree(score([part(1)]))
    assert hash(tree(sequence([UP, UP]))) == hash(tree(sequence([UP, ["close", ">", 1.0]])))


def test_every_mistake_of_a_card_is_told_at_once_with_its_line(tmp_path):
    text = EXAMPLE.replace(
        "signal_rules:\n",
        """\
signal_rules:
  setups:
    steady: {holds_for: {when: [close, ">", ema_fsat], bars: 3, tf: exec}}
    recent:
      occurred_within:
        when: [close@hft, crosses, ema_fast]
        duration: 20m
        tf: mtf
""",
    ).replace("exit_short: [close, between, [1, 2.5]]", "exit_short: {setup: stedy}")
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    with pytest.raises(CardError) as refused:
        load_plan(path)
    told = {(problem.line, problem.key_path) for problem in refused.value.problems}

    def line(words: str) -> int:
        return next(number for number, each in enumerate(lines, 1) if words in each)

    setups = "signal_rules.setups"
    assert told == {
        (line("ema_fsat"), f"{setups}.steady.holds_for.when[2]"),
        (line("crosses"), f"{setups}.recent.occurred_within.when[0]"),
        (line("crosses"), f"{setups}.recent.occurred_within.when[1]"),
        (line("duration: 20m"), f"{setups}.recent.occurred_within.duration"),
        (line("stedy"), "signal_rules.exit_short.setup"),
    }
    assert "did you mean ema_fast?" in str(refused.value)
    assert "did you mean cross" in str(refused.value)
    assert "did you mean steady?" in str(refused.value)


def test_setups_beside_a_strategy_are_refused(tmp_path):
    data = yaml.safe_load(EXAMPLE)
    data["signal_rules"] = {
        "setups": {"up": UP},
        "strategy": {"name": "trend_pullback", "version": "1.0.0", "params": {}},
    }
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(CardError, match="stands beside a strategy"):
        load_plan(path)


def test_a_card_without_setups_has_none():
    assert parse_signal_rules(SignalRules(), NAMES) == RuleSet()
