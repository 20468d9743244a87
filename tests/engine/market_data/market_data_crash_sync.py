"""The program that is killed: syncs two timeframes of a symbol until nothing is missing, and says so.

python market_data_crash_sync.py ADDRESS DATABASE SYMBOL START_MS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from market_data_small_pages import small_pages

from engine.errors import ExchangeError
from engine.exchange.client import BybitMarketClient
from engine.exchange.limits import RequestLimit, SharedRequestLimiter
from engine.exchange.timing import Timing
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.market_data.tables import SeriesKind
from engine.timeframes import Timeframe

TIMEFRAMES = (Timeframe.M1, Timeframe.H1)


def main(address: str, database: Path, symbol: str, start_ms: int) -> None:
    """Sync until an attempt succeeds; what fails is tried again, with hardly a pause."""
    store = HistoricalDataStore(connection_factory(database))
    # the file of the limit is written all the time, and its writer is killed as well
    limiter = SharedRequestLimiter(database.with_name("requests"), RequestLimit(requests=5_000, period_s=5.0))
    timing = Timing(sleep=lambda seconds: time.sleep(min(seconds, 0.01)))
    print("syncing", flush=True)
    missing = list(TIMEFRAMES)
    while missing:
        client = BybitMarketClient(address, timeout_s=5, limiter=limiter, timing=timing)
        try:
            MarketSync(store, client).sync_partition(
                symbol, missing[0], start_ms=start_ms, kinds=frozenset(SeriesKind)
            )
            missing.pop(0)
        except ExchangeError as error:
            print(error.problem, flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    with small_pages():
        main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
