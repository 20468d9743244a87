"""Take profits: where a winning position is closed. One class per type; `TakeProfit` lists them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.idea_card.base import CardPart, Positive
from engine.idea_card.features import FeatureReference


class Target(CardPart):
    """What all targets have."""

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


TakeProfit = Annotated[
    PercentTarget | RrRatioTarget | AtrMultipleTarget | FixedPointsTarget, Field(discriminator="type")
]
