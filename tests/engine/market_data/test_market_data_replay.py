"""Recorded files through the server, the client and the sync into a store: the store equals the files.

The long form takes the folder that the environment variable REPLAY_CANDLES names (Parquet files as
`trade sandbox --replay` reads them; a folder `defective` inside it holds candles with holes and funding with
holes); without it, and in the normal run, the files are recorded here from the generated market.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.exchange.client import BybitMarketClient
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.market_data.tables import Series, SeriesKind
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.replay import ReplayMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import DAY_MS, Timeframe, parse_utc

FIRST = parse_utc("2024-02-26")
END = parse_utc("2024-03-09")


def record(folder: Path, *, end_ms: int = END) -> None:
    """Write every kind of file: two symbols, several timeframes, one of them with holes."""
    market, window = GeneratedMarket(seed=5), RowWindow(FIRST, end_ms - 1, 10**9)
    for symbol in ("BTCUSDT", "SOLUSDT"):
        for timeframe in (Timeframe.M1, Timeframe.M15, Timeframe.H1, Timeframe.W1):
            candles = market.klines(symbol, timeframe, window, end_ms).drop(columns="turnover")
            if timeframe is Timeframe.M1:
                candles = candles.drop(index=[*range(700, 760), 900, 902, 5_000])
            candles.to_parquet(folder / f"{symbol}_{timeframe}.parquet")
        market.mark_klines(symbol, Timeframe.H1, window, end_ms).to_parquet(
            folder / f"mark_{symbol}_1h.parquet"
        )
        market.index_klines(symbol, Timeframe.H1, window, end_ms).to_parquet(
            folder / f"index_{symbol}_1h.parquet"
        )
        funding = market.funding(symbol, window, end_ms)
        funding.drop(index=[4, 5, 6]).to_parquet(folder / f"funding_{symbol}.parquet")
        market.open_interest(symbol, Timeframe.H1, window, end_ms).to_parquet(
            folder / f"oi_{symbol}_1h.parquet"
        )


def series_of(path: Path) -> Series:
    """Return which series a file of a replay folder holds."""
    kinds = {"mark": SeriesKind.MARK, "index": SeriesKind.INDEX}
    kinds |= {"funding": SeriesKind.FUNDING, "oi": SeriesKind.OPEN_INTEREST}
    prefix, _, rest = path.stem.partition("_")
    kind = kinds.get(prefix, SeriesKind.OHLCV)
    symbol, _, timeframe = (rest if kind is not SeriesKind.OHLCV else path.stem).partition("_")
    has_timeframe = kind in (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX)
    return Series(kind, symbol, Timeframe.parse(timeframe) if has_timeframe else None)


def replayed(folder: Path, database: Path) -> HistoricalDataStore:
    """Sync every series of the folder through the real server and client, and return the store."""
    files = {series_of(path): pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    first = min(int(frame.iloc[0, 0]) for frame in files.values())
    last = max(int(frame.iloc[-1, 0]) for frame in files.values())
    store = HistoricalDataStore(connection_factory(database))
    with SandboxServer(ReplayMarket(folder), now_ms=FrozenClock(last + 8 * DAY_MS)) as server:
        sync = MarketSync(store, BybitMarketClient(server.url))
        for each in files:
            if each.kind is SeriesKind.OHLCV:
                sync.sync_partition(each.symbol, each.timeframe, start_ms=first, kinds=frozenset(SeriesKind))
    return store


def assert_store_equals_files(store: HistoricalDataStore, folder: Path) -> int:
    """Compare every file with what is stored, row for row and to the bit; return the rows compared."""
    compared = 0
    for path in sorted(folder.glob("*.parquet")):
        recorded = pd.read_parquet(path).reset_index(drop=True)
        stored = store.read_series(series_of(path))[list(recorded.columns)]
        pd.testing.assert_frame_equal(stored, recorded, check_exact=True, obj=path.name)
        compared += len(recorded)
    return compared


def test_recorded_files_come_through_to_the_bit(tmp_path):
    folder = tmp_path / "recorded"
    folder.mkdir()
    record(folder)
    store = replayed(folder, tmp_path / "market.duckdb")
    assert assert_store_equals_files(store, folder) > 35_000
    # the holes of the files are the holes of the store, and no others
    assert [gap.bars for gap in store.gaps("BTCUSDT", Timeframe.M1)] == [60, 1, 1, 1]
    assert store.gaps("BTCUSDT", Timeframe.M15) == ()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_files_of_a_folder_come_through_to_the_bit(tmp_path):
    folder = _replay_folder(tmp_path)
    store = replayed(folder, tmp_path / "market.duckdb")
    assert assert_store_equals_files(store, folder) > 30_000
    for path in folder.glob("*.parquet"):
        series = series_of(path)
        if series.kind is SeriesKind.OHLCV:
            assert store.gaps(series.symbol, series.timeframe) == (), path.name


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_defective_files_come_through_with_their_holes(tmp_path):
    folder = tmp_path / "defective"
    folder.mkdir()
    recorded = Path(os.environ.get("REPLAY_CANDLES", tmp_path / "absent")) / "defective"
    if recorded.is_dir():
        # the sandbox serves under a name it has rules for
        shutil.copy(recorded / "GAPPY_1m.parquet", folder / "LTCUSDT_1m.parquet")
        shutil.copy(recorded / "funding_WIFUSDT.parquet", folder / "funding_LTCUSDT.parquet")
    else:
        market, window = GeneratedMarket(seed=5), RowWindow(FIRST, END - 1, 10**9)
        candles = market.klines("LTCUSDT", Timeframe.M1, window, END).drop(columns="turnover")
        dropped = np.random.default_rng(1).choice(np.arange(1, len(candles) - 1), 700, replace=False)
        candles.drop(index=dropped).to_parquet(folder / "LTCUSDT_1m.parquet")
        market.funding("LTCUSDT", window, END).drop(index=range(5, 20)).to_parquet(
            folder / "funding_LTCUSDT.parquet"
        )
    store = replayed(folder, tmp_path / "market.duckdb")
    assert_store_equals_files(store, folder)
    opens = pd.read_parquet(folder / "LTCUSDT_1m.parquet")["ts_open"].to_numpy()
    missing = (opens[-1] - opens[0]) // Timeframe.M1.ms + 1 - len(opens)
    assert sum(gap.bars for gap in store.gaps("LTCUSDT", Timeframe.M1)) == missing >= 700


def _replay_folder(tmp_path: Path) -> Path:
    named = os.environ.get("REPLAY_CANDLES")
    if named:
        return Path(named)
    folder = tmp_path / "recorded"
    folder.mkdir()
    record(folder, end_ms=FIRST + 90 * DAY_MS)
    for path in folder.glob("*_1m.parquet"):
        path.unlink()
    return folder
