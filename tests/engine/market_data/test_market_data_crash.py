"""A sync over faults that is killed again and again: the store ends with what the exchange has, row for row.

What dies is a process of its own, by SIGKILL, at a random moment of its work: between pages, inside a
transaction, while the database file is made. After each death the file must open, hold every key once and no
row the exchange does not have.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_data_crash_sync import TIMEFRAMES

from engine.errors import DataNotFound
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.tables import Series, SeriesKind
from engine.sandbox.conditions import ConditionedMarket, FundingInterval, Halt
from engine.sandbox.faults import FaultPlan, fault_storm
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import SandboxClock, SandboxServer
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc

SYMBOL = "SOLUSDT"
START = parse_utc("2024-05-01")
PROGRAM = Path(__file__).with_name("market_data_crash_sync.py")
CONDITIONS = (
    Halt(SYMBOL, START + 12 * HOUR_MS, START + 15 * HOUR_MS + 10 * MINUTE_MS),
    FundingInterval(SYMBOL, START + DAY_MS, 240),
)


class CrashTrial:
    """One exchange with a storm of faults, one database, and processes that sync and die."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = SandboxClock(START + DAY_MS)
        self.market = ConditionedMarket(GeneratedMarket(seed=7), CONDITIONS)
        storm = fault_storm(seed, rate=0.15)
        plan = FaultPlan(seeded=storm.seeded, seed=seed, conditions=CONDITIONS)
        self.server = SandboxServer(GeneratedMarket(seed=7), now_ms=self.clock, faults=plan)
        self.database = folder / "market.duckdb"
        self.store = HistoricalDataStore(connection_factory(self.database))

    def kill_once(self, longest_s: float) -> bool:
        """Start a sync and kill it at a random moment; return whether it died before its end."""
        with self._syncing() as process:
            time.sleep(self.rng.uniform(0, longest_s))
            died_at_work = process.poll() is None
            process.kill()
            process.communicate()
        return died_at_work

    def finish(self) -> None:
        """Let a sync come to its end."""
        with self._syncing() as process:
            said, complained = process.communicate(timeout=240)
        assert said.rstrip().endswith("done"), complained

    def check(self, *, is_whole: bool) -> int:
        """Compare what is stored with the truth, all of it or a part; return how many rows there are."""
        rows = 0
        for series, truth in self._truth().items():
            try:
                stored = self.store.read_series(series)[list(truth.columns)]
            except DataNotFound:
                assert not is_whole
                continue
            times, true_times = stored.iloc[:, 0].to_numpy(), truth.iloc[:, 0].to_numpy()
            assert (np.diff(times) > 0).all(), f"{series}: a key is there twice"
            expected = truth if is_whole else truth[np.isin(true_times, times)]
            pd.testing.assert_frame_equal(
                stored, expected.reset_index(drop=True), check_exact=True, obj=str(series)
            )
            rows += len(stored)
        return rows

    def leftovers(self) -> list[str]:
        """The names of what lies beside the database, but for the log DuckDB keeps and the limit's files."""
        known = {"market.duckdb", "market.duckdb.wal", "requests", "requests.lock"}
        return sorted(path.name for path in self.database.parent.iterdir() if path.name not in known)

    @contextmanager
    def _syncing(self):
        arguments = (self.server.url, str(self.database), SYMBOL, str(START))
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout.readline() == "syncing\n", process.stderr.read()
            yield process
        finally:
            process.kill()
            process.communicate()

    def _truth(self) -> dict[Series, pd.DataFrame]:
        now_ms = self.clock()
        everything = RowWindow(START, now_ms, 10**9)
        truth = {
            Series(SeriesKind.FUNDING, SYMBOL): self.market.funding(SYMBOL, everything, now_ms),
            Series(SeriesKind.OPEN_INTEREST, SYMBOL): self.market.open_interest(
                SYMBOL, Timeframe.H1, everything, now_ms
            ),
        }
        sources = {
            SeriesKind.OHLCV: self.market.klines,
            SeriesKind.MARK: self.market.mark_klines,
            SeriesKind.INDEX: self.market.index_klines,
        }
        for timeframe in TIMEFRAMES:
            closed = RowWindow(START, timeframe.floor(now_ms) - 1, 10**9)
            for kind, source in sources.items():
                truth[Series(kind, SYMBOL, timeframe)] = source(SYMBOL, timeframe, closed, now_ms)
        return truth


def run_crashes(folder: Path, kills: int, seed: int, longest_s: float) -> int:
    """Kill a sync so many times, finish it, and return how many of the killed were at work."""
    trial = CrashTrial(folder, seed)
    died_at_work = 0
    with trial.server:
        for _ in range(kills):
            died_at_work += trial.kill_once(longest_s)
            trial.check(is_whole=False)
            # there is always something left to do for the next one
            trial.clock.step(trial.rng.randrange(1, 12) * HOUR_MS + trial.rng.randrange(HOUR_MS))
        trial.finish()
        rows = trial.check(is_whole=True)
        assert rows > 3 * 24 * 60
        assert sum(trial.server.log.faults().values()) > 20
    assert trial.leftovers() == []
    return died_at_work


def test_a_sync_killed_three_times_ends_with_the_truth(tmp_path):
    assert run_crashes(tmp_path, kills=3, seed=1, longest_s=1.5) >= 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sync_killed_fifty_times_ends_with_the_truth(tmp_path):
    assert run_crashes(tmp_path, kills=50, seed=2, longest_s=3.0) >= 35
