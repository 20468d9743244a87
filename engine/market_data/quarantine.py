"""Rows that were given to be stored and must not be: kept aside with their reason, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.market_data.journal import Action, record
from engine.market_data.row_checks import Columns, Flags
from engine.market_data.tables import Series, SeriesKind


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that broke a rule.

    Attributes
    ----------
    kind, symbol, timeframe : str
        Whose row it would have been; `timeframe` is "" for events.
    ts : int
        Its opening time or time.
    values : dict of str to float
        Its other columns, as they were given.
    reason : str
        The rules that do not hold.
    at_ms : int or None
        When it was first given, by the clock of whoever wrote; None if they had none.
    stored_since : bool
        Whether a good row of the same key is stored now.
    """

    kind: str
    symbol: str
    timeframe: str
    ts: int
    values: dict[str, float]
    reason: str
    at_ms: int | None
    stored_since: bool


def put_aside(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    rows: Columns,
    broken: Sequence[tuple[str, Flags]],
    at_ms: int | None,
) -> int:
    """Put the rows that break a rule into quarantine and the journal; return how many had not been there yet.

    A row that is given again and again, as by an exchange that does not mend it, is kept once.
    """
    flagged = np.logical_or.reduce([flags for _, flags in broken])
    at = np.flatnonzero(flagged)
    reasons = ["not so: " + "; ".join(rule for rule, flags in broken if flags[row]) for row in at.tolist()]
    times = rows[series.kind.time_column][at]
    table = pa.table({"ts": times, "row_values": value_lists(series, rows, at), "reason": reasons})
    connection.register("put_aside", table)
    ((added,),) = connection.execute(
        "INSERT INTO quarantine (kind, symbol, timeframe, ts, row_values, reason, at_ms)"
        " SELECT $kind, $symbol, $timeframe, ts, row_values, reason, $at_ms FROM put_aside AS given"
        " WHERE NOT EXISTS (SELECT 1 FROM quarantine AS held"
        "  WHERE held.kind = $kind AND held.symbol = $symbol AND held.timeframe = $timeframe"
        "  AND held.ts = given.ts AND held.row_values = given.row_values AND held.reason = given.reason)",
        {
            "kind": series.kind.value,
            "symbol": series.symbol,
            "timeframe": series.timeframe_name,
            "at_ms": at_ms,
        },
    ).fetchall()
    connection.unregister("put_aside")
    if added:
        record(
            connection, Action.QUARANTINED, series, first_ts=int(times.min()), last_ts=int(times.max()),
            rows=added, at_ms=at_ms, note="; ".join(dict.fromkeys(reasons)),
        )  # fmt: skip
    return int(added)


def value_lists(series: Series, rows: Columns, at: npt.NDArray[np.intp]) -> pa.Array:
    """Return the value columns of the rows `at` as one list of doubles per row."""
    names = series.kind.value_columns
    flat: npt.NDArray[Any] = np.column_stack([rows[name][at] for name in names]).ravel()
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), len(names)).cast(pa.list_(pa.float64()))


def read_quarantine(
    connection: duckdb.DuckDBPyConnection, symbols: Sequence[str] = (), limit: int | None = None
) -> tuple[QuarantinedRow, ...]:
    """Return the newest rows in quarantine, oldest first: of all symbols, or of these only."""
    stored = " UNION ALL ".join(
        f"SELECT '{kind.value}' AS kind, symbol, {'timeframe' if kind.has_timeframe else "''"} AS timeframe,"
        f" {kind.time_column} AS ts FROM {kind.value}"
        f" WHERE {kind.time_column} IN (SELECT ts FROM shown WHERE kind = '{kind.value}')"
        for kind in SeriesKind
    )
    rows = connection.execute(
        f"""
        WITH shown AS (
            SELECT rowid AS number, * FROM quarantine
            WHERE len($symbols) = 0 OR symbol IN (SELECT unnest($symbols))
            ORDER BY rowid DESC LIMIT $limit)
        SELECT shown.kind, shown.symbol, shown.timeframe, shown.ts, row_values, reason, at_ms,
            (shown.kind, shown.symbol, shown.timeframe, shown.ts)
            IN (SELECT (kind, symbol, timeframe, ts) FROM ({stored}))
        FROM shown ORDER BY number
        """,
        {"symbols": list(symbols), "limit": 2**62 if limit is None else limit},
    ).fetchall()
    return tuple(
        QuarantinedRow(
            kind,
            symbol,
            timeframe,
            ts,
            dict(zip(SeriesKind(kind).value_columns, values, strict=True)),
            reason,
            at_ms,
            stored_since,
        )
        for kind, symbol, timeframe, ts, values, reason, at_ms, stored_since in rows
    )
