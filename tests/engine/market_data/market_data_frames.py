"""Candles, mark klines, funding and rules small enough to check by eye."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
from bitcoin_rules import BITCOIN

from engine.market_data.instruments import InstrumentRules
from engine.market_data.store import HistoricalDataStore
from engine.timeframes import Timeframe, parse_utc

START = parse_utc("2024-01-01")


def candles(bars: int, *, first: int = START, timeframe: Timeframe = Timeframe.H1, base: float = 100.0):
    """Candle i opens at `base` + i and closes one higher, with wicks of one and a volume of i + 1."""
    opened = base + np.arange(bars, dtype=np.float64)
    volume = np.arange(bars, dtype=np.float64) + 1
    return pd.DataFrame(
        {
            "ts_open": first + timeframe.ms * np.arange(bars, dtype=np.int64),
            "open": opened,
            "high": opened + 2,
            "low": opened - 1,
            "close": opened + 1,
            "volume": volume,
            "turnover": volume * opened,
        }
    )


def marks(bars: int, *, first: int = START, timeframe: Timeframe = Timeframe.H1, base: float = 200.0):
    """Mark klines shaped like `candles`, around another price."""
    return candles(bars, first=first, timeframe=timeframe, base=base)[
        ["ts_open", "open", "high", "low", "close"]
    ]


def events(times: list[int], value: float = 0.0001, column: str = "funding_rate"):
    """Events with the same value at the given times."""
    return pd.DataFrame({"ts": np.array(times, dtype=np.int64), column: np.full(len(times), value)})


RULES = replace(BITCOIN, launch_ts=1584230400000, as_of_ms=START)


def rules(as_of_ms: int, **changes: object) -> InstrumentRules:
    """Rules of BTCUSDT as of a moment, with changes."""
    return replace(RULES, as_of_ms=as_of_ms, **changes)


@contextmanager
def store_in_memory():
    """A store in memory, for tests that are not about files: opening one takes 25 ms each time."""
    with duckdb.connect(":memory:") as connection:
        yield store_over(connection)


def store_over(connection: duckdb.DuckDBPyConnection) -> HistoricalDataStore:
    """A store that uses one open connection for everything."""

    @contextmanager
    def connect(read_only):
        yield connection

    store = HistoricalDataStore(connect)
    store.create_tables()
    return store
