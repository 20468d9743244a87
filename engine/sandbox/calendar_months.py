"""Candles of calendar months: Bybit's interval M, which has no fixed length and so is no `Timeframe`."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from engine.sandbox.protocol import KlineSource, RowWindow
from engine.timeframes import Timeframe, parse_utc

MONTH = "M"
_LATEST_MS = parse_utc("9999-01-01")


def month_floor(ts_ms: int) -> int:
    """Return the first millisecond of the month that contains `ts_ms` (UTC), 9999-01 at the latest."""
    moment = datetime.fromtimestamp(min(ts_ms, _LATEST_MS) / 1000, tz=UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 1000


def monthly_klines(source: KlineSource, symbol: str, window: RowWindow, now_ms: int) -> pd.DataFrame:
    """Return the candles of the months the window wants, each made of its days."""
    last = month_floor(window.last_ts)
    if window.oldest:
        earliest = source(symbol, Timeframe.D1, RowWindow(window.first_ts, last, 1, oldest=True), now_ms)
        if len(earliest) > 0:
            last = min(last, _months_on(month_floor(int(earliest["ts_open"].iloc[0])), window.limit - 1))
    first = max(window.first_ts, _months_on(last, 1 - window.limit))
    days = source(symbol, Timeframe.D1, RowWindow(first, _months_on(last, 1) - 1, 10**9), now_ms)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "turnover": "sum"}
    months = days["ts_open"].map(month_floor)
    return (
        days.groupby(months)
        .agg({name: how[name] for name in days.columns if name in how})
        .rename_axis("ts_open")
        .reset_index()
    )


def _months_on(month_ms: int, months: int) -> int:
    """Return the start of the month that lies so many months after the one that starts at `month_ms`."""
    moment = datetime.fromtimestamp(month_ms / 1000, tz=UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if year < 1970:
        return 0
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1000
