"""Several rules under one name, each with a tag: `entry_long: {tags: {pullback: ..., breakout: ...}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, override

import numpy as np

from engine.idea_card.signal_rules import TAGS
from engine.rules.columns import BoolArray, Columns
from engine.rules.nodes import CONDITION_SCHEMA, Condition, Named

NAME_OF_A_TAG = re.compile(r"[a-z][a-z0-9_]*")

TAG_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        TAGS: {
            "type": "object",
            "description": "Conditions by tag. The rule holds where one of them does; the first that holds, "
            "in this order, gives the trade its tag.",
            "patternProperties": {f"^{NAME_OF_A_TAG.pattern}$": CONDITION_SCHEMA},
            "additionalProperties": False,
            "minProperties": 1,
        }
    },
    "required": [TAGS],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Tag(Named):
    """One of the conditions of a rule, with its tag."""

    @override
    def text(self) -> str:
        return f"tag {self.name}"


@dataclass(frozen=True)
class Tagged(Condition):
    """A rule of several tagged conditions: it holds where one of them does.

    The first that holds, in the order of the card, gives the trade its tag.
    """

    tags: tuple[Tag, ...]

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return np.logical_or.reduce([columns.holds(part) for part in self.conditions()])

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return np.logical_and.reduce([columns.fails(part) for part in self.conditions()])

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return self.tags

    @override
    def text(self) -> str:
        return f"first of {', '.join(tag.name for tag in self.tags)}"


def tags_of(rule: Condition | None) -> tuple[str, ...]:
    """Return the tags of a rule in their order; none for a rule without."""
    return tuple(tag.name for tag in rule.tags) if isinstance(rule, Tagged) else ()


def is_tagged(raw: Any) -> bool:
    """Return whether a raw rule is written with tags."""
    return isinstance(raw, Mapping) and set(raw) == {TAGS}
