"""The journal: what was done to stored data beside adding new rows. Entries are added and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import duckdb

from engine.market_data.tables import Series


class Action(Enum):
    """What was done."""

    REFETCHED = "refetched"
    """Rows came for a hole between stored candles."""
    ABSENT = "absent"
    """Asked again, the exchange has nothing for a hole: it is not asked at every sync any more, and what is
    healed from these candles is filled flat and flagged there."""
    REOPENED = "reopened"
    """Holes that the exchange had nothing for are to be asked for again."""
    REVISED = "revised"
    """Stored rows came with other values and have these now; the `revisions` table has old and new."""
    QUARANTINED = "quarantined"
    """Rows broke a CHECK and are in the `quarantine` table instead."""
    IMPORTED = "imported"
    """Rows came from a file and not from the exchange."""


@dataclass(frozen=True)
class JournalEntry:
    """One line of the journal.

    Attributes
    ----------
    sequence : int
        Rises with each entry; numbers may be missing.
    at_ms : int or None
        When, by the clock of whoever wrote; None if they had none.
    action : Action
        What was done.
    kind, symbol, timeframe : str
        To which series; `timeframe` is "" for events.
    first_ts, last_ts : int or None
        Between which times, both included.
    rows : int
        How many rows, or how many candles are missing.
    note : str
        The rest in words.
    """

    sequence: int
    at_ms: int | None
    action: Action
    kind: str
    symbol: str
    timeframe: str
    first_ts: int | None
    last_ts: int | None
    rows: int
    note: str


def record(
    connection: duckdb.DuckDBPyConnection,
    action: Action,
    series: Series,
    *,
    first_ts: int,
    last_ts: int,
    rows: int,
    at_ms: int | None,
    note: str = "",
) -> None:
    """Add an entry, inside the caller's transaction; the arguments are those of `JournalEntry`."""
    connection.execute(
        "INSERT INTO journal (at_ms, action, kind, symbol, timeframe, first_ts, last_ts, rows, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            at_ms, action.value, series.kind.value, series.symbol, series.timeframe_name,
            first_ts, last_ts, rows, note,
        ),
    )  # fmt: skip


def read_journal(
    connection: duckdb.DuckDBPyConnection,
    symbols: Sequence[str] = (),
    actions: Sequence[Action] = (),
    limit: int | None = None,
) -> tuple[JournalEntry, ...]:
    """Return the newest entries, oldest first: of all symbols and actions, or of these only."""
    rows = connection.execute(
        "SELECT sequence, at_ms, action, kind, symbol, timeframe, first_ts, last_ts, rows, note FROM journal"
        " WHERE (len($symbols) = 0 OR symbol IN (SELECT unnest($symbols)))"
        " AND (len($actions) = 0 OR action IN (SELECT unnest($actions)))"
        " ORDER BY sequence DESC LIMIT $limit",
        {
            "symbols": list(symbols),
            "actions": [action.value for action in actions],
            "limit": 2**62 if limit is None else limit,
        },
    ).fetchall()
    return tuple(
        JournalEntry(sequence, at_ms, Action(action), *rest)
        for sequence, at_ms, action, *rest in reversed(rows)
    )
