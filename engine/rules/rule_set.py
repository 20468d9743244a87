"""The four rules of a card as trees."""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.rules.names import Reference
from engine.rules.nodes import Condition


@dataclass(frozen=True)
class RuleSet:
    """When to enter and to leave, in each direction; None where the card has no such rule."""

    entry_long: Condition | None = None
    exit_long: Condition | None = None
    entry_short: Condition | None = None
    exit_short: Condition | None = None

    def conditions(self) -> dict[str, Condition]:
        """Return the rules there are, by name."""
        return {name: condition for name in RULE_NAMES if (condition := getattr(self, name)) is not None}

    def references(self) -> frozenset[Reference]:
        """Return every column the rules read."""
        return frozenset().union(*(condition.references() for condition in self.conditions().values()))


RULE_NAMES = tuple(field.name for field in fields(RuleSet))
