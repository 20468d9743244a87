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


def find_gaps(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> tuple[Gap, ...]:
    """Return the holes of a candle series, oldest first, or what of them lies in [start_ms, end_ms).

    Only what lies between two stored candles is a hole: before the first and after the last there may be
    nothing to have. Events have no grid and so no holes.
    """
    if series.timeframe is None:
        return ()
    ms = series.timeframe.ms
    # The edges of the window, on the grid, so that a hole across one is cut there.
    start = -(2**62) if start_ms is None else series.timeframe.floor(start_ms + ms - 1)
    end = 2**62 if end_ms is None else series.timeframe.floor(end_ms + ms - 1)
    table, where, key = series.kind.value, series.where, series.key
    rows = connection.execute(
        f"""
        WITH candles AS (
            SELECT ts_open, lag(ts_open) OVER (ORDER BY ts_open) AS previous
            FROM {table} WHERE {where} AND ts_open BETWEEN
                (SELECT coalesce(max(ts_open), {start}) FROM {table} WHERE {where} AND ts_open < {start})
                AND (SELECT coalesce(min(ts_open), {end}) FROM {table} WHERE {where} AND ts_open >= {end}))
        SELECT greatest(previous + {ms}, {start}) AS first_ts, least(ts_open, {end}) - {ms} AS last_ts
        FROM candles WHERE ts_open - previous > {ms} AND first_ts <= last_ts ORDER BY ts_open
        """,
        (*key, *key, *key),
    ).fetchall()
    return tuple(Gap(first, last, (last - first) // ms + 1) for first, last in rows)
