"""Rows that were stored and came again with other values: what was there, and what is there now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from engine.market_data.tables import SeriesKind


@dataclass(frozen=True)
class Revision:
    """One row that was revised.

    Attributes
    ----------
    kind, symbol, timeframe : str
        Whose row; `timeframe` is "" for events.
    ts : int
        Its opening time or time.
    old, new : dict of str to float
        Its other columns, before and after.
    at_ms : int or None
        When, by the clock of whoever wrote; None if they had none.
    """

    kind: str
    symbol: str
    timeframe: str
    ts: int
    old: dict[str, float]
    new: dict[str, float]
    at_ms: int | None


def read_revisions(
    connection: duckdb.DuckDBPyConnection, symbols: Sequence[str] = (), limit: int | None = None
) -> tuple[Revision, ...]:
    """Return the newest revisions, oldest first: of all symbols, or of these only."""
    rows = connection.execute(
        "SELECT kind, symbol, timeframe, ts, old_values, new_values, at_ms FROM revisions"
        " WHERE len($symbols) = 0 OR symbol IN (SELECT unnest($symbols)) ORDER BY rowid DESC LIMIT $limit",
        {"symbols": list(symbols), "limit": 2**62 if limit is None else limit},
    ).fetchall()
    return tuple(_revision(*row) for row in reversed(rows))


def _revision(
    kind: str,
    symbol: str,
    timeframe: str,
    ts: int,
    old: list[float],
    new: list[float],
    at_ms: int | None,
) -> Revision:
    names = SeriesKind(kind).value_columns
    return Revision(
        kind,
        symbol,
        timeframe,
        ts,
        dict(zip(names, old, strict=True)),
        dict(zip(names, new, strict=True)),
        at_ms,
    )
