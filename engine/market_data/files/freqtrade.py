"""freqtrade's data folder: feather and JSON, read and written.

Files are named by pair, timeframe and kind: `BTC_USDT_USDT-15m-futures.feather`, `…-1h-mark.feather`,
`…-1h-funding_rate.feather`. Feather has the columns date, open, high, low, close, volume; JSON is a list of
[epoch milliseconds, open, high, low, close, volume]. A funding rate stands in `open`, beside zeros.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import feather

from engine.errors import ConfigurationError, CorruptData, DataError
from engine.market_data.files.reading import (
    TURNOVER_ESTIMATED,
    Reading,
    as_frame,
    as_numbers,
    checked_times,
    estimated_turnover,
    wanted_columns,
)
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe

_COLUMNS = ("date", "open", "high", "low", "close", "volume")
_KINDS = {
    "futures": SeriesKind.OHLCV,
    "mark": SeriesKind.MARK,
    "index": SeriesKind.INDEX,
    "funding_rate": SeriesKind.FUNDING,
}
_NAME = re.compile(
    r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)_(?P<settle>[A-Z0-9]+)-(?P<timeframe>\d+[mhdw])"
    r"-(?P<kind>futures|mark|index|funding_rate)\.(?P<format>feather|json|json\.gz)"
)
# What its funding files are named by; the events in them have their own times.
_FUNDING_TIMEFRAME = "1h"


def read_freqtrade(paths: Sequence[Path]) -> list[Reading]:
    """Return what is in files of freqtrade's layout. A pair must be settled in the coin it is quoted in.

    Raises
    ------
    DataError
        If a file is not named as freqtrade names it, or has a row that cannot be read.
    CorruptData
        If a file is not of the format its name says.
    """
    return [_read(path) for path in paths]


def write_freqtrade(folder: Path, series: Series, frame: pd.DataFrame) -> Path | None:
    """Write a series into `folder` as freqtrade reads it, in feather; None for a kind it has no place for.

    Turnover is left out: there is no column for it.
    """
    kinds = {kind: name for name, kind in _KINDS.items()}
    if series.kind not in kinds:
        return None
    base, quote = split_symbol(series.symbol)
    timeframe = series.timeframe_name or _FUNDING_TIMEFRAME
    path = folder / f"{base}_{quote}_{quote}-{timeframe}-{kinds[series.kind]}.feather"
    nothing = np.zeros(len(frame))
    if series.kind is SeriesKind.FUNDING:
        columns = {"open": frame["funding_rate"], "high": nothing, "low": nothing, "close": nothing}
    else:
        columns = {name: frame[name] for name in ("open", "high", "low", "close")}
    times = pd.to_datetime(frame[series.kind.time_column], unit="ms", utc=True)
    table = pd.DataFrame({"date": times, **columns, "volume": frame.get("volume", nothing)})
    feather.write_feather(table, path, compression="lz4")
    return path


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return base and quote coin of a symbol of Bybit's.

    Raises
    ------
    ConfigurationError
        If it does not end in USDT.
    """
    base = symbol.removesuffix("USDT")
    if base == symbol or not base:
        raise ConfigurationError(
            f"{symbol} is not a USDT perpetual, freqtrade has no name for it", way_out="export it as Parquet"
        )
    return base, "USDT"


def _read(path: Path) -> Reading:
    found = _NAME.fullmatch(path.name)
    if not found or found["quote"] != found["settle"]:
        raise DataError(
            f"{path}: the name does not say which perpetual, timeframe and kind",
            way_out="keep freqtrade's name, as BTC_USDT_USDT-15m-futures.feather",
        )
    symbol, kind = found["base"] + found["quote"], _KINDS[found["kind"]]
    frame = _feather(path) if found["format"] == "feather" else _json(path)
    numbers = {name: as_numbers(path, name, frame[name]) for name in _COLUMNS[1:]}
    times = checked_times(path, frame["date"].to_numpy(np.int64))
    if kind is SeriesKind.FUNDING:
        return Reading(
            Series(kind, symbol), as_frame({"ts": times, "funding_rate": numbers["open"]}), (path,)
        )
    try:
        series = Series(kind, symbol, Timeframe.parse(found["timeframe"]))
    except ConfigurationError as error:
        raise DataError(f"{path}: {error.problem}", way_out=error.way_out) from None
    candles = as_frame({"ts_open": times, **numbers})
    if kind is not SeriesKind.OHLCV:
        return Reading(series, candles.drop(columns="volume"), (path,))
    candles["turnover"] = estimated_turnover(candles)
    return Reading(series, candles, (path,), TURNOVER_ESTIMATED)


def _feather(path: Path) -> pd.DataFrame:
    try:
        frame = feather.read_feather(path)
    except (pa.ArrowException, OSError) as error:
        raise CorruptData(f"{path} cannot be read as feather: {error}", way_out="fetch it again") from error
    frame = wanted_columns(path, frame, _COLUMNS).copy()
    if not isinstance(frame["date"].dtype, pd.DatetimeTZDtype):
        raise DataError(
            f"{path}: date is {frame['date'].dtype}, not a time with its zone",
            way_out="write it with a current freqtrade",
        )
    frame["date"] = frame["date"].dt.as_unit("ms").astype(np.int64)
    return frame


def _json(path: Path) -> pd.DataFrame:
    try:
        raw = path.read_bytes()
        rows = json.loads(gzip.decompress(raw) if path.name.endswith(".gz") else raw)
    except (OSError, EOFError, ValueError) as error:
        raise CorruptData(f"{path} cannot be read as JSON: {error}", way_out="fetch it again") from error
    width = len(_COLUMNS)
    if not isinstance(rows, list):
        raise DataError(f"{path}: it is not a list of candles", way_out="write it with freqtrade")
    for at, row in enumerate(rows):
        if not (isinstance(row, list) and len(row) == width and isinstance(row[0], int)):
            raise DataError(
                f"{path}, row {at + 1}: {row!r} is not [epoch milliseconds, open, high, low, close, volume]",
                way_out="mend the row, or write the file again",
            )
    return pd.DataFrame(rows, columns=list(_COLUMNS))
