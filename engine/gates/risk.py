"""Gates on what a run risked."""

from __future__ import annotations

from engine.gates.threshold import Bound, ThresholdGate


class DrawdownGate(ThresholdGate):
    """Refuse a run that fell too far from its highest equity."""

    name = "max_drawdown_pct"
    checks = "The equity never fell too far below its highest point."
    metric = "max_drawdown_pct"
    bound = Bound.AT_MOST
    remedy = "Risk less per trade: the drawdown shrinks about in proportion."


class LiquidationGate(ThresholdGate):
    """Refuse a run in which positions were liquidated."""

    name = "max_liquidations"
    checks = "Positions were closed by their own rules, not by the exchange."
    metric = "liquidations"
    bound = Bound.AT_MOST
    remedy = "Lower the leverage or move the stop nearer: it must lie before the liquidation price."
