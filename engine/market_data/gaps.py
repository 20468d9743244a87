"""Holes between stored candles."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from engine.market_data.tables import Series


@dataclass(frozen=True)
class Gap:
    """A run of candles that are not there, between two that are."""

    first_ts_open: int
    last_ts_open: int
    bars: int


def find_gaps(connection: duckdb.DuckDBPyConnection, series: Series) -> tuple[Gap, ...]:
    """Return the holes of a candle series, oldest first.

    Only what lies between two stored candles is a hole: before the first and after the last there may be
    nothing to have. Events have no grid and so no holes.
    """
    if series.timeframe is None:
        return ()
    ms = series.timeframe.ms
    rows = connection.execute(
        f"""
        WITH candles AS (
            SELECT ts_open, lag(ts_open) OVER (ORDER BY ts_open) AS previous
            FROM {series.kind.value} WHERE {series.where})
        SELECT previous + {ms}, ts_open - {ms}, (ts_open - previous) // {ms} - 1
        FROM candles WHERE ts_open - previous > {ms} ORDER BY ts_open
        """,
        series.key,
    ).fetchall()
    return tuple(Gap(*row) for row in rows)
