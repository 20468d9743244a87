"""What has been asked of the exchange, so that nothing is asked twice and 'nothing there' is remembered.

For each series the state holds one range of time of which everything the exchange has was fetched. Where
the range holds no row, the exchange had none when it was asked.
"""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from engine.market_data.duckdb_file import first_row
from engine.market_data.series import Span
from engine.market_data.tables import Series

INSTRUMENT = "instrument_rules"


class Window(NamedTuple):
    """A half-open range of time [start_ms, end_ms)."""

    start_ms: int
    end_ms: int

    def touches(self, other: Window) -> bool:
        """Whether the two overlap or lie end to end, so that together they are one window."""
        return self.start_ms <= other.end_ms and other.start_ms <= self.end_ms

    def joined(self, other: Window) -> Window:
        """Return the window from the earlier start to the later end."""
        return Window(min(self.start_ms, other.start_ms), max(self.end_ms, other.end_ms))


def read_asked(connection: duckdb.DuckDBPyConnection, series: Series, stored: Span | None) -> Window | None:
    """Return the range that was asked about `series`, whose rows are `stored`; None if it is not known.

    The state names the rows there were when it was written. If others are there now, somebody else removed
    or added some; believing it then would keep removed rows from ever being fetched again.
    """
    row = first_row(
        connection,
        "SELECT asked_from_ms, asked_until_ms, first_ts, last_ts, rows FROM sync_state"
        " WHERE kind = ? AND symbol = ? AND timeframe = ? AND asked_from_ms IS NOT NULL",
        _key(series),
    )
    if row is None or row[2:] != (stored or (None, None, 0)):
        return None
    return Window(row[0], row[1])


def mark_written(connection: duckdb.DuckDBPyConnection, series: Series) -> None:
    """Count a write to `series`.

    Two transactions that change one series at the same time both touch this row; DuckDB lets the first
    commit and refuses the second, which is done again on what the first has left. Without it both could
    insert the same key.
    """
    counted = connection.execute(
        "UPDATE sync_state SET writes = writes + 1 WHERE kind = ? AND symbol = ? AND timeframe = ?",
        _key(series),
    ).fetchall()
    if counted == [(0,)]:
        connection.execute(
            "INSERT INTO sync_state (kind, symbol, timeframe, writes) VALUES (?, ?, ?, 1)", _key(series)
        )


def record_asked(
    connection: duckdb.DuckDBPyConnection, series: Series, asked: Window, stored: Span | None
) -> None:
    """Note that `asked` is the range known about `series`, whose rows are now `stored`."""
    connection.execute(
        "UPDATE sync_state SET asked_from_ms = ?, asked_until_ms = ?, first_ts = ?, last_ts = ?, rows = ?"
        " WHERE kind = ? AND symbol = ? AND timeframe = ?",
        (*asked, *(stored or (None, None, 0)), *_key(series)),
    )


def known_after(fetched: Window, asked: Window | None, stored: Span | None, *, has_grid: bool) -> Window:
    """Return the one range that is known once `fetched` has been asked for and stored.

    Candles count as known from the first stored to the last, since their holes are found by looking. Events
    show no holes, so only what was asked for counts. A range that does not touch the rest would leave an
    unknown stretch in the middle: it is forgotten and will be asked for again.
    """
    others = [fetched] if asked is None else [fetched, asked]
    known = Window(stored.first_ts, stored.last_ts + 1) if stored and has_grid else fetched
    for window in (*others, *others):  # twice: the second may connect only after the first has been joined
        if known.touches(window):
            known = known.joined(window)
    return known


def read_instrument_check(connection: duckdb.DuckDBPyConnection, symbol: str) -> int | None:
    """Return when the instrument rules of `symbol` were last asked for, or None."""
    row = first_row(
        connection,
        "SELECT asked_until_ms FROM sync_state WHERE kind = ? AND symbol = ? AND timeframe = ''",
        (INSTRUMENT, symbol),
    )
    return row[0] if row else None


def record_instrument_check(connection: duckdb.DuckDBPyConnection, symbol: str, now_ms: int) -> None:
    """Note that the instrument rules of `symbol` were asked for at `now_ms`."""
    connection.execute(
        "INSERT INTO sync_state (kind, symbol, timeframe, writes, asked_until_ms) VALUES (?, ?, '', 1, ?)"
        " ON CONFLICT DO UPDATE SET writes = writes + 1, asked_until_ms = excluded.asked_until_ms",
        (INSTRUMENT, symbol, now_ms),
    )


def _key(series: Series) -> tuple[str, str, str]:
    return (series.kind.value, series.symbol, series.timeframe_name)
