"""Take profits: where a winning position is closed. One class per type; `TakeProfit` lists them.

A card has one target for the whole position, or a ladder: a list of targets that each close a portion of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from engine.idea_card.base import CardPart, Positive, SharePct
from engine.idea_card.features import FeatureReference
from engine.idea_card.findings import Finding
from engine.idea_card.plain_words import unwritten

LARGEST_LADDER = 4
"""Most targets a ladder may have."""


class Target(CardPart):
    """What all targets have."""

    misplaced: ClassVar[Mapping[str, str]] = {
        "portion_pct": "only a list of targets has portions: write [{type: ..., portion_pct: ...}, ...]"
    }

    order_type: Literal["market", "limit"] = "market"
    """market: a touch triggers a market order (Bybit's own default): taker fee and slippage. limit: an order
    rests at the target; price must trade through it, the fill is at the target, the fee is the maker's."""


class PercentTarget(Target):
    """A target at a percentage of the entry price away from it."""

    type: Literal["percent"]
    value: Positive
    """Distance in % of the entry price."""


class RrRatioTarget(Target):
    """A target at a multiple of the stop's distance: reward to risk. Needs a stop loss."""

    type: Literal["rr_ratio"]
    value: Positive
    """How many times the distance from the entry to the stop."""


class AtrMultipleTarget(Target):
    """A target at a multiple of a feature's value away from the entry price."""

    type: Literal["atr_multiple"]
    value: Positive
    """How many times the feature's value at the decision."""
    feature: FeatureReference


class FixedPointsTarget(Target):
    """A target at a fixed distance from the entry price."""

    type: Literal["fixed_points"]
    value: Positive
    """Distance in USDT of price."""


class Rung(Target):
    """What all targets of a ladder have."""

    misplaced: ClassVar[Mapping[str, str]] = {}

    portion_pct: SharePct
    """How much of what was entered is closed here, in %. What the ladder leaves over stays until the stop, a
    signal or the time closes it."""


class PercentRung(Rung, PercentTarget):
    """A percent target for a portion of the position."""


class RrRatioRung(Rung, RrRatioTarget):
    """A reward-to-risk target for a portion of the position."""


class AtrMultipleRung(Rung, AtrMultipleTarget):
    """A target at a multiple of a feature for a portion of the position."""


class FixedPointsRung(Rung, FixedPointsTarget):
    """A target at a fixed distance for a portion of the position."""


SingleTarget = Annotated[
    PercentTarget | RrRatioTarget | AtrMultipleTarget | FixedPointsTarget, Field(discriminator="type")
]
TargetOfLadder = Annotated[
    PercentRung | RrRatioRung | AtrMultipleRung | FixedPointsRung, Field(discriminator="type")
]
Ladder = Annotated[tuple[TargetOfLadder, ...], Field(strict=False, min_length=1, max_length=LARGEST_LADDER)]

_ONE, _LADDER = unwritten("one"), unwritten("ladder")


def _form(value: Any) -> str:
    return _LADDER if isinstance(value, list | tuple) else _ONE


TakeProfit = Annotated[
    Annotated[SingleTarget, Tag(_ONE)] | Annotated[Ladder, Tag(_LADDER)], Discriminator(_form)
]


def ladder_inconsistencies(targets: Any) -> Iterator[Finding]:
    """Yield what is wrong between the targets of a ladder as written; nothing for a single target."""
    if not isinstance(targets, list) or not all(isinstance(target, dict) for target in targets):
        return
    portions = [target.get("portion_pct") for target in targets]
    if all(isinstance(portion, int | float) and 0 < portion <= 100 for portion in portions):
        total = sum(portions)
        # a hair above comes of adding binary fractions, not of wanting more than there is
        if total > 100 + 1e-9:
            yield Finding(
                (), f"closes {total:g} % of the position", "keep the portions at 100 or less together"
            )
        elif len(portions) == 1 and total == 100:
            yield Finding((), "is one target for everything", "write it without the list and portion_pct")
    for position in range(1, len(targets)):
        yield from _out_of_order(position, targets[position - 1], targets[position])


def _out_of_order(position: int, nearer: dict[str, Any], farther: dict[str, Any]) -> Iterator[Finding]:
    comparable = (nearer.get("type"), nearer.get("feature")) == (farther.get("type"), farther.get("feature"))
    near, far = nearer.get("value"), farther.get("value")
    if comparable and isinstance(near, int | float) and isinstance(far, int | float) and far <= near:
        yield Finding(
            (position, "value"),
            f"must be above that of the target before it, which is {near:g}",
            "list the targets from the nearest to the farthest",
            far,
        )
