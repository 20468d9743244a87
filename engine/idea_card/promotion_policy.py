"""What a backtest must show before its card is promoted."""

from __future__ import annotations

from engine.idea_card.base import CardPart, Count, NotNegative, Percent
from engine.idea_card.shadow_policy import SHADOW_AS_SHIPPED, ShadowPolicy
from engine.idea_card.validation_policy import VALIDATION_AS_SHIPPED, ValidationPolicy


class PromotionPolicy(CardPart):
    """Thresholds of the promotion gates. A run that breaks one is refused, and the ledger says by which.

    The backtest's are the card's own business and have no default. Those of the stages above ask the same of
    every card, so they come with shipped values.
    """

    min_trades: Count
    """Fewest closed trades; fewer say nothing about the rest."""
    min_net_return_pct: float
    """Least net return over the run, in % of starting equity, after fees, slippage and funding."""
    min_sharpe: float
    """Least annualised Sharpe ratio, of the daily returns of the per-bar equity."""
    min_profit_factor: NotNegative
    """Least ratio of money won to money lost over all trades."""
    max_drawdown_pct: Percent
    """Deepest fall of equity from a peak, in %."""
    max_ambiguous_share_pct: Percent
    """Largest share of trades whose stop and target lay in one bar, in %."""
    max_filled_share_pct: Percent
    """Largest share of bars the exchange did not have, in %."""
    max_liquidations: Count
    """Most liquidations."""
    validation: ValidationPolicy = VALIDATION_AS_SHIPPED
    """What the evidence behind the backtest must show; leave it out for the shipped thresholds."""
    shadow: ShadowPolicy = SHADOW_AS_SHIPPED
    """What running in shadow must show; leave it out for the shipped thresholds."""
    # The backtest is decided again at every candle: a figure that wavers about its threshold would switch a
    # strategy on and off. A refusal stops the way up and is shown; stopping is a person's decision.
    lower_on_refusal: bool = False
    """Whether refused evidence lowers the card to the stage before; else what stands stays."""
