"""Several rules under one name, each with a tag: `entry_long: {tags: {pullback: ..., breakout: ...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, override

import numpy as np

from engine.rules.columns import BoolArray, Columns
from engine.rules.nodes import CONDITION_SCHEMA, Condition

TAGS = "tags"
"""The key that tags stand under, at the top of a rule and nowhere else."""

TAG_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        TAGS: {
            "type": "object",
            "description": "Conditions by tag. The rule holds where one of them does; the first that holds, "
            "in this order, gives the trade its tag.",
            "additionalProperties": CONDITION_SCHEMA,
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "minProperties": 1,
        }
    },
    "required": [TAGS],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Tagged(Condition):
    """A rule of several tagged conditions: it holds where one of them does.

    The first that holds, in the order of the card, gives the trade its tag.
    """

    rules: tuple[tuple[str, Condition], ...]

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return np.logical_or.reduce([columns.holds(part) for part in self.conditions()])

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return np.logical_and.reduce([columns.fails(part) for part in self.conditions()])

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(condition for _, condition in self.rules)

    @override
    def text(self) -> str:
        return f"first of {', '.join(tag for tag, _ in self.rules)}"


def tags_of(rule: Condition | None) -> tuple[str, ...]:
    """Return the tags of a rule in their order; none for a rule without."""
    return tuple(tag for tag, _ in rule.rules) if isinstance(rule, Tagged) else ()


def is_tagged(raw: Any) -> bool:
    """Return whether a raw rule is written with tags."""
    return isinstance(raw, Mapping) and set(raw) == {TAGS}
