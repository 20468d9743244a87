"""Stop losses: where a losing position is closed. One class per type; `StopLoss` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, override

from pydantic import Field

from engine.idea_card.base import CardPart, NotNegative, Positive, PositiveCount
from engine.idea_card.features import FeatureReference
from engine.idea_card.findings import Finding


class PercentStop(CardPart):
    """A stop at a percentage of the entry price away from it."""

    type: Literal["percent"]
    value: Annotated[float, Field(gt=0, lt=100)]
    """Distance in % of the entry price."""


class AtrMultipleStop(CardPart):
    """A stop at a multiple of a feature's value away from the entry price."""

    type: Literal["atr_multiple"]
    value: Positive
    """How many times the feature's value at the decision."""
    feature: FeatureReference


class FixedPointsStop(CardPart):
    """A stop at a fixed distance from the entry price."""

    type: Literal["fixed_points"]
    value: Positive
    """Distance in USDT of price."""


class TrailingPercentStop(CardPart):
    """A stop that follows the best price since the entry at a percentage of it.

    It moves at a bar's close and acts from the next bar on; it never moves back.
    """

    type: Literal["trailing_percent"]
    value: Annotated[float, Field(gt=0, lt=100)]
    """Distance in % of the best price; before the activation, of the entry price."""
    activation_pct: NotNegative
    """Best profit, in % of the entry price, from which on it follows; 0 from the start."""


class TrailingAtrStop(CardPart):
    """A stop that follows the best price since the entry at a multiple of a feature's present value.

    It moves at a bar's close and acts from the next bar on; it never moves back.
    """

    type: Literal["trailing_atr"]
    value: Positive
    """How many times the feature's value; before the activation, its value at the decision."""
    feature: FeatureReference
    activation_pct: NotNegative
    """Best profit, in % of the entry price, from which on it follows; 0 from the start."""


class StructureStop(CardPart):
    """A stop at a level the market has made, as a feature gives it: a channel, a swing, a band.

    An entry whose stop would be on the wrong side of the price is refused.
    """

    misplaced: ClassVar[Mapping[str, str]] = {
        "value": "the level is the stop; buffer_pct moves it",
        "feature": "name a level for each direction: long: channel.lower, short: channel.upper",
    }

    type: Literal["structure"]
    long: FeatureReference | None = None
    """Level of a long position's stop, below the price. Leave it out, or null, if the card is short_only."""
    short: FeatureReference | None = None
    """Level of a short position's stop, above the price. Leave it out, or null, if the card is long_only."""
    buffer_pct: Annotated[float, Field(ge=0, lt=100)] = 0.0
    """How far beyond the level, away from the price, in % of the level."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        if block.get("long") is None and block.get("short") is None:
            way_out = "write long, short or both, each with a feature: long: channel.lower"
            yield Finding((), "names no level", way_out)


StopLoss = Annotated[
    PercentStop | AtrMultipleStop | FixedPointsStop | TrailingPercentStop | TrailingAtrStop | StructureStop,
    Field(discriminator="type"),
]


class BreakEven(CardPart):
    """Moves the stop to the entry price once a position has been far enough in profit."""

    trigger_pct: Positive
    """Best profit, in % of the entry price, at which the stop moves."""
    offset_pct: NotNegative
    """Where to: this far on the winning side of the entry price, in %; about 0.15 pays for the round trip."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        trigger, offset = block.get("trigger_pct"), block.get("offset_pct")
        if isinstance(trigger, int | float) and isinstance(offset, int | float) and offset >= trigger > 0:
            yield Finding(
                ("offset_pct",),
                f"must be below trigger_pct, which is {trigger:g}",
                "a stop cannot be moved beyond the price",
                offset,
            )


class TimeStop(CardPart):
    """Leaves a position that has had its time and is not far enough in profit."""

    bars: PositiveCount
    """Exec bars a position is given."""
    min_profit_pct: float
    """What it must have from then on, at each close and in % of the entry price; may be negative. With less
    it is left at the next open."""
