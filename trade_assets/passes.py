"""Passes: the order in which the timeframes of a symbol are made, and what each pass makes.

A backtest reads every timeframe of its card, so each of them comes before the exec timeframe. The timeframes
that rules look at are larger and go first for that reason. A detail timeframe is smaller; its candles go
before all others, in passes that make nothing but them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.assets.cards import card_keys
from trade_assets.partitions import largest_first


@dataclass(frozen=True)
class Pass:
    """What is made at one timeframe beside the market's assets.

    Attributes
    ----------
    timeframe : Timeframe
    keys : mapping of str to list of asset keys
        By card, those there is something to make of.
    is_detail : bool
        Whether it makes the candles that orders are filled on.
    """

    timeframe: Timeframe
    keys: Mapping[str, list[tuple[str, ...]]]
    is_detail: bool = False


def passes_of(plans: Collection[CardPlan]) -> list[Pass]:
    """Return the passes that make `plans`, in their order."""
    details: dict[Timeframe, list[CardPlan]] = {}
    looked_at: set[Timeframe] = set()
    for plan in plans:
        looked_at |= set(plan.card.timeframes.roles().values())
        if plan.card.timeframes.detail is not None:
            details.setdefault(plan.card.timeframes.detail, []).append(plan)
    first = [
        Pass(
            timeframe=timeframe,
            keys={plan.card.id: card_keys(plan, [timeframe]) for plan in details[timeframe]},
            is_detail=True,
        )
        for timeframe in largest_first(details)
    ]
    rest = [
        Pass(timeframe, {plan.card.id: card_keys(plan, [timeframe]) for plan in users})
        for timeframe in largest_first(looked_at)
        for users in [[plan for plan in plans if timeframe in plan.card.timeframes.roles().values()]]
    ]
    return first + rest
