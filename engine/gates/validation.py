"""Gates on the evidence that a result was not luck: what a card must show to count as validated."""

from __future__ import annotations

from dataclasses import dataclass

from engine.gates.figure import FigureGate
from engine.gates.threshold import Bound
from engine.idea_card.validation_policy import ValidationPolicy


@dataclass(frozen=True, kw_only=True)
class ValidationEvidence:
    """What the validation gates judge.

    NaN where a figure is not defined (it was shown nothing), None where it does not apply (a card without
    parameters was not chosen among others).

    Attributes
    ----------
    where : str
        The card and what it ran on, for violations.
    policy : ValidationPolicy
    max_drawdown_pct : float
        What the card's own policy allows.
    walk_forward_efficiency, profitable_windows_pct, outside_sharpe : float
    deflated_sharpe : float
    overfitting_probability, superior_ability_p_value, neighbourhood_share : float or None
    bootstrapped_drawdown_pct : float
        At 95 % confidence.
    market_loss_probability : float
    random_entries_beaten : float or None
        None for a strategy in Python.
    return_at_double_costs_pct, return_one_bar_late_pct, return_at_double_funding_pct : float
    return_without_best_trades_pct : float
    regime_profit_share : float
        Part of the profit that the best regime brought.
    """

    where: str
    policy: ValidationPolicy
    max_drawdown_pct: float
    walk_forward_efficiency: float
    profitable_windows_pct: float
    outside_sharpe: float
    deflated_sharpe: float
    overfitting_probability: float | None
    superior_ability_p_value: float | None
    bootstrapped_drawdown_pct: float
    market_loss_probability: float
    random_entries_beaten: float | None
    return_at_double_costs_pct: float
    return_one_bar_late_pct: float | None
    return_at_double_funding_pct: float
    return_without_best_trades_pct: float
    regime_profit_share: float
    neighbourhood_share: float | None


class ValidationGate(FigureGate[ValidationEvidence]):
    """Compares one figure of the evidence with its threshold in the card's `promotion.validation`."""


class WalkForwardEfficiencyGate(ValidationGate):
    """Refuse what grows inside the fitted stretches only."""

    name = "min_walk_forward_efficiency"
    checks = "Parameters chosen on one stretch keep their worth on the next."
    figure = "walk_forward_efficiency"
    title = "Walk-forward efficiency"
    remedy = "Use fewer parameters, or wider steps; do not fit again on the stretches it failed on."


class ProfitableWindowsGate(ValidationGate):
    """Refuse what earned in too few of the stretches it was not fitted to."""

    name = "min_profitable_windows_pct"
    checks = "The card earns in enough of the stretches it was not fitted to."
    figure = "profitable_windows_pct"
    title = "Share of profitable windows"
    unit = " %"
    remedy = "Look at what the losing windows have in common, and whether the idea says why."


class OutsideSharpeGate(ValidationGate):
    """Refuse a low Sharpe ratio outside."""

    name = "min_outside_sharpe"
    checks = "The daily returns outside the fitted stretches are worth their risk."
    figure = "outside_sharpe"
    title = "Sharpe ratio outside"
    remedy = "Without a ratio on fresh data there is no edge to size."


class DeflatedSharpeGate(ValidationGate):
    """Refuse a Sharpe ratio that so many trials show by luck."""

    name = "min_deflated_sharpe"
    checks = "The Sharpe ratio is above what the best of so many trials shows by luck."
    figure = "deflated_sharpe"
    title = "Deflated Sharpe ratio"
    remedy = "Try fewer sets, or show the card on a longer history."


class OverfittingGate(ValidationGate):
    """Refuse a choice that cross-validation shows to be overfitting."""

    name = "max_overfitting_probability"
    checks = "The best set on half of the history is above the median on the other half."
    figure = "overfitting_probability"
    title = "Probability of overfitting"
    bound = Bound.AT_MOST
    remedy = "Use fewer parameters; the choice among these sets carries over too seldom."


class SuperiorAbilityGate(ValidationGate):
    """Refuse a best set that the search for it explains."""

    name = "max_superior_ability_p_value"
    checks = "The best set earns more than a search among as many worthless ones would find."
    figure = "superior_ability_p_value"
    title = "p-value of superior ability"
    bound = Bound.AT_MOST
    remedy = "Search less, or on more history."


