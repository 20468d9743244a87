"""CSV and Parquet files of any origin, with a mapping that says what is in them. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.errors import ConfigurationError, DataError
from engine.market_data.files.reading import (
    TURNOVER_ESTIMATED,
    Reading,
    as_numbers,
    checked_times,
    estimated_turnover,
    joined,
    read_csv,
    read_parquet,
    require_timeframe,
    wanted_columns,
)
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe


class TimeUnit(Enum):
    """How times are written: a number since 1970, or text as ISO 8601."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    ISO = "iso"


_PER_MILLISECOND = {TimeUnit.MICROSECONDS: 1000, TimeUnit.NANOSECONDS: 1_000_000}


@dataclass(frozen=True)
class PlainMapping:
    """What a file holds.

    Attributes
    ----------
    kind : SeriesKind
        Candles, marks, index, funding or open interest.
    symbol : str
        Whose.
    timeframe : Timeframe or None
        Of candles; None for events.
    time_unit : TimeUnit
        How times are written.
    time_zone : str
        The clock of the times, as "UTC" or "Europe/Berlin". Numbers since 1970 are UTC by definition: a file
        of numbers by another clock is read as what it says, by that clock.
    columns : mapping of str to str
        Our column to the file's, for those with another name. `turnover` may be missing in the file.
    """

    kind: SeriesKind
    symbol: str
    timeframe: Timeframe | None
    time_unit: TimeUnit
    time_zone: str
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def series(self) -> Series:
        """The series the rows are of."""
        return Series(self.kind, self.symbol, self.timeframe)


def read_plain(paths: Sequence[Path], mapping: PlainMapping) -> list[Reading]:
    """Return the rows of the files as one reading; of a time that two files have, the later named one's.

    Raises
    ------
    ConfigurationError
        If the mapping names a column of ours that is not of the kind, or a time zone that does not exist.
    DataError
        If a file lacks a column or has a field that is no number or no time, with the line or row.
    CorruptData
        If a file cannot be read.
    """
    kind = mapping.kind
    strange = [name for name in mapping.columns if name not in kind.columns]
    if strange:
        raise ConfigurationError(
            f"{kind.value} has no column {strange[0]!r}", way_out=f"its columns are {', '.join(kind.columns)}"
        )
    zone = _zone(mapping.time_zone)
    frames, estimated = [], False
    for path in paths:
        require_timeframe(path, kind, mapping.timeframe)
        frame, is_estimated = _read(path, mapping, zone)
        frames.append(frame)
        estimated |= is_estimated
    return [joined(mapping.series, frames, paths, TURNOVER_ESTIMATED if estimated else "")]


def _read(path: Path, mapping: PlainMapping, zone: ZoneInfo) -> tuple[pd.DataFrame, bool]:
    kind = mapping.kind
    names = {name: mapping.columns.get(name, name) for name in kind.columns}
    raw = read_parquet(path) if path.suffix == ".parquet" else None
    has = set(raw.columns if raw is not None else _header(path))
    estimated = names.get("turnover", "") not in has and kind is SeriesKind.OHLCV
    if estimated:
        del names["turnover"]
    time = names[kind.time_column]
    if raw is None:
        wanted_columns(path, pd.DataFrame(columns=sorted(has)), list(names.values()))
        raw = read_csv(path, list(names.values()), has_header=True, text=[time]).to_pandas()
    raw = wanted_columns(path, raw, list(names.values()))
    frame = pd.DataFrame({kind.time_column: _times(path, raw[time], mapping.time_unit, zone)})
    for name in kind.value_columns:
        if name in names:
            frame[name] = as_numbers(path, names[name], raw[names[name]])
    if estimated:
        frame["turnover"] = estimated_turnover(frame)
    return frame, estimated


def _header(path: Path) -> list[str]:
    try:
        return [str(name) for name in pd.read_csv(path, nrows=0).columns]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} has no header: {error}", way_out="name the columns in its first line"
        ) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(
            f"there is no time zone {name!r}", way_out="name it as UTC, Europe/Berlin or Etc/GMT-3 (UTC+3)"
        ) from None


def _times(path: Path, values: pd.Series, unit: TimeUnit, zone: ZoneInfo) -> npt.NDArray[np.int64]:
    if unit is TimeUnit.ISO:
        try:
            moments = pd.to_datetime(values, format="ISO8601", errors="coerce")
        except ValueError as error:
            raise DataError(
                f"{path}: its times have several offsets from UTC", way_out="write all of them in UTC"
            ) from error
        _refuse_first(path, values, moments.isna().to_numpy(), "not an ISO 8601 time")
        stamps = pd.DatetimeIndex(moments)
    else:
        numbers = as_numbers(path, "the time", values)
        _refuse_first(path, values, ~np.isfinite(numbers), "not a time")
        whole = values.to_numpy() if values.dtype.kind == "i" else None
        if unit is TimeUnit.SECONDS:
            times = np.rint(numbers * 1000).astype(np.int64)
        else:
            exact = whole if whole is not None else _integers(path, values)
            times = exact // _PER_MILLISECOND.get(unit, 1)
        stamps = pd.DatetimeIndex(checked_times(path, times).astype("datetime64[ms]"))
    if stamps.tz is None:
        # An hour that a clock has twice or not at all is not guessed either.
        stamps = stamps.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        _refuse_first(path, values, np.asarray(stamps.isna()), f"not a moment of the clock of {zone}")
    return checked_times(path, stamps.tz_convert("UTC").as_unit("ms").asi8)


def _integers(path: Path, values: pd.Series) -> npt.NDArray[np.int64]:
    try:
        return np.array([int(value) for value in values], np.int64)
    except ValueError as error:
        raise DataError(f"{path}: a time is no whole number: {error}", way_out="say --time-unit s") from error


def _refuse_first(path: Path, values: pd.Series, wrong: npt.NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path}, row {row + 1}: {values.iloc[row]!r} is {what}",
            way_out="mend the row, or say the unit and the zone of the times",
        )
