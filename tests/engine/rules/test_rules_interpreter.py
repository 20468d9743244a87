"""The compiled arrays against a slow interpreter that walks the raw condition bar by bar.

It shares nothing with the engine but the words of the language, and sees of the market what a snapshot of
each bar shows: no bar that is not closed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_market import NAMES, TIMEFRAMES
from rules_random import CALENDAR, MEANS, MINUTE, MS_OF, ROLE_OF, frames, rules

from engine.idea_card.signal_rules import SignalRules
from engine.rules.compile import evaluate
from engine.rules.parse import parse_signal_rules
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.runtime.snapshot import RuntimeSnapshotView

MINUTES_IN = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}

type Truth = bool | None


@dataclass
class Interpreter:
    """Says what a raw condition is at a bar, from the snapshots of that bar and those before it."""

    feeds: MultiTFFeedStore
    setups: dict[str, Any]
    known: dict[tuple[int, int], Truth] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.views = [RuntimeSnapshotView(self.feeds, bar) for bar in range(len(self.feeds))]

    def name_at(self, written: str, bar: int) -> float | None:
        head, _, offset = written.rstrip("]").partition("[")
        name, _, role = head.partition("@")
        back = int(offset or 0)
        if name in CALENDAR:
            if bar < back:
                return None
            moment = datetime.fromtimestamp(self.views[bar - back].ts_close / 1000, tz=UTC)
            return {"hour": moment.hour, "minute": moment.minute, "weekday": moment.weekday()}[name]
        role = role or ROLE_OF.get(name, "exec")
        parts = [self.views[bar].value(part, role, back) for part in MEANS.get(name, (name,))]
        if not all(map(math.isfinite, parts)):
            return None
        total = parts[0]
        for part in parts[1:]:
            total += part
        return total / len(parts)

    def value_at(self, raw: Any, bar: int) -> float | None:
        if isinstance(raw, str):
            return self.name_at(raw, bar)
        if isinstance(raw, int | float):
            return float(raw)
        [(operator, inner)] = raw.items()
        if operator == "abs":
            value = self.value_at(inner, bar)
            return None if value is None else abs(value)
        parts = [self.value_at(part, bar) for part in inner]
        if operator in ("min", "max"):
            chosen = min if operator == "min" else max
            return None if None in parts else chosen(parts)
        result = parts[0]
        for value in parts[1:]:
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

    def leaf_at(self, raw: Any, bar: int) -> Truth:
        left, operator, right = raw
        if operator in ("cross_above", "cross_below"):
            if bar == 0:
                return None
            four = [self.value_at(side, at) for side in (left, right) for at in (bar - 1, bar)]
            if None in four:
                return None
            a_before, a_now, b_before, b_now = four
            if operator == "cross_above":
                return a_before <= b_before and a_now > b_now
            return a_before >= b_before and a_now < b_now
        value = self.value_at(left, bar)
        if operator == "in":
            return None if value is None else value in [float(number) for number in right]
        others = [self.value_at(item, bar) for item in (right if isinstance(right, list) else [right])]
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

    def at(self, raw: Any, bar: int) -> Truth:
        key = id(raw), bar
        if key not in self.known:
            self.known[key] = self._at(raw, bar)
        return self.known[key]

    def _at(self, raw: Any, bar: int) -> Truth:
        if isinstance(raw, list) and isinstance(raw[1] if len(raw) == 3 else None, str):
            return self.leaf_at(raw, bar)
        if isinstance(raw, list):
            return every([self.at(part, bar) for part in raw])
        [(key, inner)] = raw.items()
        if key == "setup":
            return self.at(self.setups[inner], bar)
        if key == "not":
            return negated(self.at(inner, bar))
        if key == "all":
            return every([self.at(part, bar) for part in inner])
        if key == "any":
            return negated(every([negated(self.at(part, bar)) for part in inner]))
        if key == "score":
            return self.score_at(inner, bar)
        if key == "sequence":
            return self.sequence_at(inner, bar)
        return self.window_at(key, inner, bar)

    def score_at(self, inner: Any, bar: int) -> Truth:
        known, unknown = 0.0, []
        for part in inner["weights"]:
            truth = self.at(part["when"], bar)
            known += part["weight"] if truth else 0
            unknown += [part["weight"]] if truth is None else []
        worst, best = (known + sum(w for w in unknown if (w > 0) is up) for up in (False, True))
        if worst >= inner["at_least"]:
            return True
        return False if best < inner["at_least"] else None

    def window_at(self, key: str, inner: Any, bar: int) -> Truth:
        truths = [self.place_at(inner["when"], place) for place in self.places(inner, bar, 0)]
        needed = {"holds_for": len(truths), "occurred_within": 1}.get(key) or inner["at_least"]
        if truths.count(True) >= needed:
            return True
        return False if truths.count(True) + truths.count(None) < needed else None

    def sequence_at(self, inner: Any, bar: int) -> Truth:
        places = self.places(inner["within"], bar, 1)[::-1]  # the earliest first

        def chained(counts: Callable[[Truth], bool]) -> bool:
            done = 0  # every way through the places: how many steps each has behind it
            ways = {done}
            for number, place in enumerate(places):
                further = set(ways)
                for done in ways:
                    last = done == len(inner["steps"]) - 1
                    if last != (number == len(places) - 1):
                        continue
                    if counts(self.place_at(inner["steps"][done], place)):
                        further.add(done + 1)
                ways = further
            return len(inner["steps"]) in ways

        if chained(lambda truth: truth is True):
            return True
        return None if chained(lambda truth: truth is not False) else False

    def place_at(self, raw: Any, place: int | None) -> Truth:
        return None if place is None else self.at(raw, place)

    def places(self, span: Any, bar: int, more: int) -> list[int | None]:
        """Return the exec bars a span is looked at, the latest first; None where it never was."""
        role, view = span["tf"], self.views[bar]
        closes = [int(close) for close in self.feeds.feed(role).ts_close if close <= view.ts_close]
        if "bars" in span:
            wanted = closes[::-1][: span["bars"] + more]
            wanted += [None] * (span["bars"] + more - len(wanted))
        else:
            length = int(span["duration"][:-1]) * MINUTES_IN[span["duration"][-1]] * MINUTE
            latest = view.ts_close // MS_OF[role] * MS_OF[role]
            grid = [latest - back * MS_OF[role] for back in range(length // MS_OF[role] + more)]
            wanted = [close if close in closes else None for close in grid]
        by_close = {each.ts_close: number for number, each in enumerate(self.views[: bar + 1])}
        return [by_close.get(close) for close in wanted]


def every(truths: list[Truth]) -> Truth:
    if False in truths:
        return False
    return None if None in truths else True


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def feeds(bars: dict[str, pd.DataFrame]) -> MultiTFFeedStore:
    return MultiTFFeedStore({role: FeedStore(TIMEFRAMES[role], frame) for role, frame in bars.items()})


def held(setups: dict[str, Any], rule: Any, store: MultiTFFeedStore) -> list[bool]:
    raw = SignalRules(setups=setups or None, entry_long=rule)
    condition = parse_signal_rules(raw, NAMES).entry_long
    assert condition is not None
    return evaluate(condition, store).tolist()


def agrees(drawn: tuple[dict[str, Any], Any], bars: dict[str, pd.DataFrame]) -> None:
    setups, rule = drawn
    with np.errstate(invalid="ignore"):  # the histories hold infinities on purpose
        store = feeds(bars)
        interpreter = Interpreter(store, setups)
        expected = [interpreter.at(rule, bar) for bar in range(len(store))]
        assert held(setups, rule, store) == [one is True for one in expected]
        assert held(setups, {"not": rule}, store) == [one is False for one in expected]


def later_bars_change_nothing(
    drawn: tuple[dict[str, Any], Any], bars: dict[str, pd.DataFrame], data: st.DataObject
) -> None:
    kept = data.draw(st.integers(1, len(bars["exec"])))
    end = int(bars["exec"]["ts_open"].iloc[kept - 1]) + MS_OF["exec"]
    cut = {role: frame[frame["ts_open"] + MS_OF[role] <= end] for role, frame in bars.items()}
    # a timeframe without a closed bar still has to be there: a bar that closes later shows nothing
    cut = {role: frame if len(frame) else bars[role].iloc[:1] for role, frame in cut.items()}
    with np.errstate(invalid="ignore"):
        assert held(*drawn, feeds(cut)) == held(*drawn, feeds(bars))[:kept]


@settings(max_examples=120, deadline=None)
@given(drawn=rules(), bars=frames())
def test_compiled_arrays_agree_with_the_interpreter(drawn, bars):
    agrees(drawn, bars)


@settings(max_examples=50, deadline=None)
@given(drawn=rules(), bars=frames(), data=st.data())
def test_later_bars_change_nothing(drawn, bars, data):
    """Cut where the first so many exec bars have closed; what closes later is not there at all."""
    later_bars_change_nothing(drawn, bars, data)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=rules(), bars=frames())
def test_many_compiled_arrays_agree_with_the_interpreter(drawn, bars):
    agrees(drawn, bars)


@pytest.mark.slow
@settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=rules(), bars=frames(), data=st.data())
def test_later_bars_change_nothing_of_many(drawn, bars, data):
    later_bars_change_nothing(drawn, bars, data)
