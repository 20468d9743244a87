"""A market data store on disk, filled with a generated market."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from benchmark_cards import INSTRUMENT

from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.tables import SeriesKind
from engine.timeframes import Timeframe


@contextmanager
def filled_store(
    path: Path, frames: dict[Timeframe, pd.DataFrame], events: pd.DataFrame
) -> Iterator[HistoricalDataStore]:
    """Return a store that holds the candles, marks, funding and instrument rules of BTCUSDT."""
    store = HistoricalDataStore(connection_factory(path))
    store.create_tables()
    for timeframe, frame in frames.items():
        store.upsert_ohlcv("BTCUSDT", timeframe, frame[list(SeriesKind.OHLCV.columns)])
        store.upsert_mark_klines("BTCUSDT", timeframe, frame[list(SeriesKind.MARK.columns)])
    store.upsert_funding("BTCUSDT", events[["ts", "funding_rate"]])
    store.save_instrument(INSTRUMENT)
    yield store
