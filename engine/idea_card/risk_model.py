"""How much a position may lose, where it ends, and how large it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, override

from engine.idea_card.base import CardPart, Positive, at
from engine.idea_card.findings import Finding
from engine.idea_card.sizing import Sizing
from engine.idea_card.stops import BreakEven, StopLoss
from engine.idea_card.targets import TakeProfit


class RiskModel(CardPart):
    """Stop, target and size of every position."""

    stop_loss: StopLoss | None
    """Where a losing position is closed; null for no stop (then only the liquidation price is below)."""
    take_profit: TakeProfit | None
    """Where a winning position is closed; null for no target."""
    break_even: BreakEven | None = None
    """When the stop moves to the entry price; leave it out, or null, for never."""
    sizing: Sizing
    """How large a position is."""
    max_notional_usdt: Positive | None = None
    """Largest value of a position at entry, in USDT; leave it out, or null, for no cap."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        if block.get("stop_loss", "not written") is not None:
            return
        for key, kind, value in (("take_profit", "type", "rr_ratio"), ("sizing", "model", "risk_based")):
            if at(block, key, kind) == value:
                yield Finding(
                    (key, kind),
                    "needs a stop_loss, and there is none",
                    f"write a stop_loss, or use another {kind}",
                    value,
                )
