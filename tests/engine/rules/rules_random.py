"""Random conditions of every kind, and random bars of three timeframes, for hypothesis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from rules_market import MIDNIGHT, TIMEFRAMES

MINUTE = 60_000
ROLE_OF = {
    "fast": "exec",
    "slow": "exec",
    "mid": "mtf",
    "bands.lower": "mtf",
    "bands.upper": "mtf",
    "trend": "htf",
}
PRICES = ("open", "high", "low", "close", "volume")
MEANS = {"hl2": ("high", "low"), "hlc3": ("high", "low", "close"), "ohlc4": ("open", "high", "low", "close")}
OF_CONTRACT = ("funding_rate", "open_interest", "open_interest_change", "mark_close")
CALENDAR = ("hour", "minute", "weekday")
MS_OF = {role: timeframe.ms for role, timeframe in TIMEFRAMES.items()}
SETUPS = ("first", "second")

# Few different numbers, so that values meet, cross and divide by nothing.
numbers = st.sampled_from([-2, -1, 0, 1, 2, 3, 0.5, 100])
values = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 0.5, math.nan, math.inf, -math.inf])


@st.composite
def names(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from([*ROLE_OF, *PRICES, *MEANS, *OF_CONTRACT, *CALENDAR]))
    anywhere = name not in ROLE_OF and name not in CALENDAR
    role = draw(st.sampled_from(["", "@exec", "@mtf", "@htf"])) if anywhere else ""
    return name + role + draw(st.sampled_from(["", "", "", "[0]", "[1]", "[2]"]))


operands = st.recursive(
    names() | numbers,
    lambda inner: st.one_of(
        st.builds(
            lambda op, parts: {op: parts},
            st.sampled_from(["+", "*", "min", "max"]),
            st.lists(inner, min_size=2, max_size=3),
        ),
        st.builds(lambda op, a, b: {op: [a, b]}, st.sampled_from("-/%"), inner, inner),
        st.builds(lambda a: {"abs": a}, inner),
    ),
    max_leaves=4,
)
OPERATORS = (">", "<", ">=", "<=", "==", "!=", "cross_above", "cross_below", "between", "in", "near")


@st.composite
def leaves(draw: st.DrawFn) -> list[Any]:
    # at least one side names something, and it is the left one
    left = draw(names() | st.builds(lambda name, more: {"+": [name, more]}, names(), operands))
    operator = draw(st.sampled_from(OPERATORS))
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


@st.composite
def spans(draw: st.DrawFn, fewest: int = 1) -> tuple[dict[str, Any], int]:
    role = draw(st.sampled_from(list(MS_OF)))
    bars = draw(st.integers(fewest, 4))
    if draw(st.booleans()):
        return {"tf": role, "bars": bars}, bars
    return {"tf": role, "duration": f"{bars * MS_OF[role] // MINUTE}m"}, bars


@st.composite
def windows(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    span, places = draw(spans())
    key = draw(st.sampled_from(["holds_for", "occurred_within", "count_true"]))
    more = {"at_least": draw(st.integers(1, places))} if key == "count_true" else {}
    return {key: {"when": draw(inner), **span, **more}}


@st.composite
def sequences(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    steps = draw(st.lists(inner, min_size=2, max_size=3))
    return {"sequence": {"steps": steps, "within": draw(spans(fewest=len(steps) - 1))[0]}}


@st.composite
def scores(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    weights = draw(st.lists(st.sampled_from([-1.5, -1, 0.5, 1, 2]), min_size=1, max_size=3))
    lowest, highest = (sum(w for w in weights if (w > 0) is up) for up in (False, True))
    reachable = [at for at in (-1, -0.5, 0, 0.5, 1, 1.5, 2, 3.5) if lowest < at <= highest]
    parts = [{"weight": weight, "when": draw(inner)} for weight in weights]
    return {"score": {"weights": parts, "at_least": draw(st.sampled_from(reachable or [highest]))}}


def group(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda parts: {"all": parts}),
        several.map(lambda parts: {"any": parts}),
        several,
        inner.map(lambda part: {"not": part}),
        windows(inner),
        sequences(inner),
        scores(inner),
    )


conditions = st.recursive(leaves(), group, max_leaves=6)


@st.composite
def rules(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """Draw setups, each of which may use those before it, and a rule that uses them all."""
    setups: dict[str, Any] = {}
    for name in SETUPS[: draw(st.integers(0, len(SETUPS)))]:
        uses = st.sampled_from([{"setup": each} for each in setups]) if setups else leaves()
        setups[name] = draw(st.recursive(leaves() | uses, group, max_leaves=3))
    uses_all = [{"setup": name} for name in setups]
    rule = draw(conditions)
    return setups, {draw(st.sampled_from(["all", "any"])): [rule, *uses_all]} if setups else rule


@st.composite
def frames(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    """Draw bars of three timeframes, each with holes, which begin and end at different times."""
    found = {}
    span = draw(st.integers(1, 16)) * MS_OF["exec"]
    for role, length in MS_OF.items():
        begin = draw(st.integers(-2, 2)) * length
        opens = list(range(MIDNIGHT + begin, MIDNIGHT + max(span, length + begin), length))
        kept = draw(st.lists(st.sampled_from([True, True, True, False]), min_size=len(opens)))
        opens = [ts for ts, keep in zip(opens, kept, strict=False) if keep] or [opens[0]]
        own = [name for name, of in ROLE_OF.items() if of == role]
        columns: dict[str, Any] = {"ts_open": np.array(opens, np.int64)}
        for name in (*own, *PRICES, *OF_CONTRACT):
            columns[name] = draw(st.lists(values, min_size=len(opens), max_size=len(opens)))
        found[role] = pd.DataFrame(columns)
    return found
