"""Stop losses: where a losing position is closed. One class per type; `StopLoss` lists them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.idea_card.base import CardPart, Positive
from engine.idea_card.features import FeatureReference


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


StopLoss = Annotated[PercentStop | AtrMultipleStop | FixedPointsStop, Field(discriminator="type")]
