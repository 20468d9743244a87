"""Tools on promotion: what the ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import promotion_ledger

if TYPE_CHECKING:
    from engine.promotion.ledger import LedgerEntry


class WhichDecisions(ToolInput):
    """Which decisions to list."""

    card: str | None = Field(None, description="only this card's")
    every: bool = Field(False, description="the whole ledger, not only the decisions in force")


def list_decisions(asked: WhichDecisions, context: ToolContext) -> dict[str, Any]:
    """List the decisions in force by card and symbol, or the whole ledger from its first line on."""
    ledger = promotion_ledger(context.settings)
    if asked.every:
        entries = ledger.history(asked.card)
    else:
        entries = tuple(sorted(ledger.latest(asked.card), key=_subject))
    return {
        "market": stored_market(context.settings),
        "decisions": [{"sequence": entry.sequence, **entry.decision.to_plain()} for entry in entries],
    }


def _subject(entry: LedgerEntry) -> tuple[str, str, int]:
    decision = entry.decision
    return decision.card_id, decision.symbol, decision.timeframe.ms


TOOLS = (
    ToolSpec(
        "promotions.list",
        "List promotion decisions: those in force of each card, symbol and timeframe, or the whole ledger.",
        SideEffect.READ,
        WhichDecisions,
        list_decisions,
    ),
)
