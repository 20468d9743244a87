"""Groups: conditions made of conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

import numpy as np

from engine.rules.columns import BoolArray, Columns
from engine.rules.nodes import CONDITION_SCHEMA, Condition, Group, NodeParser


@dataclass(frozen=True)
class _Several(Group):
    """Shared by `all` and `any`: a list of conditions that is not empty."""

    parts: tuple[Condition, ...]

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        if not isinstance(raw, list | tuple) or not raw:
            parser.problem(
                where, "is not a list of conditions", "write them below it, each after a dash", raw
            )
            return None
        parsed = [parser.condition(item, f"{where}[{position}]") for position, item in enumerate(raw)]
        parts = tuple(part for part in parsed if part is not None)
        return cls(parts) if len(parts) == len(parsed) else None

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "array", "items": CONDITION_SCHEMA, "minItems": 1}

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return self.parts

    @override
    def text(self) -> str:
        return f"{self.key} of {len(self.parts)}"


@dataclass(frozen=True)
class All(_Several):
    """`{all: [...]}`, and a bare list of conditions: every part holds."""

    key: ClassVar[str] = "all"

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return _combined(np.logical_and, [columns.holds(part) for part in self.parts])

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return _combined(np.logical_or, [columns.fails(part) for part in self.parts])


@dataclass(frozen=True)
class AtLeastOne(_Several):
    """`{any: [...]}`: at least one part holds."""

    key: ClassVar[str] = "any"

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return _combined(np.logical_or, [columns.holds(part) for part in self.parts])

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return _combined(np.logical_and, [columns.fails(part) for part in self.parts])


@dataclass(frozen=True)
class Not(Group):
    """`{not: condition}`: the condition is known to be false."""

    key: ClassVar[str] = "not"

    part: Condition

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        part = parser.condition(raw, where)
        return None if part is None else cls(part)

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        return CONDITION_SCHEMA

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return (self.part,)

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return columns.fails(self.part)

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return columns.holds(self.part)

    @override
    def decided_by(self, truth: bool | None) -> bool | None:
        return None if truth is None else not truth

    @override
    def text(self) -> str:
        return "not"


def _combined(combine: np.ufunc, parts: list[BoolArray]) -> BoolArray:
    result, *others = parts
    for position, other in enumerate(others):
        # the first result is the first that may be written to
        result = combine(result, other, out=result) if position else combine(result, other)
    return result
