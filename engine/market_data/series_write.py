"""Store rows of one series, over an open connection: one row per key, what it replaces kept beside it."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from engine.errors import DataError, SchemaViolation
from engine.market_data.journal import Action, record
from engine.market_data.quarantine import put_aside, value_lists
from engine.market_data.row_checks import REPEATED, Flags, broken_rows
from engine.market_data.series import ColumnArrays, Upserted, read_columns
from engine.market_data.series_counts import count_appended, count_written
from engine.market_data.tables import Series

# Up to here values are passed one by one: handing DuckDB a table takes 2 ms, however small it is.
_FEW_ROWS = 8


def upsert(
    connection: duckdb.DuckDBPyConnection, series: Series, frame: pd.DataFrame, at_ms: int | None = None
) -> Upserted:
    """Make the stored rows of the keys in `frame` equal to `frame`, inside the caller's transaction.

    Rows that are stored just so are left alone, and so is every key that `frame` does not have. A row that
    breaks a rule (`row_checks`), or has the time of another row of `frame` with other values, is put into
    quarantine; what is stored under its key stays. Revised rows are recorded with old and new values.

    Parameters
    ----------
    frame : DataFrame
        At least the columns of the kind: int64 times, numbers; in any order.
    at_ms : int, optional
        The writer's clock, for journal, quarantine and revisions.

    Raises
    ------
    SchemaViolation
        If a column is missing or not numeric. Nothing is written then.
    """
    if frame.empty:
        return Upserted(0, 0)
    given, repeated = _sorted_rows(series, frame)
    broken = broken_rows(series, given)
    if repeated.any():
        broken.append((f"one row per time: {REPEATED}", repeated))
    aside = 0
    if broken:
        aside = put_aside(connection, series, given, broken, at_ms)
        good = ~np.logical_or.reduce([flags for _, flags in broken])
        given = {name: values[good] for name, values in given.items()}
    times = given[series.kind.time_column]
    if not len(times):
        return Upserted(0, 0, aside)

    if count_appended(connection, series, int(times[0]), int(times[-1]), len(times)):
        _insert(connection, series, given)
        return Upserted(len(times), 0, aside)

    stored = _stored_rows(connection, series, int(times[0]), int(times[-1]))
    stored_times = stored[series.kind.time_column]
    left = np.searchsorted(stored_times, times, side="left")
    copies = np.searchsorted(stored_times, times, side="right") - left
    equal = copies == 1
    for name in series.kind.value_columns:
        equal[equal] = stored[name][left[equal]] == given[name][equal]
    if equal.all():
        return Upserted(0, 0, aside)

    revised = np.flatnonzero((copies > 0) & ~equal)
    changed = {name: values[~equal] for name, values in given.items()}
    if len(revised):
        _record_revisions(connection, series, given, revised, stored, left[revised], at_ms)
        _delete(connection, series, times[revised], int(copies[revised].sum()))
    _insert(connection, series, changed)
    new = copies == 0
    extra = int((copies[revised] - 1).sum())  # of a key that somebody else stored twice
    count_written(connection, series, int(times[0]), int(times[-1]), int(new.sum()) - extra)
    return Upserted(int((copies == 0).sum()), len(revised), aside)


def _stored_rows(
    connection: duckdb.DuckDBPyConnection, series: Series, first_ms: int, last_ms: int
) -> ColumnArrays:
    if first_ms != last_ms:
        return read_columns(connection, series, first_ms, last_ms)
    names = series.kind.columns
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM {series.kind.value}"
        f" WHERE {series.where} AND {series.kind.time_column} = ?",
        (*series.key, first_ms),
    ).fetchall()
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    types = [np.int64] + [np.float64] * len(series.kind.value_columns)
    return {name: np.array(values, kind) for name, values, kind in zip(names, columns, types, strict=True)}


def _record_revisions(
    connection: duckdb.DuckDBPyConnection,
    series: Series,
    given: ColumnArrays,
    revised: npt.NDArray[np.intp],
    stored: ColumnArrays,
    replaced: npt.NDArray[np.intp],
    at_ms: int | None,
) -> None:
    times = given[series.kind.time_column][revised]
    old, new = value_lists(series, stored, replaced), value_lists(series, given, revised)
    connection.register("revised_rows", pa.table({"ts": times, "old_values": old, "new_values": new}))
    connection.execute(
        "INSERT INTO revisions SELECT ?, ?, ?, ts, old_values, new_values, ? FROM revised_rows",
        (series.kind.value, series.symbol, series.timeframe_name, at_ms),
    )
    connection.unregister("revised_rows")
    record(
        connection, Action.REVISED, series, first_ts=int(times[0]), last_ts=int(times[-1]),
        rows=len(times), at_ms=at_ms,
    )  # fmt: skip


def _delete(
    connection: duckdb.DuckDBPyConnection, series: Series, times: npt.NDArray[np.int64], copies: int
) -> None:
    time = series.kind.time_column
    connection.register("deleted_times", pa.table({"ts": times}))
    ((deleted,),) = connection.execute(
        f"DELETE FROM {series.kind.value} WHERE {series.where} AND {time} BETWEEN ? AND ?"
        f" AND {time} IN (SELECT ts FROM deleted_times)",
        (*series.key, int(times[0]), int(times[-1])),
    ).fetchall()
    connection.unregister("deleted_times")
    _expect(series, "deleted", deleted, copies)


def _insert(connection: duckdb.DuckDBPyConnection, series: Series, rows: ColumnArrays) -> None:
    table, key = series.kind.value, ", ".join("?" for _ in series.key)
    count = len(rows[series.kind.time_column])
    try:
        if count <= _FEW_ROWS:
            values = list(zip(*(rows[name].tolist() for name in series.kind.columns), strict=True))
            marks = ", ".join(f"({key}, {', '.join('?' for _ in row)})" for row in values)
            flat = [part for row in values for part in (*series.key, *row)]
            ((inserted,),) = connection.execute(f"INSERT INTO {table} VALUES {marks}", flat).fetchall()
        else:
            connection.register("new_rows", pa.table(rows))
            ((inserted,),) = connection.execute(
                f"INSERT INTO {table} SELECT {key}, {', '.join(series.kind.columns)} FROM new_rows",
                series.key,
            ).fetchall()
            connection.unregister("new_rows")
    except duckdb.ConstraintException as error:
        raise SchemaViolation(
            f"{series}: {str(error).splitlines()[0]}", way_out="nothing was stored; please report this"
        ) from error
    _expect(series, "inserted", inserted, count)


def _expect(series: Series, done: str, rows: int, expected: int) -> None:
    if rows != expected:
        raise DataError(
            f"{series}: {rows} rows were {done} instead of {expected}; nothing was kept",
            way_out="this is a defect of ours: please report it with the command that was run",
        )


def _sorted_rows(series: Series, frame: pd.DataFrame) -> tuple[ColumnArrays, Flags]:
    """Return the columns, sorted and each row once, and which rows share their time with a different one."""
    missing = [name for name in series.kind.columns if name not in frame.columns]
    if missing:
        raise SchemaViolation(
            f"{series}: the frame lacks {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}",
            way_out=f"give it the columns {', '.join(series.kind.columns)}",
        )
    time = series.kind.time_column
    times = frame[time].to_numpy()
    if times.dtype != np.int64:
        raise SchemaViolation(
            f"{series}: {time} has dtype {times.dtype}",
            way_out="give times as int64 epoch milliseconds (UTC)",
        )
    rows: dict[str, npt.NDArray[Any]] = {time: times}
    for name in series.kind.value_columns:
        column = frame[name].to_numpy()
        if column.dtype.kind not in "iuf":
            raise SchemaViolation(
                f"{series}: {name} has dtype {column.dtype}", way_out="give numbers as float64"
            )
        rows[name] = column.astype(np.float64, copy=False)
    if not (times[1:] <= times[:-1]).any():
        return rows, np.zeros(len(times), np.bool_)
    # By all columns, so that equal rows lie side by side.
    order = np.lexsort([rows[name] for name in reversed(series.kind.columns)])
    rows = {name: values[order] for name, values in rows.items()}
    same = np.ones(len(times) - 1, np.bool_)
    for values in rows.values():
        same &= (values[1:] == values[:-1]) | ((values[1:] != values[1:]) & (values[:-1] != values[:-1]))
    first = np.concatenate([[True], ~same])
    rows = {name: values[first] for name, values in rows.items()}
    shared = rows[time][1:] == rows[time][:-1]
    return rows, np.concatenate([shared, [False]]) | np.concatenate([[False], shared])
