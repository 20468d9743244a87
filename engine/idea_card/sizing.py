"""Position sizes. One class per model; `Sizing` lists them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.idea_card.base import CardPart, Positive, SharePct
from engine.idea_card.features import FeatureReference


class PercentEquitySizing(CardPart):
    """A share of equity as initial margin: notional = equity * equity_pct / 100 * leverage."""

    model: Literal["percent_equity"]
    equity_pct: SharePct
    """Initial margin of a position, in % of equity."""


class FixedUsdtSizing(CardPart):
    """The same notional each time."""

    model: Literal["fixed_usdt"]
    notional_usdt: Positive
    """Value of a position at entry, in USDT."""


class RiskBasedSizing(CardPart):
    """The size that loses a set share of equity if the stop is hit. Needs a stop loss."""

    model: Literal["risk_based"]
    risk_pct: SharePct
    """What is lost if the stop is hit, in % of equity."""


class VolatilityTargetSizing(CardPart):
    """The size whose value varies by a set share of equity a year: calm markets get more, wild ones less.

    notional = equity * annual_volatility_pct / 100 / (feature / close * sqrt(bars per year)), with the bars
    of the feature's timeframe.
    """

    model: Literal["volatility_target"]
    annual_volatility_pct: Positive
    """How far a position's value may typically move in a year, in % of equity."""
    feature: FeatureReference


Sizing = Annotated[
    PercentEquitySizing | FixedUsdtSizing | RiskBasedSizing | VolatilityTargetSizing,
    Field(discriminator="model"),
]
