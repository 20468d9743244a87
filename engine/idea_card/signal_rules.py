"""The conditions of a card, kept as written. `engine.rules` gives them their meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, override

from pydantic import AfterValidator

from engine.idea_card.base import CardPart
from engine.idea_card.findings import Finding
from engine.idea_card.frozen import freeze, impure_values

RawCondition = Annotated[Any, AfterValidator(freeze)]


class SignalRules(CardPart):
    """When to enter and when to leave. Evaluated at each exec bar's close.

    An exit fills at the next open, an entry as the card's entry_order says.

    A condition is `[left, operator, right]`, a list of conditions (all must hold), or `{all: ...}`,
    `{any: ...}`, `{not: ...}`. Values are immutable plain data.
    """

    entry_long: RawCondition | None = None
    """When to open a long position."""
    exit_long: RawCondition | None = None
    """When to close a long position; without it, stop, target and max_bars_in_trade close it."""
    entry_short: RawCondition | None = None
    """When to open a short position."""
    exit_short: RawCondition | None = None
    """When to close a short position."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        for name in cls.model_fields:
            yield from impure_values(block.get(name), (name,))
