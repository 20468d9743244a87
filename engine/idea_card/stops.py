"""Stop losses: where a losing position is closed. One class per type; `StopLoss` lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, override

from pydantic import Field

from engine.idea_card.base import CardPart, NotNegative, Positive
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


StopLoss = Annotated[
    PercentStop | AtrMultipleStop | FixedPointsStop | TrailingPercentStop | TrailingAtrStop,
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
