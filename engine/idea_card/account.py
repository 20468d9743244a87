"""The account a card trades with, and what trading costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, override

from pydantic import BeforeValidator, Field

from engine.idea_card.base import CardPart, NotNegative, Positive, SharePct
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
    half_spread_bps: BasisPoints = 0.0
    """Half the distance between bid and ask, added to the slippage, in basis points of the price."""
    impact_bps: BasisPoints = 0.0
    """How far a market fill of a whole bar's volume moves the price, in basis points; a smaller fill moves it
    by the square root of its share of the volume. 0 for no impact."""
    max_participation_pct: SharePct | None = None
    """Largest share of a bar's volume an entry or a limit target may take, in %; what is over is not filled.
    Leave it out, or null, for no limit."""
    min_trade_notional_usdt: NotNegative
    """Smallest position worth opening, in USDT; a run whose free margin cannot pay for one stops."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        costs = [block.get(key, 0) for key in ("slippage_bps", "half_spread_bps", "impact_bps")]
        in_range = all(isinstance(cost, int | float) and 0 <= cost < 10_000 for cost in costs)
        if in_range and sum(costs) >= 10_000:
            yield Finding(
                ("slippage_bps",),
                f"is {sum(costs):g} with half_spread_bps and impact_bps: a sale would bring nothing",
                "keep the three below 10000 together; 1 bps is 0.01 %",
                block.get("slippage_bps"),
            )
