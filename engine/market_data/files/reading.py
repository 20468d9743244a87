"""What the readers of files share: tables with the line of a fault, numbers, times, the result."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from engine.errors import ConfigurationError, CorruptData, DataError
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import HOUR_MS, Timeframe, parse_utc

_EARLIEST_MS = parse_utc("2009-01-01")
_LATEST_MS = parse_utc("2100-01-01")


@dataclass(frozen=True, eq=False)
class Reading:
    """Rows of one series, read from files.

    Attributes
    ----------
    series : Series
        Whose rows.
    frame : DataFrame
        The columns of its kind, sorted by time.
    paths : tuple of Path
        The files they are from.
    note : str
        What the reader did beyond reading, in words; "" if nothing.
    """

    series: Series
    frame: pd.DataFrame
    paths: tuple[Path, ...]
    note: str = ""


def read_csv(path: Path, columns: Sequence[str], *, has_header: bool, text: Sequence[str] = ()) -> pa.Table:
    """Return a CSV file, gzipped or not, as a table of doubles; the columns in `text` stay text.

    Parameters
    ----------
    columns : sequence of str
        Of a file with a header: those wanted, in any order, others are skipped. Without: all there are.

    Raises
    ------
    DataError
        If a column is missing, or a line has too few fields or a field that is no number; with the line.
    CorruptData
        If the file cannot be read.
    """
    types = {name: pa.string() if name in text else pa.float64() for name in columns}
    try:
        # One thread, so that faults carry their row number.
        return csv.read_csv(
            pa.py_buffer(_content(path)),
            read_options=csv.ReadOptions(
                column_names=None if has_header else list(columns), use_threads=False
            ),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(columns), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        told = str(error).splitlines()[0].replace("Row #", "line ")
        raise DataError(
            f"{path}: {told}",
            way_out=f"its columns must be {', '.join(columns)}; mend or fetch the file again",
        ) from error


def read_parquet(path: Path) -> pd.DataFrame:
    """Return a Parquet file.

    Raises
    ------
    CorruptData
        If it cannot be read.
    """
    try:
        return pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptData(
            f"{path} cannot be read as Parquet: {error}", way_out="fetch the file again"
        ) from error


def wanted_columns(path: Path, frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the named columns of `frame`.

    Raises
    ------
    DataError
        If one is missing.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path}: there is no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}",
            way_out=f"it must have {', '.join(names)}",
        )
    return frame[list(names)]


def as_numbers(path: Path, name: str, values: pd.Series) -> npt.NDArray[np.float64]:
    """Return a column as doubles.

    Raises
    ------
    DataError
        If a field is no number, with its row; the first row after a header is row 1.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(np.isnan(numbers) & values.notna().to_numpy())
    if len(wrong):
        raise DataError(
            f"{path}, row {wrong[0] + 1}: {name} is {values.iloc[wrong[0]]!r}, not a number",
            way_out="mend the row, or fetch the file again",
        )
    return numbers


def checked_times(path: Path, times_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return `times_ms` if they can be what they are said to be.

    Raises
    ------
    DataError
        If one is before 2009 or after 2100: of another unit, nearly always.
    """
    wrong = np.flatnonzero((times_ms < _EARLIEST_MS) | (times_ms > _LATEST_MS))
    if len(wrong):
        raise DataError(
            f"{path}, row {wrong[0] + 1}: the time is {times_ms[wrong[0]]} in epoch milliseconds, which is "
            "not between 2009 and 2100",
            way_out="say which unit the times have: seconds, milliseconds, microseconds or nanoseconds",
        )
    return times_ms


def clock_times(path: Path, texts: pd.Series, layout: str, utc_offset_hours: float) -> npt.NDArray[np.int64]:
    """Return times written as text, by a clock that is `utc_offset_hours` ahead of UTC, as UTC milliseconds.

    Raises
    ------
    DataError
        If one is not written as `layout` (strftime) says, with its row.
    """
    moments = pd.to_datetime(texts, format=layout, errors="coerce")
    wrong = np.flatnonzero(moments.isna().to_numpy())
    if len(wrong):
        raise DataError(
            f"{path}, row {wrong[0] + 1}: the time is {texts.iloc[wrong[0]]!r}, not as {layout}",
            way_out="mend the row, or fetch the file again",
        )
    local = moments.to_numpy().astype("datetime64[ms]").astype(np.int64)
    return checked_times(path, local - round(utc_offset_hours * HOUR_MS))


def estimated_turnover(frame: pd.DataFrame) -> pd.Series:
    """Return what candles turned over, in quote coin: volume times the mean of the four prices."""
    mean = (frame["open"] + frame["high"] + frame["low"] + frame["close"]) / 4
    return frame["volume"] * mean


TURNOVER_ESTIMATED = "turnover is estimated as volume times the mean of the four prices"


def joined(series: Series, frames: Sequence[pd.DataFrame], paths: Sequence[Path], note: str = "") -> Reading:
    """Return rows of several files as one reading: of a time that two files have, the later file's row."""
    time = series.kind.time_column
    every = pd.concat(frames, ignore_index=True)
    last = ~every.duplicated(time, keep="last")
    dropped = every[~last].merge(every[last], on=time, suffixes=("", "_kept"))
    differing = sum(
        bool(any(row[name] != row[f"{name}_kept"] for name in series.kind.value_columns))
        for row in dropped.to_dict("records")
    )
    notes = [note] if note else []
    if len(dropped):
        notes.append(
            f"{len(dropped)} row(s) in two files, {differing} with other values: the later file's kept"
        )
    frame = every[last].sort_values(time, kind="stable", ignore_index=True)[list(series.kind.columns)]
    return Reading(series, frame, tuple(paths), "; ".join(notes))


def require_timeframe(path: Path, kind: SeriesKind, timeframe: Timeframe | None) -> None:
    """Refuse a candle file without a timeframe, and events with one.

    Raises
    ------
    ConfigurationError
        If they do not fit.
    """
    if kind.has_timeframe and timeframe is None:
        raise ConfigurationError(f"{path}: candles need a timeframe", way_out="say which: --timeframe 15m")
    if not kind.has_timeframe and timeframe is not None:
        raise ConfigurationError(f"{path}: {kind.value} has no timeframe", way_out="leave --timeframe out")


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise CorruptData(f"{path} cannot be read: {error}", way_out="fetch the file again") from error


def as_frame(columns: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Return columns as a frame without a copy."""
    return pd.DataFrame(columns, copy=False)
