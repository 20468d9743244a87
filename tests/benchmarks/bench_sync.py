"""Sync from the stand-in exchange in a process of its own: a year of one-minute candles, and what is current.

Run: .venv/bin/python tests/benchmarks/bench_sync.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, show, timed

from engine.exchange.client import BybitMarketClient
from engine.exchange.limits import RequestLimit, SharedRequestLimiter
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import USUAL_KINDS, MarketSync
from engine.market_data.sync_report import SyncReport
from engine.market_data.tables import SeriesKind
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc

START = parse_utc("2024-01-01")
END = START + YEAR_OF_MINUTES * MINUTE_MS
RUNS = 3
# A quarter of Bybit's limit, for the stand-in is not fast enough to reach the whole of it on two cores. As
# with Bybit's, the client leaves a thirtieth of the places free.
LIMIT, PERIOD_S = 150, 5.0
KEPT = 145

SERVER = """
import sys
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.rate_limit import RateLimit
from engine.sandbox.running import FrozenClock, serve
limit = RateLimit(int(sys.argv[2]), float(sys.argv[3])) if len(sys.argv) > 2 else None
serve(GeneratedMarket(), port=0, now_ms=FrozenClock(int(sys.argv[1])), limit=limit,
      on_start=lambda url: print(url, flush=True))
"""


@contextmanager
def exchange(*limit: float) -> Iterator[str]:
    """A stand-in whose clock stands at the end of the year; one request too many would end in a ban."""
    arguments = [str(each) for each in (END + HOUR_MS, *limit)]
    process = subprocess.Popen([sys.executable, "-c", SERVER, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def sync_year(
    url: str, kinds: frozenset[SeriesKind], limiter: SharedRequestLimiter | None = None
) -> SyncReport:
    """Sync one symbol-year into a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = HistoricalDataStore(connection_factory(Path(folder) / "market.duckdb"))
        sync = MarketSync(store, BybitMarketClient(url, limiter=limiter))
        report = sync.sync_partition("BTCUSDT", Timeframe.M1, start_ms=START, now_ms=END, kinds=kinds)
        assert report.new_candles == YEAR_OF_MINUTES
        return report


def implied_s(requests: int) -> float:
    """Return the time in which so many requests can be sent within the limit: the first ones at once."""
    return max(0, -(-requests // KEPT) - 1) * PERIOD_S


def main() -> None:
    """Print the figures."""
    print(machine())
    candles = frozenset({SeriesKind.OHLCV})
    figures = []
    with exchange() as url:
        for name, kinds, at_most in (
            ("a year of 1m candles", candles, 15.0),
            ("and its mark klines, funding, interest", USUAL_KINDS, None),
        ):
            figures.append(timed(name, lambda kinds=kinds: sync_year(url, kinds), RUNS, "s", 1.0, at_most))
        with tempfile.TemporaryDirectory() as folder:
            store = HistoricalDataStore(connection_factory(Path(folder) / "market.duckdb"))
            sync = MarketSync(store, BybitMarketClient(url))
            moments = iter(range(END - 100 * MINUTE_MS, END, MINUTE_MS))

            def next_minute() -> None:
                sync.sync_partition(
                    "BTCUSDT", Timeframe.M1, start_ms=END - 2000 * MINUTE_MS, now_ms=next(moments)
                )

            figures.append(timed("one new candle of a partition", next_minute, 25, "ms", 1000.0))
    pages = YEAR_OF_MINUTES // 1000 + 1 + 4  # and time, identity, rules
    with exchange(LIMIT, PERIOD_S) as url, tempfile.TemporaryDirectory() as folder:
        limiter = SharedRequestLimiter(Path(folder) / "limit", RequestLimit(KEPT, PERIOD_S))
        began = time.perf_counter()
        sync_year(url, candles, limiter)
        figures.append(
            Figure(
                f"a year of 1m candles at {LIMIT} requests in {PERIOD_S:.0f} s",
                time.perf_counter() - began,
                "s",
                implied_s(pages) * 1.1,
                note=f"the limit implies {implied_s(pages):.0f} s for {pages} requests",
            )
        )
    show(figures)


if __name__ == "__main__":
    main()
