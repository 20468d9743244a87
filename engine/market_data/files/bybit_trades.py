"""Bybit's public trade dumps of perpetuals, one file per symbol and day, added up to candles.

https://public.bybit.com/trading/: `BTCUSDT2020-03-25.csv.gz` with a header; timestamp in unix seconds with
decimals, size and homeNotional in base coin, foreignNotional in quote coin. Some older files are in falling
order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.market_data.files.reading import Reading, as_frame, read_csv
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import DAY_MS, MINUTE_MS, Timeframe, format_utc, parse_utc

_NAME = re.compile(r"(?P<symbol>[A-Z0-9]+?)(?P<day>\d{4}-\d{2}-\d{2})\.csv(?:\.gz)?")
_COLUMNS = ("timestamp", "size", "price", "foreignNotional")


def read_bybit_trades(paths: Sequence[Path], timeframes: Sequence[Timeframe]) -> list[Reading]:
    """Return the candles that the trades in the files make, of each symbol and timeframe.

    A candle opens at its first trade, not at the close before it as Bybit's own klines do. A minute without
    a trade is flat at the close before it, with no volume, as in Bybit's klines. Only candles all of whose
    days are there are made; nothing is made before the first trade.

    Raises
    ------
    DataError
        If a file is not named SYMBOLyyyy-mm-dd.csv[.gz], lacks a column, or has a line that cannot be.
    """
    days: dict[str, dict[int, Path]] = {}
    for path in paths:
        found = _NAME.fullmatch(path.name)
        if not found:
            raise DataError(
                f"{path}: the name does not say which symbol and day",
                way_out="keep Bybit's name, as BTCUSDT2024-12-31.csv.gz",
            )
        days.setdefault(found["symbol"], {})[parse_utc(found["day"])] = path
    readings = []
    for symbol, of_symbol in sorted(days.items()):
        minutes = [_minutes(path, day) for day, path in sorted(of_symbol.items())]
        for stretch in _stretches(sorted(of_symbol), minutes):
            for timeframe in timeframes:
                candles = _candles(stretch, timeframe)
                if len(candles):
                    series = Series(SeriesKind.OHLCV, symbol, timeframe)
                    readings.append(
                        Reading(series, candles, tuple(of_symbol.values()), "added up from trades")
                    )
    return readings


def _minutes(path: Path, day_ms: int) -> pd.DataFrame:
    trades = read_csv(path, _COLUMNS, has_header=True)
    seconds, size, price, quote = (trades[name].to_numpy() for name in _COLUMNS)
    wrong = ~((price > 0) & (size > 0) & (quote > 0) & np.isfinite(price * size * quote))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path}, row {row + 1}: a trade of size {size[row]} at {price[row]} worth {quote[row]}",
            way_out="fetch the file again",
        )
    outside = ~((seconds >= day_ms / 1000) & (seconds < (day_ms + DAY_MS) / 1000))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{path}, row {row + 1}: the trade at {seconds[row]} is not of the day its name says "
            f"({format_utc(day_ms)[:10]})",
            way_out="times must be unix seconds in UTC; fetch the file again",
        )
    # The order of the file inside a moment; some files are in falling order as a whole.
    order = np.argsort(seconds, kind="stable")
    minute = (seconds[order] // 60).astype(np.int64) * MINUTE_MS
    ordered = pd.DataFrame(
        {"ts_open": minute, "price": price[order], "size": size[order], "quote": quote[order]}
    )
    grouped = ordered.groupby("ts_open", sort=True)
    prices, sizes = grouped["price"], grouped["size"]
    return pd.DataFrame(
        {
            "open": prices.first(),
            "high": prices.max(),
            "low": prices.min(),
            "close": prices.last(),
            "volume": sizes.sum(),
            "turnover": grouped["quote"].sum(),
        }
    )


def _stretches(days: Sequence[int], minutes: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the minutes of each run of days without a break, a row for each to the end of the last day."""
    ends = [at for at, day in enumerate(days) if at + 1 == len(days) or days[at + 1] != day + DAY_MS]
    whole, start = [], 0
    for end in ends:
        traded = pd.concat([each for each in minutes[start : end + 1] if len(each)] or [minutes[start]])
        start = end + 1
        if traded.empty:
            continue
        grid = pd.RangeIndex(int(traded.index[0]), days[end] + DAY_MS, MINUTE_MS)
        filled = traded.reindex(grid)
        filled["close"] = filled["close"].ffill()
        for name in ("open", "high", "low"):
            filled[name] = filled[name].fillna(filled["close"])
        whole.append(filled.fillna({"volume": 0.0, "turnover": 0.0}))
    return whole


def _candles(minutes: pd.DataFrame, timeframe: Timeframe) -> pd.DataFrame:
    offset = timeframe.floor(0)
    times = minutes.index.to_numpy()
    opens = (times - offset) // timeframe.ms * timeframe.ms + offset
    grouped = minutes.groupby(opens)
    whole = (grouped.size() == timeframe.ms // MINUTE_MS).to_numpy()
    parts = {
        "open": grouped["open"].first(),
        "high": grouped["high"].max(),
        "low": grouped["low"].min(),
        "close": grouped["close"].last(),
        "volume": grouped["volume"].sum(),
        "turnover": grouped["turnover"].sum(),
    }
    ts_open = np.unique(opens)[whole]
    return as_frame({"ts_open": ts_open, **{name: part.to_numpy()[whole] for name, part in parts.items()}})
