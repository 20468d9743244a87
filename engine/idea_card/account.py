"""The account a card trades with, and what trading costs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from engine.idea_card.base import CardPart, NotNegative, Positive
from engine.idea_card.findings import Finding

# Below 100 %: a larger figure is a percentage or a fraction taken for basis points.
BasisPoints = Annotated[float, Field(ge=0, lt=10_000)]


def _isolated_only(value: Any) -> Any:
    if value != "isolated_usdt":
        raise Finding(
            (),
            "is not a margin mode we simulate",
            "write isolated_usdt: only isolated margin in USDT is simulated, cross margin is not",
            value,
        ).as_error()
    return value


class FeeModel(CardPart):
    """What the exchange charges, in basis points of the notional (1 bps = 0.01 %)."""

    taker_bps: BasisPoints
    """Fee of an order that takes liquidity, in basis points; Bybit's standard rate is 5.5."""
    maker_bps: BasisPoints
    """Fee of a resting order, in basis points; Bybit's standard rate is 2.0."""


class AccountConfig(CardPart):
    """The wallet of one run: USDT linear perpetuals, one-way mode, isolated margin."""

    starting_equity_usdt: Positive
    """Equity at the start of a run, in USDT."""
    leverage: Annotated[float, Field(ge=1)]
    """Leverage of every position. A size whose risk tier allows less is refused."""
    margin_mode: Annotated[Literal["isolated_usdt"], BeforeValidator(_isolated_only)]
    """isolated_usdt: a position can lose its own margin and no more."""
    liquidation_regime: Literal["mark_2025", "legacy"] = "mark_2025"
    """How the liquidation price is computed: Bybit's rules of today (mark_2025) or those before (legacy)."""
    fee_model: FeeModel
    """Trading fees."""
    slippage_bps: BasisPoints
    """How far a market fill is moved against the trader, in basis points of the price."""
    min_trade_notional_usdt: NotNegative
    """Smallest position worth opening, in USDT; a run whose free margin cannot pay for one stops."""
