"""What only exit rules may say: the open position, values captured at its entry; and tags of rules."""

from __future__ import annotations

from typing import Any

import pytest
from rules_market import NAMES

from engine.errors import CardError
from engine.idea_card.features import RESERVED_NAMES
from engine.idea_card.position_state import PositionState
from engine.idea_card.signal_rules import SignalRules
from engine.rules.names import Reference
from engine.rules.operands import CALCULATIONS
from engine.rules.parse import parse_signal_rules
from engine.rules.position_program import (
    MOST_DEEP,
    Step,
    can_be_asked,
    position_program,
    stack_depth,
)
from engine.rules.position_reading import MOST_ASKED
from engine.rules.rule_set import RuleSet

ENTRY = ["close", ">", "fast"]
LATE = ["bars_in_trade", ">", 3]


def parsed(**rules: Any) -> RuleSet:
    return parse_signal_rules(SignalRules(**{"entry_long": ENTRY} | rules), NAMES)


def problems(**rules: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(CardError) as refused:
        parsed(**rules)
    return [(each.key_path, each.problem, each.way_out) for each in refused.value.problems]


def steps(rule: Any, **rules: Any) -> list[tuple[str, float]]:
    """Return the steps of a long exit by name."""
    made = parsed(exit_long=rule, **rules)
    assert made.exit_long is not None
    tags = made.tags()
    program = position_program(made.exit_long, lambda tag: tags.index(tag) + 1, [n for n, _ in made.captures])
    return [(step.name, argument) for step, argument in program.steps]


# (rules, key path below signal_rules, words of the problem, words of the way out)
REFUSED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "in an entry": ({"entry_long": LATE}, "entry_long[0]", "an entry has none", "exit_long or exit_short"),
    "in an entry's calculation": (
        {"entry_long": ["close", ">", {"*": [2, "entry_price"]}]},
        "entry_long[2].*[1]",
        "an entry has none",
        "",
    ),
    "in an entry, by a setup": (
        {"setups": {"late": LATE}, "entry_long": {"any": [{"setup": "late"}, ENTRY]}},
        "entry_long.any[0].setup",
        "looks at the open position",
        "exit_long or exit_short",
    ),
    "in a capture": (
        {"captures": {"then": "bars_in_trade"}, "exit_long": ["then", ">", 1]},
        "captures.then",
        "an entry has none",
        "",
    ),
    "a captured value in an entry": (
        {"captures": {"then": "close"}, "entry_long": ["then", ">", 1], "exit_long": ["then", ">", 1]},
        "entry_long[0]",
        "then is known of an open position",
        "",
    ),
    "at a bar before": (
        {"exit_long": ["entry_price[1]", ">", 3]},
        "exit_long[0]",
        "on no other bar or timeframe",
        "write entry_price",
    ),
    "on a timeframe": ({"exit_long": ["unrealised_r@htf", ">", 3]}, "exit_long[0]", "no other bar", "write"),
    "in a crossing": (
        {"exit_long": ["close", "cross_below", "entry_price"]},
        "exit_long",
        "cross_below is worked out over the bars of the market",
        "compare the position's values",
    ),
    "in a window": (
        {"exit_long": {"holds_for": {"when": LATE, "bars": 3, "tf": "exec"}}},
        "exit_long.holds_for",
        "holds_for is worked out over the bars of the market",
        "",
    ),
    "misspelt": (
        {"exit_long": ["unrealized_r", ">", 1]},
        "exit_long[0]",
        "neither a feature",
        "did you mean unrealised_r?",
    ),
    "a captured value misspelt": (
        {
            "captures": {"atr_then": "close"},
            "exit_long": {"any": [["atr_thn", ">", 1], ["atr_then", ">", 1]]},
        },
        "exit_long.any[0][0]",
        "neither a feature",
        "did you mean atr_then?",
    ),
    "captured and not used": ({"captures": {"then": "close"}}, "captures.then", "is not used", "remove it"),
    "a captured number": (
        {"captures": {"then": 3}, "exit_long": ["then", ">", 1]},
        "captures.then",
        "the same at every entry",
        "",
    ),
    "captured under a feature's name": (
        {"captures": {"fast": "close"}, "exit_long": ["close", ">", 1]},
        "captures.fast",
        "a feature of this card",
        "fast_at_entry",
    ),
    "captured under a price's name": (
        {"captures": {"close": "fast"}, "exit_long": ["close", ">", 1]},
        "captures.close",
        "that exit rules have already",
        "close_at_entry",
    ),
    "tags inside a rule": (
        {"exit_long": {"any": [{"tags": {"a": LATE}}]}},
        "exit_long.any[0].tags",
        "stands inside one",
        "directly below entry_long",
    ),
    "no tags": ({"exit_long": {"tags": {}}}, "exit_long.tags", "no block of tags", "below each other"),
    "tags as a list": ({"exit_long": {"tags": [LATE]}}, "exit_long.tags", "no block of tags", ""),
    "a tag that is none": (
        {"exit_long": {"tags": {"Too late": LATE}}},
        "exit_long.tags.Too late",
        "is not a tag",
        "small letters",
    ),
    "a bad condition under a tag": (
        {"exit_long": {"tags": {"late": ["bars_in_trade", ">>", 3]}}},
        "exit_long.tags.late[1]",
        "is not an operator",
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_told_with_its_place_and_the_way_out(name: str) -> None:
    rules, where, problem, way_out = REFUSED[name]
    found = [each for each in problems(**rules) if each[0] == f"signal_rules.{where}"]
    assert found, problems(**rules)
    assert problem in found[0][1]
    assert way_out in found[0][2]


def test_several_problems_are_told_at_once() -> None:
    assert len(problems(entry_long=LATE, exit_long=["close", "cross_above", "entry_price"])) == 2


def test_too_many_captured_values_are_refused() -> None:
    names = [f"then_{number}" for number in range(9)]
    use = {"any": [[name, ">", 1] for name in names]}
    found = problems(captures=dict.fromkeys(names, "close"), exit_long=use)
    assert found == [("signal_rules.captures", "names 9 values", "capture at most 8")]


def test_captured_values_are_read_before_the_first_decision() -> None:
    made = parsed(captures={"then": {"-": ["close", "slow[2]"]}}, exit_long=["then", ">", 1])
    assert Reference("slow", "exec", 2) in made.references()


def test_the_names_of_the_position_are_no_names_for_features() -> None:
    assert {state.value for state in PositionState} <= RESERVED_NAMES


def test_a_program_works_off_in_postfix_order_and_leaves_the_market_to_rows() -> None:
    rule = {
        "tags": {
            "late": {"all": [LATE, ["close", "<", "fast"], ["close", ">", 1]]},
            "rich": {"not": ["unrealised_r", "between", [-1, {"max": ["fast", "then"]}]]},
        }
    }
    assert steps(rule, captures={"then": "slow"}) == [
        ("ROW", 0),  # both conditions over the market are one row
        ("BARS_IN_TRADE", 0),
        ("NUMBER", 3),
        ("RELATED", 1),
        ("AND", 0),
        ("RESULT", 1),
        ("UNREALISED_R", 0),
        ("NUMBER", -1),
        ("ROW", 1),
        ("CAPTURED", 0),
        ("LARGER", 0),
        ("BETWEEN", 0),
        ("NOT", 0),
        ("RESULT", 2),
    ]


def test_every_calculation_of_the_language_has_a_step() -> None:
    for operator in CALCULATIONS:
        inner: Any = "entry_price" if operator == "abs" else ["entry_price", "close"]
        assert len(steps([{operator: inner}, ">", 1])) >= 5


@pytest.mark.parametrize("operator", [">", "<", ">=", "<=", "==", "!=", "in", "near_pct", "near_abs"])
def test_every_comparison_may_ask_of_the_position(operator: str) -> None:
    right = {"in": [1, 2], "near_pct": ["close", 1], "near_abs": ["close", 1]}.get(operator, 3)
    made = parsed(exit_long=["unrealised_pct", operator, right]).exit_long
    assert made is not None
    assert can_be_asked(made)
    assert made.looks_at_position()


def test_the_depth_of_the_stack_is_counted() -> None:
    assert stack_depth([(Step.NUMBER, 1.0), (Step.NUMBER, 2.0), (Step.ADD, 0.0), (Step.SIZE, 0.0)]) == 2
    three = [(Step.ENTRY_PRICE, 0.0)] * 3
    assert stack_depth([*three, (Step.BETWEEN, 0.0), (Step.RESULT, 0.0), *three]) == 3


def test_an_exit_that_asks_too_much_of_the_position_is_refused() -> None:
    many = {"any": [["bars_in_trade", "==", number] for number in range(MOST_ASKED // 4 + 1)]}
    found = problems(exit_long=many)
    assert found[0][0] == "signal_rules.exit_long"
    assert f"at most {MOST_ASKED}" in found[0][2]
    deep: Any = "entry_price"
    for _ in range(MOST_DEEP):
        deep = {"+": ["close", deep]}
    assert "deep" in problems(exit_long=[deep, ">", 1])[0][1]


def test_tags_are_counted_once_in_the_order_of_the_rules() -> None:
    made = parsed(
        entry_long={"tags": {"up": ENTRY, "also": ENTRY}},
        exit_long={"tags": {"late": LATE}},
        entry_short={"tags": {"down": ENTRY, "also": ENTRY}},
    )
    assert made.tags() == ("up", "also", "late", "down")
