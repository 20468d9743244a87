"""Several processes write overlapping parts of the same series into one store, while others read it.

Each writes random windows of what is true, in its own order, some of them with a value that another process
corrects. However they come, the store ends as the truth: no row twice, none lost, none torn; no reader ever
sees anything but rows of the truth or of its first drafts, and nobody is told that the database is locked.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_data_frames import candles, events

from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.timeframes import Timeframe

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
BARS = 2000
M1, M5 = Timeframe.M1, Timeframe.M5


def truth(symbol, timeframe):
    return candles(BARS, timeframe=timeframe, base=100.0 * (1 + SYMBOLS.index(symbol)))


def store_at(path):
    return HistoricalDataStore(connection_factory(path, timeout_s=60))


def writer(path: Path, seed: int, writes: int) -> None:
    """Write windows at random, then every stretch once, so that all processes together cover everything."""
    rng = np.random.default_rng(seed)
    store = store_at(path)
    for turn in range(writes):
        symbol, timeframe = SYMBOLS[rng.integers(3)], (M1, M5)[rng.integers(2)]
        first = int(rng.integers(BARS))
        rows = truth(symbol, timeframe).iloc[first : first + int(rng.choice([1, 2, 20, 300]))]
        draft = rows.assign(volume=0.0) if rng.random() < 0.2 else rows
        store.upsert_ohlcv(symbol, timeframe, draft)
        if turn % 5 == 0:
            store.upsert_funding(symbol, events([int(ts) for ts in rows["ts_open"]], 0.0001))
    for symbol in SYMBOLS:
        for timeframe in (M1, M5):
            for first in rng.permutation(range(0, BARS, 500)):
                store.upsert_ohlcv(symbol, timeframe, truth(symbol, timeframe).iloc[first : first + 500])


def reader(path: Path, seed: int, reads: int) -> None:
    """Read at random and hold every answer against the truth; only the volume may be a draft's."""
    rng = np.random.default_rng(seed)
    store = store_at(path)
    for _ in range(reads):
        symbol, timeframe = SYMBOLS[rng.integers(3)], (M1, M5)[rng.integers(2)]
        held = store.read_ohlcv(symbol, timeframe)
        whole = truth(symbol, timeframe).set_index("ts_open")
        assert held["ts_open"].is_monotonic_increasing
        assert held["ts_open"].is_unique
        expected = whole.loc[held["ts_open"]].reset_index()
        pd.testing.assert_frame_equal(held.drop(columns="volume"), expected.drop(columns="volume"))
        assert ((held["volume"] == expected["volume"]) | (held["volume"] == 0)).all()


def race(path, *, writers, readers, turns):
    store_at(path).create_tables()
    jobs = [("writer", n) for n in range(writers)] + [("reader", 100 + n) for n in range(readers)]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, role, str(path), str(seed), str(turns)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for role, seed in jobs
    ]
    told = [process.communicate(timeout=600)[0] for process in processes]
    assert [
        (role, text) for (role, _), text, p in zip(jobs, told, processes, strict=True) if p.returncode
    ] == []
    store = store_at(path)
    for symbol in SYMBOLS:
        for timeframe in (M1, M5):
            pd.testing.assert_frame_equal(store.read_ohlcv(symbol, timeframe), truth(symbol, timeframe))
        assert store.read_funding(symbol)["ts"].is_unique
    assert store.holes() == ()
    # every draft that was stored and corrected left its trace, and nothing else did
    for revision in store.revisions():
        assert (revision.old["volume"] == 0.0) != (revision.new["volume"] == 0.0)
    assert store.quarantine() == ()


def test_processes_that_write_overlapping_partitions_leave_the_truth(tmp_path):
    race(tmp_path / "market.duckdb", writers=3, readers=1, turns=15)


@pytest.mark.slow
def test_eight_processes_that_write_overlapping_partitions_leave_the_truth(tmp_path):
    race(tmp_path / "market.duckdb", writers=8, readers=2, turns=200)


if __name__ == "__main__":
    role, path, seed, turns = sys.argv[1:]
    {"writer": writer, "reader": reader}[role](Path(path), int(seed), int(turns))
