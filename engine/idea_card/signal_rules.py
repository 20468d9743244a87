"""The conditions of a card, kept as written. `engine.rules` gives them their meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, override

from pydantic import AfterValidator

from engine.idea_card.base import CardPart
from engine.idea_card.findings import Finding
from engine.idea_card.frozen import freeze, impure_values
from engine.idea_card.strategy_choice import StrategyChoice

RawCondition = Annotated[Any, AfterValidator(freeze)]


class SignalRules(CardPart):
    """When to enter and when to leave: conditions, or a strategy written in Python in place of them.

    Evaluated at each exec bar's close.

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
    strategy: StrategyChoice | None = None
    """The strategy in Python the signals come from; leave it out where conditions say all."""

    @classmethod
    def conditions(cls) -> tuple[str, ...]:
        """Return the keys that hold conditions."""
        return tuple(name for name in cls.model_fields if name != "strategy")

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        has_strategy = block.get("strategy") is not None
        for name in cls.conditions():
            yield from impure_values(block.get(name), (name,))
            if has_strategy and block.get(name) is not None:
                yield Finding(
                    (name,),
                    "stands beside a strategy, and signals come from one of the two",
                    "remove the rule, or remove the strategy",
                )
