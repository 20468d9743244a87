"""How many rows each series has and from when to when, kept beside them.

Counting 100 million rows takes seconds; these few rows are read in no time. Every write of a series brings
its row up to date in the same transaction.
"""

from __future__ import annotations

import duckdb

from engine.market_data.series import Span, span
from engine.market_data.tables import Series


def count_written(
    connection: duckdb.DuckDBPyConnection, series: Series, first_ts: int, last_ts: int, new_rows: int
) -> None:
    """Count rows that were written between two times, inside the caller's transaction.

    Two transactions that change one series at once both touch its row; DuckDB lets the first commit and
    refuses the second.
    """
    ((counted,),) = connection.execute(
        "UPDATE series_counts SET first_ts = least(first_ts, ?), last_ts = greatest(last_ts, ?),"
        f" rows = rows + ? WHERE {_OF_SERIES}",
        (first_ts, last_ts, new_rows, *_key(series)),
    ).fetchall()
    if not counted:
        set_count(connection, series, span(connection, series))


def count_appended(
    connection: duckdb.DuckDBPyConnection, series: Series, first_ts: int, last_ts: int, rows: int
) -> bool:
    """Count rows between two times if all that is stored of `series` is before them; return whether it is.

    One question to a small table in place of a look into the large one: most rows are new ones at the end.
    """
    ((counted,),) = connection.execute(
        f"UPDATE series_counts SET last_ts = ?, rows = rows + ? WHERE {_OF_SERIES} AND last_ts < ?",
        (last_ts, rows, *_key(series), first_ts),
    ).fetchall()
    return bool(counted)


def set_count(connection: duckdb.DuckDBPyConnection, series: Series, stored: Span | None) -> None:
    """Put down what was counted of `series`, if it is not what is noted."""
    noted = connection.execute(
        f"SELECT first_ts, last_ts, rows FROM series_counts WHERE {_OF_SERIES}", _key(series)
    ).fetchall()
    if noted == ([tuple(stored)] if stored else []):
        return
    if stored:
        connection.execute(
            "INSERT OR REPLACE INTO series_counts VALUES (?, ?, ?, ?, ?, ?)", (*_key(series), *stored)
        )
    else:
        connection.execute(f"DELETE FROM series_counts WHERE {_OF_SERIES}", _key(series))


_OF_SERIES = "kind = ? AND symbol = ? AND timeframe = ?"


def _key(series: Series) -> tuple[str, str, str]:
    return (series.kind.value, series.symbol, series.timeframe_name)
