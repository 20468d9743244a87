"""The compiled arrays against a slow interpreter that walks the raw condition bar by bar.

It shares nothing with the engine but the words of the language, and reads no bar that is not closed.
"""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rules_market import EXEC_BARS_IN, Market, truth

ROLE_OF = {
    "fast": "exec",
    "slow": "exec",
    "mid": "mtf",
    "bands.lower": "mtf",
    "bands.upper": "mtf",
    "trend": "htf",
}
OPERATORS = (">", "<", ">=", "<=", "==", "!=", "cross_above", "cross_below", "between", "in", "near")
PRICES = ("open", "high", "low", "close", "volume")
MEANS = {"hl2": ("high", "low"), "hlc3": ("high", "low", "close"), "ohlc4": ("open", "high", "low", "close")}

type Columns = dict[str, dict[str, list[float]]]
type Truth = bool | None


def name_at(written: str, bar: int, columns: Columns) -> float | None:
    head, _, offset = written.rstrip("]").partition("[")
    name, _, role = head.partition("@")
    role = role or ROLE_OF.get(name, "exec")
    index = (bar + 1) // EXEC_BARS_IN[role] - 1 - int(offset or 0)
    if index < 0:
        return None
    values = [columns[role][part][index] for part in MEANS.get(name, (name,))]
    if not all(map(math.isfinite, values)):
        return None
    total = values[0]
    for value in values[1:]:
        total += value
    return total / len(values)


def value_at(raw: Any, bar: int, columns: Columns) -> float | None:
    if isinstance(raw, str):
        return name_at(raw, bar, columns)
    if isinstance(raw, int | float):
        return float(raw)
    [(operator, parts)] = raw.items()
    values = [value_at(part, bar, columns) for part in parts]
    result = values[0]
    for value in values[1:]:
        if result is None or value is None:
            return None
        if operator in "/%" and value == 0:
            return None
        if operator == "+":
            result = result + value
        elif operator == "-":
            result = result - value
        elif operator == "*":
            result = result * value
        elif operator == "/":
            result = result / value
        else:
            result = result % value
    return result if result is None or math.isfinite(result) else None


def leaf_at(raw: list[Any], bar: int, columns: Columns) -> Truth:
    left, operator, right = raw
    if operator in ("cross_above", "cross_below"):
        if bar == 0:
            return None
        four = [value_at(side, at, columns) for side in (left, right) for at in (bar - 1, bar)]
        if None in four:
            return None
        a_before, a_now, b_before, b_now = four
        if operator == "cross_above":
            return a_before <= b_before and a_now > b_now
        return a_before >= b_before and a_now < b_now
    value = value_at(left, bar, columns)
    if operator == "in":
        return None if value is None else value in [float(number) for number in right]
    others = [value_at(item, bar, columns) for item in (right if isinstance(right, list) else [right])]
    if value is None or None in others:
        return None
    if operator == "between":
        return others[0] <= value <= others[1]
    if operator == "near_pct":
        return abs(value - others[0]) <= abs(others[0]) * others[1] / 100
    if operator == "near_abs":
        return abs(value - others[0]) <= others[1]
    return {
        ">": value > others[0],
        "<": value < others[0],
        ">=": value >= others[0],
        "<=": value <= others[0],
        "==": value == others[0],
        "!=": value != others[0],
    }[operator]


def truth_at(raw: Any, bar: int, columns: Columns) -> Truth:
    if isinstance(raw, list) and isinstance(raw[1] if len(raw) == 3 else None, str):
        return leaf_at(raw, bar, columns)
    if isinstance(raw, list):
        raw = {"all": raw}
    [(key, inner)] = raw.items()
    if key == "not":
        part = truth_at(inner, bar, columns)
        return None if part is None else not part
    parts = [truth_at(part, bar, columns) for part in inner]
    decided_by = key == "any"
    if decided_by in parts:
        return decided_by
    return None if None in parts else not decided_by


# Few different numbers, so that values meet, cross and divide by nothing.
numbers = st.sampled_from([-2, -1, 0, 1, 2, 3, 0.5, 100])
values = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 0.5, math.nan, math.inf, -math.inf])


@st.composite
def names(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from([*ROLE_OF, *PRICES, *MEANS]))
    role = draw(st.sampled_from(["", "@exec", "@mtf", "@htf"])) if name not in ROLE_OF else ""
    return name + role + draw(st.sampled_from(["", "", "", "[0]", "[1]", "[2]"]))


operands = st.recursive(
    names() | numbers,
    lambda inner: st.one_of(
        st.builds(
            lambda op, parts: {op: parts}, st.sampled_from("+*"), st.lists(inner, min_size=2, max_size=3)
        ),
        st.builds(lambda op, a, b: {op: [a, b]}, st.sampled_from("-/%"), inner, inner),
    ),
    max_leaves=4,
)


@st.composite
def leaves(draw: st.DrawFn) -> list[Any]:
    # at least one side names something, and it is the left one
    left = draw(names() | st.builds(lambda name, more: {"+": [name, more]}, names(), operands))
    operator = draw(
        st.sampled_from(
            [">", "<", ">=", "<=", "==", "!=", "cross_above", "cross_below", "between", "in", "near"]
        )
    )
    if operator == "between":
        bounds = draw(st.tuples(operands, operands))
        if all(isinstance(bound, int | float) for bound in bounds):
            bounds = tuple(sorted(bounds))
        return [left, operator, list(bounds)]
    if operator == "in":
        return [left, operator, draw(st.lists(numbers, min_size=1, max_size=3))]
    if operator == "near":
        tolerance = draw(names() | st.sampled_from([0, 0.5, 1, 100]))
        return [left, draw(st.sampled_from(["near_pct", "near_abs"])), [draw(operands), tolerance]]
    return [left, operator, draw(operands)]


def group(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda parts: {"all": parts}),
        several.map(lambda parts: {"any": parts}),
        several,
        inner.map(lambda part: {"not": part}),
    )


conditions = st.recursive(leaves(), group, max_leaves=6)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, Columns]:
    bars = draw(st.integers(0, 13))
    columns: Columns = {role: {} for role in EXEC_BARS_IN}
    for role, length in EXEC_BARS_IN.items():
        own = [name for name, of in ROLE_OF.items() if of == role]
        for name in (*own, *PRICES):
            columns[role][name] = draw(st.lists(values, min_size=bars // length, max_size=bars // length))
    return bars, columns


@settings(max_examples=250, deadline=None)
@given(raw=conditions, history=histories())
def test_compiled_arrays_agree_with_the_interpreter(raw, history):
    bars, columns = history
    market = Market(bars, columns)
    expected = [truth_at(raw, bar, columns) for bar in range(bars)]
    assert truth(raw, market) == [one is True for one in expected]
    assert truth({"not": raw}, market) == [one is False for one in expected]


@settings(max_examples=100, deadline=None)
@given(raw=conditions, history=histories(), data=st.data())
def test_later_bars_change_nothing(raw, history, data):
    bars, columns = history
    cut = data.draw(st.integers(0, bars))
    shorter = {
        role: {name: own[: cut // EXEC_BARS_IN[role]] for name, own in of_role.items()}
        for role, of_role in columns.items()
    }
    assert truth(raw, Market(cut, shorter)) == truth(raw, Market(bars, columns))[:cut]
