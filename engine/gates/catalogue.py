"""The one list of gates."""

from __future__ import annotations

from engine.gates.base import Gate
from engine.gates.certainty import AmbiguousShareGate, FilledShareGate, TradeCountGate
from engine.gates.profitability import NetReturnGate, ProfitFactorGate, SharpeGate
from engine.gates.risk import DrawdownGate, LiquidationGate
from engine.gates.threshold import BacktestEvidence

# In the order in which a reader should doubt a result: is there a sample, is it real, is it any good.
PROMOTION_GATES: tuple[Gate[BacktestEvidence], ...] = (
    TradeCountGate(),
    FilledShareGate(),
    AmbiguousShareGate(),
    LiquidationGate(),
    NetReturnGate(),
    ProfitFactorGate(),
    SharpeGate(),
    DrawdownGate(),
)
