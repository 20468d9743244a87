"""What the evidence behind a backtest must show, with the thresholds as shipped and why they are so."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.idea_card.base import CardPart, Percent, Positive

Probability = Annotated[float, Field(ge=0, le=1)]


class ValidationPolicy(CardPart):
    """Thresholds of the validation gates; each may be left out, and is then as shipped."""

    # Half of the growth inside has to show outside; Pardo (2008) asks for 50 to 60 %.
    min_walk_forward_efficiency: float = 0.5
    """Least share of the growth inside the fitted stretches that shows on the next ones."""
    # A system that earns in fewer than half of the stretches it was not fitted to lives of a lucky one.
    min_profitable_windows_pct: Percent = 50.0
    """Least share of walk-forward windows that earn, in %."""
    # Outside the fitted stretches; a coin toss after costs has less than none.
    min_outside_sharpe: float = 0.5
    """Least annualised Sharpe ratio outside the fitted stretches."""
    # The usual 5 % chance of being fooled, with the number of trials taken off.
    min_deflated_sharpe: Probability = 0.95
    """Least probability that the Sharpe ratio is above what so many trials show by luck."""
    # One choice in four that turns out below the median is what a mild edge shows; noise shows one in two.
    max_overfitting_probability: Probability = 0.25
    """Largest probability that the best set on one half is below the median on the other."""
    # White and Hansen test at 5 to 10 %; a grid of similar sets makes the test cautious, hence the upper end.
    max_superior_ability_p_value: Probability = 0.10
    """Largest p-value of the best set against a search among worthless ones."""
    # Most of the sets one or two steps away keep at least half of the objective: no lone peak.
    min_neighbourhood_share: Probability = 0.6
    """Least share of neighbouring sets that keep half of the objective."""
    # Another order of the same trades may be half as deep again as the card allows, not more.
    max_bootstrapped_drawdown_factor: Positive = 1.5
    """Deepest fall at 95 % in another order of the trades, as a multiple of max_drawdown_pct."""
    # On markets of the same kind a real edge loses in well under half of the paths.
    max_market_loss_probability: Probability = 0.4
    """Largest share of markets put together from blocks of its own on which it loses."""
    # The entries have to beat nine of ten blind ones, or the exits and the market did the work.
    min_random_entries_beaten: Probability = 0.9
    """Least share of runs with random entries and the same exits that earn less."""
    # Costs are estimates: a system that dies of twice as much is too thin to trade.
    min_return_at_double_costs_pct: float = 0.0
    """Least net return with twice the fees and slippage, in %."""
    # Live orders come late; what needs this very bar is an artefact.
    min_return_one_bar_late_pct: float = 0.0
    """Least net return when every order comes one bar late, in %."""
    # Rates double in crowded markets, which is when a trend follower holds.
    min_return_at_double_funding_pct: float = 0.0
    """Least net return with funding rates twice as high, in %."""
    # What is left must not be a loss without the ten best trades.
    min_return_without_best_trades_pct: float = 0.0
    """Least net return without the ten best trades, in %."""
    # All other regimes together have to bring a twentieth; a card for one regime says a number above 1.
    max_regime_profit_share: Positive = 0.95
    """Largest part of the profit that one regime of trend or volatility brings; 1 is all of it."""


VALIDATION_AS_SHIPPED = ValidationPolicy()
