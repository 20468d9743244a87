"""The market data store over a year of one-minute candles of three symbols: write, read, look, heal, check.

Run: .venv/bin/python tests/benchmarks/bench_market_data.py
"""

from __future__ import annotations

import itertools
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from benchmark_market import YEAR_OF_MINUTES, machine, median_seconds, minutes

from engine.market_data.duckdb_file import connect, connection_factory
from engine.market_data.healing import heal
from engine.market_data.schemas import HEALED_OHLCV, RAW_OHLCV, schema_failures
from engine.market_data.store import HistoricalDataStore
from engine.market_data.tables import SeriesKind
from engine.timeframes import MINUTE_MS, Timeframe

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
M1 = Timeframe.M1


def main() -> None:
    """Print the figures."""
    year = minutes()[list(SeriesKind.OHLCV.columns)]
    marks = year[list(SeriesKind.MARK.columns)]
    later = itertools.count(1)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "market.duckdb"
        store = HistoricalDataStore(connection_factory(path))
        started = time.perf_counter()
        for symbol in SYMBOLS:
            store.upsert_ohlcv(symbol, M1, year)
        print(f"{'first write of a year':46} {(time.perf_counter() - started) / len(SYMBOLS) * 1e3:8.1f} ms")
        print(f"{'size on disk':46} {path.stat().st_size / len(SYMBOLS) / YEAR_OF_MINUTES:8.1f} bytes/row")

        def one_candle(into: HistoricalDataStore) -> int:
            new = year.iloc[-1:].copy()
            new["ts_open"] += next(later) * MINUTE_MS
            return into.upsert_ohlcv("ETHUSDT", M1, new)

        healed = heal(year.drop(index=range(1000, 1100)), marks, M1).frame
        with connect(path, read_only=False) as connection:

            @contextmanager
            def already_open(read_only):
                yield connection

            held = HistoricalDataStore(already_open)
            show("read a year, connection open", lambda: held.read_ohlcv("BTCUSDT", M1))
            show("upsert one new candle, connection open", lambda: one_candle(held), repeats=50)
        for name, work in {
            "connect and close": store.source_identity,
            "read a year": lambda: store.read_ohlcv("BTCUSDT", M1),
            "upsert one new candle": lambda: one_candle(store),
            "the same year again": lambda: store.upsert_ohlcv("BTCUSDT", M1, year),
            "gaps of a year": lambda: store.gaps("BTCUSDT", M1),
            "watermark of a year": lambda: store.watermark("BTCUSDT"),
            "coverage of three years": store.coverage,
            "holes of three years, none there": store.holes,
            "heal a year": lambda: heal(year, marks, M1),
            "check a raw year": lambda: schema_failures(RAW_OHLCV(M1), year),
            "check a healed year": lambda: schema_failures(HEALED_OHLCV(M1, 0.01), healed),
        }.items():
            show(name, work)


def show(name, work, repeats=9):
    """Print the median time of `work`."""
    print(f"{name:46} {median_seconds(work, repeats) * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
