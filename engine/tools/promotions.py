"""Tools on promotion: what the ledger says."""

from __future__ import annotations

from collections.abc import Sequence
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
    """List the decisions in force by card, symbol and stage, or the whole ledger from its first line on.

    And where each card stands, as the system that was decided on last.
    """
    ledger = promotion_ledger(context.settings)
    if asked.every:
        entries = ledger.history(asked.card)
    else:
        entries = tuple(sorted(ledger.latest(asked.card), key=_subject))  # of one subject: as decided
    return {
        "market": stored_market(context.settings),
        "decisions": [{"sequence": entry.sequence, **entry.decision.to_plain()} for entry in entries],
        "standings": _standings(ledger.history(asked.card)),
    }


def _standings(history: Sequence[LedgerEntry]) -> list[dict[str, Any]]:
    """Return where the newest system of each card stands on each symbol and timeframe."""
    from engine.promotion.stages import standing

    newest = {_subject(entry): entry.decision for entry in history}
    return [
        {
            "card_id": decision.card_id,
            "symbol": decision.symbol,
            "timeframe": decision.timeframe,
            "system_hash": decision.system_hash,
            "stage": standing(
                history, decision.card_id, decision.symbol, decision.timeframe, decision.system_hash
            ).stage,
        }
        for _, decision in sorted(newest.items())
    ]


def _subject(entry: LedgerEntry) -> tuple[str, str, int]:
    decision = entry.decision
    return decision.card_id, decision.symbol, decision.timeframe.ms


TOOLS = (
    ToolSpec(
        "promotions.list",
        "List promotion decisions: those in force of each card, symbol, timeframe and stage, or the whole "
        "ledger; and the stage each card holds.",
        SideEffect.READ,
        WhichDecisions,
        list_decisions,
    ),
)
