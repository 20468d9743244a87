"""Rows of one series, over an open connection: read and span. `series_write` stores them."""

from __future__ import annotations

from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from engine.market_data.duckdb_file import first_row
from engine.market_data.tables import Series

_ALL_TIME = (-(2**63), 2**63 - 1)

type ColumnArrays = dict[str, npt.NDArray[Any]]


class Span(NamedTuple):
    """Where a series' rows begin and end: opening time (or time) of the first and the last, and how many."""

    first_ts: int
    last_ts: int
    rows: int


class Upserted(NamedTuple):
    """What an upsert did: rows of new keys, rows whose key was there with other values, rows put aside."""

    new: int
    revised: int
    quarantined: int = 0


def read(
    connection: duckdb.DuckDBPyConnection, series: Series, start_ms: int | None, end_ms: int | None
) -> pd.DataFrame:
    """Return the rows of `series` in [start_ms, end_ms), sorted, in the columns and dtypes of its kind."""
    columns = read_columns(
        connection, series, _ALL_TIME[0] if start_ms is None else start_ms, _before(end_ms)
    )
    return pd.DataFrame(columns, copy=False)


def span(connection: duckdb.DuckDBPyConnection, series: Series) -> Span | None:
    """Return where the rows of `series` begin and end, or None if there are none."""
    time = series.kind.time_column
    row = first_row(
        connection,
        f"SELECT min({time}), max({time}), count(*) FROM {series.kind.value} WHERE {series.where}",
        series.key,
    )
    return Span(*row) if row and row[2] else None


def _before(end_ms: int | None) -> int:
    return _ALL_TIME[1] if end_ms is None else end_ms - 1


def read_columns(
    connection: duckdb.DuckDBPyConnection, series: Series, first_ms: int, last_ms: int
) -> ColumnArrays:
    """Return the rows whose time is in [first_ms, last_ms], sorted by it, as arrays of our own."""
    time = series.kind.time_column
    # Through a relation and Arrow the columns come without a copy of the rows: 2.5 times faster than
    # `fetchnumpy`. Rows are nearly always stored in order, so looking is cheaper than sorting in SQL.
    rows = connection.sql(
        f"SELECT {', '.join(series.kind.columns)} FROM {series.kind.value}"
        f" WHERE {series.where} AND {time} BETWEEN ? AND ?",
        params=[*series.key, first_ms, last_ms],
    ).to_arrow_table()
    columns = {name: _own_array(rows[name]) for name in series.kind.columns}
    times = columns[time]
    if (times[1:] < times[:-1]).any():
        order = np.argsort(times, kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
    return columns


def _own_array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    values = column.to_numpy()
    return values if values.flags.writeable else values.copy()
