"""100 million candles in one database: status, gap query, a one-year read, an upsert, and the size of a row.

Measured in processor time: what else the machine does at the same moment is not the store's. Of the reads,
DuckDB uses two threads, so that the wall clock of a quiet machine shows less.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from engine.market_data.duckdb_file import connect, connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.timeframes import MINUTE_MS, Timeframe, parse_utc

M1 = Timeframe.M1
YEAR = 525_600
MONTH = 43_800
START = parse_utc("2024-01-01")


def minutes(count):
    """A random walk on a tick of 0.1 that opens where it closed, as Bybit's candles do."""
    rng = np.random.default_rng(1)
    close = np.round(40_000 * np.exp(np.cumsum(rng.normal(0, 0.0008, count))), 1)
    opened = np.r_[close[0], close[:-1]]
    wick = np.abs(rng.normal(0, 0.0004, (2, count)))
    volume = rng.lognormal(2, 1, count)
    return pd.DataFrame(
        {
            "ts_open": START + np.arange(count) * MINUTE_MS,
            "open": opened,
            "high": np.round(np.maximum(opened, close) * (1 + wick[0]), 1),
            "low": np.round(np.minimum(opened, close) * (1 - wick[1]), 1),
            "close": close,
            "volume": volume,
            "turnover": volume * close,
        }
    )


def fill(path, symbols, bars):
    """Write `bars` minutes for each symbol, each at other prices; of every tenth some minutes are missing."""
    year = minutes(bars)
    store = HistoricalDataStore(connection_factory(path))
    with connect(path, read_only=False):
        store.create_tables()
    for number in range(symbols):
        with connect(path, read_only=False) as connection:
            connection.register("year", year)
            prices = ", ".join(
                f"round({name} * {1 + number / 7}, 1)" for name in ("open", "high", "low", "close")
            )
            connection.execute(
                f"INSERT INTO ohlcv SELECT 'S{number:03d}USDT', '1m', ts_open, {prices}, volume, turnover"
                f" FROM year {'WHERE ts_open // 60000 % 7919 != 0' if number % 10 == 3 else ''}"
            )
            connection.unregister("year")
    store.create_tables()  # counts what came past the store
    return store


def processor_seconds(work, repeats=3):
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return sorted(taken)[repeats // 2]


def figures(path, symbols, bars):
    store = fill(path, symbols, bars)
    coverage = store.coverage()
    assert len(coverage) == symbols
    lacking = coverage[coverage["gap_bars"] > 0]
    assert sum(hole.gap.bars for hole in store.holes()) == lacking["gap_bars"].sum() > 0
    assert len(store.read_ohlcv("S001USDT", M1)) == bars
    new = minutes(bars).iloc[-1:].copy()

    def upsert():
        new["ts_open"] += MINUTE_MS
        assert store.upsert_ohlcv("S002USDT", M1, new) == 1

    taken = {
        "status": processor_seconds(store.coverage),
        "gap query": processor_seconds(store.holes),
        "read a year": processor_seconds(lambda: store.read_ohlcv("S001USDT", M1), 9),
        "upsert a candle": processor_seconds(upsert, 31),
        "bytes per row": path.stat().st_size / coverage["rows"].sum(),
    }
    print({name: round(value, 4) for name, value in taken.items()})
    return taken


def test_the_figures_of_a_few_candles(tmp_path):
    """The short form of the trial below."""
    assert figures(tmp_path / "market.duckdb", 4, MONTH)["bytes per row"] < 60


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_figures_of_a_hundred_million_candles(tmp_path):
    taken = figures(tmp_path / "market.duckdb", 191, YEAR)
    assert taken["status"] < 1.0
    assert taken["gap query"] < 5.0
    assert taken["read a year"] < 0.150
    assert taken["bytes per row"] < 32
