"""Scores: conditions that add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

import numpy as np

from engine.rules.columns import BoolArray, Columns, IntArray
from engine.rules.kernels import weighed
from engine.rules.nodes import CONDITION_SCHEMA, MISSING, Condition, Group, NodeParser

LARGEST_WEIGHT = 1_000_000
DECIMALS = 6
_UNITS = 10**DECIMALS  # sums are of whole millionths: 0.7 + 0.2 + 0.1 is 1


@dataclass(frozen=True)
class Weighted:
    """What a condition adds to a score while it is true, in millionths; below 0 it speaks against."""

    millionths: int
    condition: Condition


@dataclass(frozen=True)
class Score(Group):
    """`{score: {weights: [{weight: 2, when: A}, {weight: 1, when: B}], at_least: 3}}`.

    True where the weights of the conditions that are true add up to `at_least` or more. An unknown condition
    adds nothing; where it could turn the outcome, either way, the score is unknown. Sums are exact.
    """

    key: ClassVar[str] = "score"

    parts: tuple[Weighted, ...]
    at_least: int
    """In millionths."""

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        block = parser.block(raw, where, ("weights", "at_least"))
        if block is None:
            return None
        parts = _weights(block["weights"], parser, f"{where}.weights")
        at_least = _millionths(block["at_least"], parser, f"{where}.at_least")
        if parts is None or at_least is None:
            return None
        lowest = sum(min(part.millionths, 0) for part in parts)
        highest = sum(max(part.millionths, 0) for part in parts)
        if not lowest < at_least <= highest:
            parser.problem(
                f"{where}.at_least",
                "is out of reach" if at_least > highest else "is always reached",
                f"the weights add up to {_written(lowest)} at the least and {_written(highest)} at the most",
                raw["at_least"],
            )
            return None
        return cls(parts, at_least)

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        number = {"type": "number", "minimum": -LARGEST_WEIGHT, "maximum": LARGEST_WEIGHT}
        weight = {"description": "What it adds while it is true; below 0 it speaks against.", **number}
        weighted = {
            "type": "object",
            "properties": {"weight": weight, "when": CONDITION_SCHEMA},
            "required": ["weight", "when"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {
                "weights": {
                    "description": "The conditions, each with its weight.",
                    "type": "array",
                    "items": weighted,
                    "minItems": 1,
                },
                "at_least": {"description": "The sum of weights from which on it is true.", **number},
            },
            "required": ["weights", "at_least"],
            "additionalProperties": False,
        }

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(part.condition for part in self.parts)

    @override
    def holds(self, columns: Columns) -> BoolArray:
        # even if every unknown condition turned out for the worse
        return self._sums(columns, lambda weight: weight > 0) >= self.at_least

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return self._sums(columns, lambda weight: weight < 0) < self.at_least

    def _sums(self, columns: Columns, only_known: Callable[[int], bool]) -> IntArray:
        """Return the sums; the unknown conditions among those that are not `only_known` count as true."""
        sums: IntArray | None = None
        for part in self.parts:
            if only_known(part.millionths):
                verdicts = columns.holds(part.condition)
            else:
                verdicts = ~columns.fails(part.condition)
            if sums is None:
                sums = np.zeros(len(verdicts), np.int64)
            weighed(verdicts, part.millionths, sums)
        assert sums is not None  # a score has a part
        return sums

    @override
    def remark(self, columns: Columns, bar: int) -> str:
        truths = [columns.truth(part.condition, bar) for part in self.parts]
        score = sum(part.millionths for part, truth in zip(self.parts, truths, strict=True) if truth)
        unknown = truths.count(None)
        return f"score {_written(score)}" + (f", {unknown} of {len(truths)} unknown" if unknown else "")

    @override
    def text(self) -> str:
        return f"score of {len(self.parts)} at least {_written(self.at_least)}"


def _weights(raw: Any, parser: NodeParser, where: str) -> tuple[Weighted, ...] | None:
    if raw is MISSING:
        return None
    if not isinstance(raw, list | tuple) or not raw:
        parser.problem(where, "is not a list of weights", "write each as {weight: 1, when: condition}", raw)
        return None
    found: list[Weighted] = []
    for position, item in enumerate(raw):
        here = f"{where}[{position}]"
        block = parser.block(item, here, ("weight", "when"))
        if block is None:
            continue
        weight = _millionths(block["weight"], parser, f"{here}.weight")
        if weight == 0:
            parser.problem(f"{here}.weight", "adds nothing", "leave it out, or write another weight", 0)
        condition = parser.condition(block["when"], f"{here}.when")
        if weight and condition is not None:
            found.append(Weighted(weight, condition))
    return tuple(found) if len(found) == len(raw) else None


def _millionths(raw: Any, parser: NodeParser, where: str) -> int | None:
    number = parser.number(raw, where)
    if number is None:
        return None
    if abs(number) > LARGEST_WEIGHT or round(number, DECIMALS) != number:
        way_out = f"use at most {LARGEST_WEIGHT}, and at most {DECIMALS} decimals"
        parser.problem(where, "is too large or too fine", way_out, raw)
        return None
    return round(number * _UNITS)


def _written(millionths: int) -> str:
    return f"{millionths / _UNITS:.15g}"
