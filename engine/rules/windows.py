"""Windows: a condition over the last bars of a timeframe.

A window reads its condition at the closes of the last N bars of its timeframe, the last closed one included;
`engine.rules.anchors` says exactly which those are. Places before the history's start are unknown, as is
what was not looked at. The verdict is the one that stands whatever the unknown ones would turn out to be,
and unknown where it would depend on them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

import numpy as np

from engine.rules.columns import BoolArray, Columns
from engine.rules.kernels import counted
from engine.rules.nodes import CONDITION_SCHEMA, Condition, Group, NodeParser
from engine.rules.spans import LENGTH_KEYS, LONGEST, ROLE_KEY, Span, parse_span, span_schema

_WHEN = {"description": "The condition that is looked at.", **CONDITION_SCHEMA}


@dataclass(frozen=True)
class _Window(Group):
    """Shared by the three windows: true where at least `needed` of the places of `span` are."""

    part: Condition
    span: Span

    @property
    @abstractmethod
    def needed(self) -> int:
        """How many places must be true."""

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        block = parser.block(raw, where, ("when", ROLE_KEY), LENGTH_KEYS)
        if block is None:
            return None
        part, span = parser.condition(block["when"], f"{where}.when"), parse_span(block, parser, where)
        return None if part is None or span is None else cls(part, span)

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        return span_schema({"when": _WHEN})

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return (self.part,)

    @override
    def before_ms(self) -> int:
        return self.span.back_ms(self.span.places - 1)

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return self._where(columns, columns.holds(self.part), self.needed)

    @override
    def fails(self, columns: Columns) -> BoolArray:
        # so many false ones that the rest is too few
        return self._where(columns, columns.fails(self.part), self.span.places - self.needed + 1)

    def _where(self, columns: Columns, verdicts: BoolArray, at_least: int) -> BoolArray:
        slots = columns.slots(self.span.anchor)
        flags = np.empty(len(slots), np.bool_)
        counted(slots.read(verdicts), self.span.places, at_least, flags)
        return slots.spread(flags)

    @override
    def looked_at(self, columns: Columns, bar: int) -> tuple[tuple[Condition, int], ...]:
        # the latest place with each verdict there is
        seen: dict[bool | None, int] = {}
        for place in self._places(columns, bar):
            if place >= 0:
                seen[columns.truth(self.part, place)] = place
        return tuple((self.part, place) for place in sorted(seen.values(), reverse=True))

    @override
    def remark(self, columns: Columns, bar: int) -> str:
        truths = [columns.truth(self.part, at) if at >= 0 else None for at in self._places(columns, bar)]
        unknown = self.span.places - truths.count(True) - truths.count(False)
        said = f"true at {truths.count(True)} of {self.span.text()}"
        return f"{said}, unknown at {unknown}" if unknown else said

    def _places(self, columns: Columns, bar: int) -> list[int]:
        slots = columns.slots(self.span.anchor)
        last = slots.at(bar)
        places: list[int] = slots.looked_at[max(0, last + 1 - self.span.places) : last + 1].tolist()
        return places


@dataclass(frozen=True)
class HoldsFor(_Window):
    """`{holds_for: {when: condition, bars: 3, tf: exec}}`: true at every one of the last bars.

    Windows look at the last `bars` of the timeframe `tf`, the one that closed last included, or at those of a
    `duration` (90m, 4h, 2d, 1w; whole bars of `tf`). The condition is read at the closes of these bars and at
    no exec bar between them, and the outcome stands until the next of them closes. Where a bar is missing,
    `bars` goes one further back, as offsets do, and `duration` does not: nothing is known of that bar. Nor of
    those before the history. What is unknown makes the window unknown only where it could turn the outcome.
    """

    key: ClassVar[str] = "holds_for"

    @property
    @override
    def needed(self) -> int:
        return self.span.places

    @override
    def text(self) -> str:
        return f"holds_for {self.span.text()}"


@dataclass(frozen=True)
class OccurredWithin(_Window):
    """`{occurred_within: {when: condition, duration: 4h, tf: mtf}}`: true at one of the last bars or more.

    Which bars those are is said at `holds_for`.
    """

    key: ClassVar[str] = "occurred_within"

    @property
    @override
    def needed(self) -> int:
        return 1

    @override
    def text(self) -> str:
        return f"occurred_within {self.span.text()}"


@dataclass(frozen=True)
class CountTrue(_Window):
    """`{count_true: {when: condition, bars: 10, tf: exec, at_least: 3}}`: true at so many of the last.

    Which bars those are is said at `holds_for`.
    """

    key: ClassVar[str] = "count_true"

    at_least: int

    @property
    @override
    def needed(self) -> int:
        return self.at_least

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        block = parser.block(raw, where, ("when", ROLE_KEY, "at_least"), LENGTH_KEYS)
        if block is None:
            return None
        part, span = parser.condition(block["when"], f"{where}.when"), parse_span(block, parser, where)
        most = LONGEST if span is None else span.places
        at_least = parser.whole(block["at_least"], f"{where}.at_least", most)
        return None if part is None or span is None or at_least is None else cls(part, span, at_least)

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        at_least = {
            "description": "How many of them it must be true at.",
            "type": "integer",
            "minimum": 1,
        }
        return span_schema({"when": _WHEN, "at_least": at_least})

    @override
    def text(self) -> str:
        return f"count_true at least {self.at_least} in {self.span.text()}"
