"""How much a position may lose, where it ends, and how large it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, override

from engine.idea_card.base import CardPart, Positive, at
from engine.idea_card.findings import Finding, Where
from engine.idea_card.sizing import Sizing
from engine.idea_card.stops import BreakEven, StopLoss, TimeStop
from engine.idea_card.targets import TakeProfit, ladder_inconsistencies


class RiskModel(CardPart):
    """Stop, target and size of every position."""

    stop_loss: StopLoss | None
    """Where a losing position is closed; null for no stop (then only the liquidation price is below)."""
    take_profit: TakeProfit | None
    """Where a winning position is closed: one target, or a list of up to four that each close a portion; null
    for no target."""
    break_even: BreakEven | None = None
    """When the stop moves to the entry price; leave it out, or null, for never."""
    time_stop: TimeStop | None = None
    """How long a position may take to get into profit; leave it out, or null, for as long as it likes."""
    sizing: Sizing
    """How large a position is."""
    max_notional_usdt: Positive | None = None
    """Largest value of a position at entry, in USDT; leave it out, or null, for no cap."""
    max_effective_leverage: Positive | None = None
    """Largest value of a position at entry as a multiple of equity; leave it out, or null, for no cap."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        targets = block.get("take_profit")
        for finding in ladder_inconsistencies(targets):
            yield replace(finding, where=("take_profit", *finding.where))
        if block.get("stop_loss", "not written") is not None:
            return
        several = isinstance(targets, list)
        for place, target in enumerate(targets) if isinstance(targets, list) else [(0, targets)]:
            if at(target, "type") == "rr_ratio":
                yield _needs_a_stop(
                    ("take_profit", place, "type") if several else ("take_profit", "type"), "rr_ratio"
                )
        if at(block, "sizing", "model") == "risk_based":
            yield _needs_a_stop(("sizing", "model"), "risk_based")


def _needs_a_stop(where: Where, value: str) -> Finding:
    way_out = f"write a stop_loss, or use another {where[-1]}"
    return Finding(where, "needs a stop_loss, and there is none", way_out, value)
