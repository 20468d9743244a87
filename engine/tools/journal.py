"""Tools on journals: what was decided, sent, filled and refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from engine.tools.live import find_run
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.trading import by_hand_file

type Kind = Literal["decision", "order", "fill", "refusal", "error", "state", "reconciled", "candle"]


class WhichLines(ToolInput):
    """The last lines of a journal."""

    run: str | None = Field(
        None, description="a run's, as live.list names it; none: what was done by hand on the account"
    )
    count: int = Field(20, description="how many at most", ge=1, le=1000)
    kinds: tuple[Kind, ...] | None = Field(None, description="only these; none: all but candles")
    card: str | None = Field(None, description="only this card's")


def tail(asked: WhichLines, context: ToolContext) -> dict[str, Any]:
    """Show the last lines of a journal, in their order."""
    from engine.live.journal import JournalKind, tail_journal

    if asked.run is None:
        path = by_hand_file(context.settings)
    else:
        path = find_run(asked.run, context.settings).journal_path
    all_but_candles = [kind for kind in JournalKind if kind is not JournalKind.CANDLE]
    kinds = set(all_but_candles if asked.kinds is None else map(JournalKind, asked.kinds))
    reading = tail_journal(path, asked.count, kinds=kinds, card_id=asked.card)
    return {
        "file": path,
        "file_exists": path.exists(),
        "entries": reading.entries,
        "unreadable_lines": reading.unreadable_lines,
    }


TOOLS = (
    ToolSpec(
        "journal.tail",
        "Show the last lines of a run's journal, or of what was done by hand: decisions, orders, fills, "
        "refusals, errors, states.",
        SideEffect.READ,
        WhichLines,
        tail,
    ),
)
