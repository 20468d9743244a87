"""Tools on promotion: what the ledger says."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import promotion_ledger


class WhichDecisions(ToolInput):
    """Which decisions to list."""

    card: str | None = Field(None, description="only this card's")
    every: bool = Field(False, description="the whole ledger, not only the decisions in force")


def list_decisions(asked: WhichDecisions, context: ToolContext) -> dict[str, Any]:
    """List the decisions in force, or the whole ledger, oldest first, with every gate's verdict."""
    ledger = promotion_ledger(context.settings)
    entries = ledger.history(asked.card) if asked.every else ledger.latest(asked.card)
    return {
        "market": stored_market(context.settings),
        "decisions": [{"sequence": entry.sequence, **entry.decision.to_plain()} for entry in entries],
    }


TOOLS = (
    ToolSpec(
        "promotions.list",
        "List promotion decisions: those in force of each card, symbol and timeframe, or the whole ledger.",
        SideEffect.READ,
        WhichDecisions,
        list_decisions,
    ),
)
