"""Sequences: one condition after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

import numpy as np

from engine.rules.columns import BoolArray, Columns
from engine.rules.kernels import sequenced
from engine.rules.nodes import CONDITION_SCHEMA, MISSING, Condition, Group, NodeParser
from engine.rules.spans import LENGTH_KEYS, ROLE_KEY, Span, parse_span, span_schema


@dataclass(frozen=True)
class Sequence(Group):
    """`{sequence: {steps: [A, B], within: {bars: 5, tf: exec}}}`: A, then B at most 5 bars later.

    True at a bar where the last step is true and the steps before it were true before, each at a later bar
    than the one before it (never two at one bar), from the first to the last at most so many bars or so long
    apart. What happened between the steps does not matter, nor how often each was true. The steps are read
    at the closes of the bars of `tf`, as windows read their condition, and the outcome stands until the next
    of them closes.

    False where no such chain could be, even if every unknown verdict were true; places before the history's
    start are unknown.
    """

    key: ClassVar[str] = "sequence"

    steps: tuple[Condition, ...]
    within: Span

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        block = parser.block(raw, where, ("steps", "within"))
        if block is None:
            return None
        steps = _steps(block["steps"], parser, f"{where}.steps")
        where = f"{where}.within"
        length = parser.block(block["within"], where, (ROLE_KEY,), LENGTH_KEYS)
        within = None if length is None else parse_span(length, parser, where)
        if steps is None or within is None:
            return None
        if within.places < len(steps) - 1:
            parser.problem(
                where,
                f"is too short for {len(steps)} steps, each of which is at a bar of its own",
                f"allow {len(steps) - 1} bars or more",
                within.written,
            )
            return None
        return cls(steps, within)

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        steps = {
            "description": "Conditions, the earliest first.",
            "type": "array",
            "items": CONDITION_SCHEMA,
            "minItems": 2,
        }
        within = {
            "description": "The most that may pass from the first step to the last.",
            **span_schema({}),
        }
        return {
            "type": "object",
            "properties": {"steps": steps, "within": within},
            "required": ["steps", "within"],
            "additionalProperties": False,
        }

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return self.steps

    @override
    def before_ms(self) -> int:
        return self.within.back_ms(self.within.places)

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return self._chained(columns, [columns.holds(step) for step in self.steps], wanted=True)

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return self._chained(columns, [columns.fails(step) for step in self.steps], wanted=False)

    def _chained(self, columns: Columns, verdicts: list[BoolArray], wanted: bool) -> BoolArray:
        slots = columns.slots(self.within.anchor)
        steps = np.stack([slots.read(verdict) for verdict in verdicts])
        flags = np.empty(len(slots), np.bool_)
        if wanted:
            sequenced(steps, self.within.places, False, flags)
            return slots.spread(flags)
        sequenced(~steps, self.within.places, True, flags)
        return slots.spread(~flags)

    @override
    def looked_at(self, columns: Columns, bar: int) -> tuple[tuple[Condition, int], ...]:
        """Return the steps at the bars of the chain, backwards from the last as late as each can be.

        From the first step that is missing on, the others are looked at where it would have to be.
        """
        slots = columns.slots(self.within.anchor)
        place = slots.at(bar)
        earliest = max(0, place - self.within.places)
        found: list[tuple[Condition, int]] = []
        for step in reversed(self.steps):
            candidates = [at for at in range(place, earliest - 1, -1) if slots.looked_at[at] >= 0]
            if not found:
                candidates = candidates[:1]
            chosen = next(
                (at for at in candidates if columns.truth(step, int(slots.looked_at[at]))),
                candidates[0] if candidates else None,
            )
            if chosen is None:
                break
            found.append((step, int(slots.looked_at[chosen])))
            place = chosen - 1
        return tuple(reversed(found))

    @override
    def text(self) -> str:
        return f"sequence of {len(self.steps)} within {self.within.text()}"


def _steps(raw: Any, parser: NodeParser, where: str) -> tuple[Condition, ...] | None:
    if raw is MISSING:
        return None
    if not isinstance(raw, list | tuple) or len(raw) < 2:
        parser.problem(
            where, "is not a list of two conditions or more", "write them, the earliest first", raw
        )
        return None
    parsed = [parser.condition(item, f"{where}[{position}]") for position, item in enumerate(raw)]
    found = tuple(step for step in parsed if step is not None)
    return found if len(found) == len(parsed) else None
