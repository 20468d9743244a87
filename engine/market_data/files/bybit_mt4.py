"""Bybit's kline dumps for MetaTrader 4.

https://public.bybit.com/kline_for_metatrader4/: `BTCUSDT_15_2024-12-01_2024-12-31.csv.gz` without a header,
`2024.12.31 23:45,open,high,low,close,volume`. The clock is UTC+3, which the files do not say: folding a
day's trades matches 1239 of 1261 minutes at -3 hours and none at 0. The files of two months overlap by a
minute.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from engine.errors import ConfigurationError, DataError
from engine.market_data.files.reading import (
    TURNOVER_ESTIMATED,
    Reading,
    clock_times,
    estimated_turnover,
    joined,
    read_csv,
)
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe

CLOCK_HOURS = 3.0
"""What the clock of the files is ahead of UTC."""

_NAME = re.compile(
    r"(?P<symbol>[A-Z0-9]+)_(?P<minutes>\d+)_(?P<from>\d{4}-\d{2}-\d{2})_\d{4}-\d{2}-\d{2}\.csv(?:\.gz)?"
)
_COLUMNS = ("time", "open", "high", "low", "close", "volume")


def read_bybit_mt4(paths: Sequence[Path], utc_offset_hours: float = CLOCK_HOURS) -> list[Reading]:
    """Return the candles in the files, of each symbol and timeframe.

    Parameters
    ----------
    paths : sequence of Path
        In any order; of a minute that two have, the later file's row is taken.
    utc_offset_hours : float, optional
        What the clock of the files is ahead of UTC.

    Raises
    ------
    DataError
        If a file is not named as Bybit names it or has a line that cannot be read.
    """
    months: dict[Series, list[tuple[str, Path]]] = {}
    for path in paths:
        found = _NAME.fullmatch(path.name)
        if not found:
            raise DataError(
                f"{path}: the name does not say which symbol and timeframe",
                way_out="keep Bybit's name, as BTCUSDT_15_2024-12-01_2024-12-31.csv.gz",
            )
        series = Series(SeriesKind.OHLCV, found["symbol"], _timeframe(path, found["minutes"]))
        months.setdefault(series, []).append((found["from"], path))
    note = f"the clock of the files is UTC{utc_offset_hours:+g} h; {TURNOVER_ESTIMATED}"
    readings = []
    for series, of_series in months.items():
        in_order = [path for _, path in sorted(of_series)]
        frames = [_read(path, utc_offset_hours) for path in in_order]
        readings.append(joined(series, frames, in_order, note))
    return readings


def _timeframe(path: Path, minutes: str) -> Timeframe:
    try:
        return Timeframe.from_bybit(minutes)
    except ConfigurationError as error:
        raise DataError(f"{path}: {error.problem}", way_out=error.way_out) from None


def _read(path: Path, utc_offset_hours: float) -> pd.DataFrame:
    frame = read_csv(path, _COLUMNS, has_header=False, text=["time"]).to_pandas()
    frame.insert(0, "ts_open", clock_times(path, frame["time"], "%Y.%m.%d %H:%M", utc_offset_hours))
    frame["turnover"] = estimated_turnover(frame)
    return frame.drop(columns="time")
