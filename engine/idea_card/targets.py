"""Take profits: where a winning position is closed. One class per type; `TakeProfit` lists them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.idea_card.base import CardPart, Positive
from engine.idea_card.features import FeatureReference


class PercentTarget(CardPart):
    """A target at a percentage of the entry price away from it."""

    type: Literal["percent"]
    value: Positive
    """Distance in % of the entry price."""


class RrRatioTarget(CardPart):
    """A target at a multiple of the stop's distance: reward to risk. Needs a stop loss."""

    type: Literal["rr_ratio"]
    value: Positive
    """How many times the distance from the entry to the stop."""


class AtrMultipleTarget(CardPart):
    """A target at a multiple of a feature's value away from the entry price."""

    type: Literal["atr_multiple"]
    value: Positive
    """How many times the feature's value at the decision."""
    feature: FeatureReference


class FixedPointsTarget(CardPart):
    """A target at a fixed distance from the entry price."""

    type: Literal["fixed_points"]
    value: Positive
    """Distance in USDT of price."""


TakeProfit = Annotated[
    PercentTarget | RrRatioTarget | AtrMultipleTarget | FixedPointsTarget, Field(discriminator="type")
]
