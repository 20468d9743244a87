"""What a backtest must show before its card is promoted."""

from __future__ import annotations

from engine.idea_card.base import CardPart, Count, NotNegative, Percent


class PromotionPolicy(CardPart):
    """Thresholds of the promotion gates. A run that breaks one is refused, and the ledger says by which."""

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
