"""The conditions of a card, kept as written. `engine.rules` gives them their meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, override

from pydantic import AfterValidator, Field

from engine.idea_card.base import CardPart, Name
from engine.idea_card.findings import Finding
from engine.idea_card.frozen import FrozenDict, OrderedBlock, freeze, impure_values
from engine.idea_card.strategy_choice import StrategyChoice

RawCondition = Annotated[Any, AfterValidator(freeze)]

TAGS = "tags"
"""The key that several conditions of a rule stand under, each with a tag."""


def _rule(value: Any) -> Any:
    frozen = freeze(value)
    if isinstance(frozen, FrozenDict) and isinstance(frozen.get(TAGS), FrozenDict):
        # the first tag that holds is the trade's, so the order of the tags is part of what the rule says
        return FrozenDict({**frozen, TAGS: OrderedBlock(frozen[TAGS])})
    return frozen


RawRule = Annotated[Any, AfterValidator(_rule)]

Setups = Annotated[
    dict[Name, RawCondition],
    Field(min_length=1),
    AfterValidator(FrozenDict),
    Field(json_schema_extra={"additionalProperties": False}),
]


Captures = Annotated[
    dict[Name, RawCondition],
    Field(min_length=1),
    AfterValidator(FrozenDict),
    Field(json_schema_extra={"additionalProperties": False}),
]


class SignalRules(CardPart):
    """When to enter and when to leave: conditions, or a strategy written in Python in place of them.

    Evaluated at each exec bar's close.

    An exit fills at the next open, an entry as the card's entry_order says.

    A condition is `[left, operator, right]`, a list of conditions (all must hold), or `{all: ...}`,
    `{any: ...}`, `{not: ...}` and the other groups. A rule may also be `{tags: {name: condition, ...}}`: it
    holds where one of them does, and the first that holds, in the order of the card, gives the trade its
    entry or exit tag. Values are immutable plain data.
    """

    setups: Setups | None = None
    """Conditions with a name, used as {setup: name} wherever a condition stands; they may use each other.
    Leave it out if there are none."""
    captures: Captures | None = None
    """Values that are noted at an entry, by the names exit rules know them by: a price, a feature or a
    calculation, as it is at the close whose entry signal led to the position. Adds do not change them. Leave
    it out if there are none."""
    entry_long: RawRule | None = None
    """When to open a long position."""
    exit_long: RawRule | None = None
    """When to close a long position; without it, stop, target and max_bars_in_trade close it. Exit rules may
    also name bars_in_trade, unrealised_r, unrealised_pct, entry_price and the captured values."""
    entry_short: RawRule | None = None
    """When to open a short position."""
    exit_short: RawRule | None = None
    """When to close a short position."""
    strategy: StrategyChoice | None = None
    """The strategy in Python the signals come from; leave it out where conditions say all."""

    @classmethod
    def conditions(cls) -> tuple[str, ...]:
        """Return the keys that hold conditions."""
        return tuple(name for name in cls.model_fields if name not in ("setups", "captures", "strategy"))

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        has_strategy = block.get("strategy") is not None
        for name in ("setups", "captures", *cls.conditions()):
            yield from impure_values(block.get(name), (name,))
            if has_strategy and block.get(name) is not None:
                yield Finding(
                    (name,),
                    "stands beside a strategy, and signals come from one of the two",
                    "remove the rule, or remove the strategy",
                )
