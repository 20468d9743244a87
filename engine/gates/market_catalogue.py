"""The one list of gates on stored market data."""

from __future__ import annotations

from engine.gates.base import GateResult
from engine.gates.market_candles import (
    AggregateGate,
    CandleHolesGate,
    MarkAgainstLastGate,
    OpenAtCloseGate,
    PriceJumpGate,
)
from engine.gates.market_evidence import MarketEvidence, MarketGate
from engine.gates.market_funding import FundingSpacingGate

MARKET_GATES: tuple[MarketGate, ...] = (
    CandleHolesGate(),
    AggregateGate(),
    FundingSpacingGate(),
    OpenAtCloseGate(),
    PriceJumpGate(),
    MarkAgainstLastGate(),
)


def judge_market(evidence: MarketEvidence) -> tuple[GateResult, ...]:
    """Return the verdict of every gate on what is stored of a symbol."""
    return tuple(gate.run(evidence) for gate in MARKET_GATES)
