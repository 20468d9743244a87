"""Our own layout of Parquet files, one per series, which the sandbox can replay and an import reads back.

`SYMBOL_TF.parquet`, `mark_SYMBOL_TF.parquet`, `index_SYMBOL_TF.parquet`, `funding_SYMBOL.parquet` and
`oi_SYMBOL_1h.parquet`, with the columns of the store: UTC milliseconds and doubles, exact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import ConfigurationError, DataError
from engine.market_data.files.reading import (
    TURNOVER_ESTIMATED,
    Reading,
    as_numbers,
    checked_times,
    estimated_turnover,
    read_parquet,
    wanted_columns,
)
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe

_PREFIX = {
    SeriesKind.OHLCV: "",
    SeriesKind.MARK: "mark_",
    SeriesKind.INDEX: "index_",
    SeriesKind.FUNDING: "funding_",
    SeriesKind.OPEN_INTEREST: "oi_",
}
_KINDS = {prefix.rstrip("_"): kind for kind, prefix in _PREFIX.items()}
_NAME = re.compile(
    r"(?:(?P<kind>mark|index|oi|funding)_)?(?P<symbol>[A-Z0-9-]+)(?:_(?P<timeframe>\d+[mhdw]))?\.parquet"
)
# Open interest has its own times; the name says how far apart they are synced.
_INTEREST_TIMEFRAME = "1h"


def file_name(series: Series) -> str:
    """Return the name of the file of `series`."""
    timeframe = _INTEREST_TIMEFRAME if series.kind is SeriesKind.OPEN_INTEREST else series.timeframe_name
    return f"{_PREFIX[series.kind]}{series.symbol}{f'_{timeframe}' if timeframe else ''}.parquet"


def write_layout(folder: Path, series: Series, frame: pd.DataFrame) -> Path:
    """Write a series into `folder`."""
    path = folder / file_name(series)
    frame.to_parquet(path, index=False, compression="zstd")
    return path


def read_layout(paths: Sequence[Path]) -> list[Reading]:
    """Return what is in the files; the turnover of candles without one is estimated.

    Raises
    ------
    DataError
        If a file is not named as above, lacks a column, or has a row that cannot be read.
    CorruptData
        If a file cannot be read.
    """
    return [_read(path) for path in paths]


def _read(path: Path) -> Reading:
    series = _series_of(path)
    kind = series.kind
    frame = read_parquet(path)
    estimated = kind is SeriesKind.OHLCV and "turnover" not in frame.columns
    names = [name for name in kind.columns if not (estimated and name == "turnover")]
    frame = wanted_columns(path, frame, names)
    if frame[kind.time_column].dtype != np.int64:
        raise DataError(
            f"{path}: {kind.time_column} is {frame[kind.time_column].dtype}, not UTC milliseconds as int64",
            way_out="import it as plain, with the unit and the zone of its times",
        )
    read = pd.DataFrame({kind.time_column: checked_times(path, frame[kind.time_column].to_numpy())})
    for name in names[1:]:
        read[name] = as_numbers(path, name, frame[name])
    if estimated:
        read["turnover"] = estimated_turnover(read)
    return Reading(series, read[list(kind.columns)], (path,), TURNOVER_ESTIMATED if estimated else "")


def _series_of(path: Path) -> Series:
    found = _NAME.fullmatch(path.name)
    kind = _KINDS[found["kind"] or ""] if found else None
    if not found or kind is None or (kind is not SeriesKind.FUNDING) != (found["timeframe"] is not None):
        raise DataError(
            f"{path}: the name does not say what is in it",
            way_out="name it as SYMBOL_TF.parquet, mark_SYMBOL_TF.parquet, funding_SYMBOL.parquet or "
            "oi_SYMBOL_1h.parquet, or import it as plain",
        )
    if not kind.has_timeframe:
        return Series(kind, found["symbol"])
    try:
        return Series(kind, found["symbol"], Timeframe.parse(found["timeframe"]))
    except ConfigurationError as error:
        raise DataError(f"{path}: {error.problem}", way_out=error.way_out) from None