class BootstrappedDrawdownGate(ValidationGate):
    """Refuse trades that come to too deep a fall in another order."""

    name = "max_bootstrapped_drawdown_factor"
    checks = "In another order the same trades fall not much deeper than the card allows."
    figure = "bootstrapped_drawdown_pct"
    title = "Drawdown at 95 %, trades bootstrapped"
    unit = " %"
    bound = Bound.AT_MOST
    remedy = "Trade smaller: the run was lucky in its order."

    def threshold(self, evidence: ValidationEvidence) -> float:
        """Return the card's own limit times the factor, at most 100 %."""
        return min(evidence.policy.max_bootstrapped_drawdown_factor * evidence.max_drawdown_pct, 100.0)


class MarketLossGate(ValidationGate):
    """Refuse what loses on too many markets of the same kind."""

    name = "max_market_loss_probability"
    checks = "The card earns on most markets put together from blocks of its own."
    figure = "market_loss_probability"
    title = "Share of markets with a loss"
    bound = Bound.AT_MOST
    remedy = "The result rests on the order in which this market moved; find what the card needs of it."


class RandomEntriesGate(ValidationGate):
    """Refuse entries that are no better than blind ones."""

    name = "min_random_entries_beaten"
    checks = "The entries are worth more than as many at random with the same exits."
    figure = "random_entries_beaten"
    title = "Share of random entries beaten"
    remedy = "The exits or the market did the work: drop the entry conditions that add nothing."


class DoubleCostsGate(ValidationGate):
    """Refuse what dies of higher costs."""

    name = "min_return_at_double_costs_pct"
    checks = "With twice the fees and slippage nothing is lost."
    figure = "return_at_double_costs_pct"
    title = "Net return at double costs"
    unit = " %"
    remedy = "Trade less often, on a larger timeframe, or with limit orders."


class OneBarLateGate(ValidationGate):
    """Refuse what needs to act at once."""

    name = "min_return_one_bar_late_pct"
    checks = "Acting one bar late loses nothing."
    figure = "return_one_bar_late_pct"
    title = "Net return, one bar late"
    unit = " %"
    remedy = "Find what the one bar holds: a fill that is too good, or an edge gone by the time of an order."


class DoubleFundingGate(ValidationGate):
    """Refuse what funding eats."""

    name = "min_return_at_double_funding_pct"
    checks = "With funding rates twice as high nothing is lost."
    figure = "return_at_double_funding_pct"
    title = "Net return at double funding"
    unit = " %"
    remedy = "Hold for a shorter time, or leave out crowded hours by a condition on funding_rate."


class BestTradesGate(ValidationGate):
    """Refuse what lives of a few trades."""

    name = "min_return_without_best_trades_pct"
    checks = "Without its ten best trades nothing is lost."
    figure = "return_without_best_trades_pct"
    title = "Net return without the ten best trades"
    unit = " %"
    remedy = "Show it over more trades: ten of them are the whole result."


class NeighbourhoodGate(ValidationGate):
    """Refuse a lone peak among the parameters."""

    name = "min_neighbourhood_share"
    checks = "Most sets one or two steps away keep half of the objective."
    figure = "neighbourhood_share"
    title = "Share of neighbours that hold up"
    remedy = "Choose the middle of a plateau, not the highest point."


class RegimeGate(ValidationGate):
    """Refuse what earns in one kind of market only."""

    name = "max_regime_profit_share"
    checks = "No single regime of trend or volatility brings all of the profit."
    figure = "regime_profit_share"
    title = "Share of the best regime in the profit"
    bound = Bound.AT_MOST
    remedy = (
        "Show it in other regimes, or keep it out of them; if it is meant for one only, say so by this key."
    )


# What was chosen and how, then luck of the order, then the conditions.
VALIDATION_GATES: tuple[ValidationGate, ...] = (
    WalkForwardEfficiencyGate(),
    ProfitableWindowsGate(),
    OutsideSharpeGate(),
    DeflatedSharpeGate(),
    OverfittingGate(),
    SuperiorAbilityGate(),
    NeighbourhoodGate(),
    BootstrappedDrawdownGate(),
    MarketLossGate(),
    RandomEntriesGate(),
    DoubleCostsGate(),
    OneBarLateGate(),
    DoubleFundingGate(),
    BestTradesGate(),
    RegimeGate(),
)
