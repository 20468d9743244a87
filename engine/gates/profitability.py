"""Gates on what a run earned."""

from __future__ import annotations

from engine.gates.threshold import Bound, ThresholdGate


class NetReturnGate(ThresholdGate):
    """Refuse a run that did not earn enough after all costs."""

    name = "min_net_return_pct"
    checks = "The run earned enough after fees, slippage and funding."
    metric = "net_return_pct"
    bound = Bound.AT_LEAST
    remedy = "Look at the costs first: an edge smaller than fees and slippage needs fewer or better trades."


class SharpeGate(ThresholdGate):
    """Refuse a run whose daily returns are too uneven for what they earn."""

    name = "min_sharpe"
    checks = "The return was steady enough: annualised Sharpe ratio of daily returns."
    metric = "sharpe"
    bound = Bound.AT_LEAST
    remedy = "Look for the days that carry the result; smaller positions do not change this ratio."


class ProfitFactorGate(ThresholdGate):
    """Refuse a run whose winners hardly pay for its losers, and one without a loser to judge by."""

    name = "min_profit_factor"
    checks = "The trades won enough for what they lost."
    metric = "profit_factor"
    bound = Bound.AT_LEAST
    remedy = "Filter the entries or move the exits; without a losing trade, test over a longer window."
