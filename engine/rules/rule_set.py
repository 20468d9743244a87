"""The four rules of a card as trees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from engine.rules.names import Reference
from engine.rules.nodes import Condition, Lookback
from engine.rules.operands import Operand
from engine.rules.tags import tags_of

RULE_NAMES = ("entry_long", "exit_long", "entry_short", "exit_short")
EXIT_RULES = frozenset(("exit_long", "exit_short"))


@dataclass(frozen=True)
class RuleSet:
    """When to enter and to leave, in each direction; None where the card has no such rule.

    `captures` are the values that are noted at an entry for the exit rules, by name.
    """

    entry_long: Condition | None = None
    exit_long: Condition | None = None
    entry_short: Condition | None = None
    exit_short: Condition | None = None
    captures: tuple[tuple[str, Operand], ...] = ()

    def conditions(self) -> dict[str, Condition]:
        """Return the rules there are, by name."""
        return {name: condition for name in RULE_NAMES if (condition := getattr(self, name)) is not None}

    def references(self) -> frozenset[Reference]:
        """Return every column the rules read."""
        return self._references

    def lookbacks(self) -> frozenset[Lookback]:
        """Return every column the conditions read, and for how long before a decision."""
        return self._lookbacks

    # asked for again and again by each set of a sweep, all of which share their rules
    @cached_property
    def _references(self) -> frozenset[Reference]:
        captured = (operand for _, operand in self.captures)
        parts: Iterable[Condition | Operand] = (*self.conditions().values(), *captured)
        return frozenset().union(*(part.references() for part in parts))

    @cached_property
    def _lookbacks(self) -> frozenset[Lookback]:
        return frozenset().union(*(condition.lookbacks() for condition in self.conditions().values()))

    def tags(self) -> tuple[str, ...]:
        """Return every tag once, in the order of the rules; a tag's number is its place here, from 1."""
        return tuple(dict.fromkeys(tag for rule in self.conditions().values() for tag in tags_of(rule)))
