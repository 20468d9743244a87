"""Position sizes. One class per model; `Sizing` lists them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.idea_card.base import CardPart, Positive

# In percent, as every share in a card: 10 means 10 %, not ten times.
SharePct = Annotated[float, Field(gt=0, le=100)]


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


Sizing = Annotated[PercentEquitySizing | FixedUsdtSizing | RiskBasedSizing, Field(discriminator="model")]
