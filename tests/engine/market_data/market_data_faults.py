"""One sync after another against an exchange at which things go wrong, until nothing is missing."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from market_data_small_pages import small_pages

from engine.errors import DataNotFound, ExchangeError
from engine.exchange.client import BybitMarketClient
from engine.exchange.timing import Timing
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.market_data.sync_report import SyncProgress
from engine.sandbox.conditions import ConditionedMarket
from engine.sandbox.faults import FaultPlan, Scripted
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import SandboxServer
from engine.timeframes import HOUR_MS, Timeframe

SYMBOL = "ETHUSDT"
_CANDLES = ("read_ohlcv", "read_mark_klines")


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


@dataclass(frozen=True)
class Scenario:
    """What goes wrong in one trial.

    Attributes
    ----------
    plan : FaultPlan
        At the exchange.
    timeframe : Timeframe
        What is synced.
    start_ms, now_ms : int
        From when to when.
    interrupted_after : tuple of int
        After how many windows the first attempts are interrupted; 0: not at all.
    """

    plan: FaultPlan
    timeframe: Timeframe
    start_ms: int
    now_ms: int
    interrupted_after: tuple[int, ...] = ()


class FaultTrial:
    """An exchange that lasts for many scenarios."""

    def __init__(self) -> None:
        self.market = GeneratedMarket(seed=7)
        self.now_ms = 0
        self.server = SandboxServer(self.market, now_ms=lambda: self.now_ms)
        self._waited_s = 0.0

    def run(self, scenario: Scenario) -> int:
        """Sync until an attempt succeeds, and say how many it took; the store must be right after each.

        The exchange lies as the plan says, all the time; in the end, an hour later, it tells the truth.
        """
        self.now_ms = scenario.now_ms
        self.server.put_in_force(scenario.plan)
        with tempfile.TemporaryDirectory() as folder, small_pages():
            store = HistoricalDataStore(connection_factory(Path(folder) / "market.duckdb"))
            client = BybitMarketClient(self.server.url, timeout_s=5, timing=self._timing())
            failures: list[ExchangeError] = []
            attempts = 0
            for attempts in range(1, 61):
                stop_after = (*scenario.interrupted_after, *[0] * 60)[attempts - 1]
                try:
                    self._sync(store, client, scenario, stop_after)
                except Interrupted:
                    self._check(store, scenario, is_whole=False)
                except ExchangeError as error:
                    failures.append(error)
                    self._check(store, scenario, is_whole=False)
                    self._waited_s += 700.0  # a person waits for longer than any ban lasts
                else:
                    self._check(store, scenario, is_whole=True)
                    break
            else:
                raise AssertionError("sixty attempts were not enough")
            # What was wrong about the newest candle is put right by the next sync.
            self.server.put_in_force(FaultPlan(conditions=scenario.plan.conditions))
            self.now_ms += HOUR_MS
            self._sync(store, client, scenario, stop_after=0)
            self._check(store, scenario, is_whole=True, is_truthful=True)
        assert all(failure.way_out for failure in failures)
        return attempts

    def _sync(
        self, store: HistoricalDataStore, client: BybitMarketClient, scenario: Scenario, stop_after: int
    ) -> None:
        windows = 0

        def interrupt(step: SyncProgress) -> None:
            nonlocal windows
            windows += 1
            if windows == stop_after:
                raise Interrupted

        MarketSync(store, client).sync_partition(
            SYMBOL, scenario.timeframe, start_ms=scenario.start_ms, progress=interrupt
        )

    def _check(
        self, store: HistoricalDataStore, scenario: Scenario, *, is_whole: bool, is_truthful: bool = False
    ) -> None:
        """Compare what is stored with what the exchange has: all of it, or a part that is right."""
        market = ConditionedMarket(self.market, scenario.plan.conditions)
        timeframe, start = scenario.timeframe, scenario.start_ms
        window = RowWindow(start, timeframe.floor(self.now_ms) - 1, 10**9)
        hours = RowWindow(start, self.now_ms, 10**9)
        expected = {
            "read_ohlcv": market.klines(SYMBOL, timeframe, window, self.now_ms),
            "read_mark_klines": market.mark_klines(SYMBOL, timeframe, window, self.now_ms),
            "read_funding": market.funding(SYMBOL, hours, self.now_ms),
            "read_open_interest": market.open_interest(SYMBOL, Timeframe.H1, hours, self.now_ms),
        }
        for read, truth in expected.items():
            arguments = (SYMBOL, timeframe) if read in _CANDLES else (SYMBOL,)
            try:
                stored = getattr(store, read)(*arguments)
            except DataNotFound:
                assert not is_whole, "nothing was stored and nobody said why"
                return
            self._compare(read, stored, truth, is_whole=is_whole, is_truthful=is_truthful)

    @staticmethod
    def _compare(
        read: str, stored: pd.DataFrame, truth: pd.DataFrame, *, is_whole: bool, is_truthful: bool
    ) -> None:
        time = stored.columns[0]
        times, true_times = stored[time].to_numpy(), truth[time].to_numpy()
        assert (np.diff(times) > 0).all(), f"{read}: a key is there twice"
        assert np.isin(times, true_times).all(), f"{read}: a row the exchange does not have"
        if is_whole:
            lacking = true_times[~np.isin(true_times, times)]
            assert len(lacking) == 0, f"{read}: {len(lacking)} rows are missing and nobody said so"
        elif len(times) and read in _CANDLES:
            inside = true_times[(true_times >= times[0]) & (true_times <= times[-1])]
            assert len(inside) == len(times), f"{read}: a hole in what a failed sync has left"
        same = truth[np.isin(true_times, times)].reset_index(drop=True)
        # the newest closed candle may have been served unfinished
        rows = len(stored) if is_truthful or read not in _CANDLES else len(stored) - 1
        pd.testing.assert_frame_equal(stored.iloc[:rows], same.iloc[:rows], check_exact=True)

    def _timing(self) -> Timing:
        def sleep(seconds: float) -> None:
            self._waited_s += seconds

        return Timing(
            monotonic_s=lambda: self._waited_s,
            epoch_ms=lambda: self.now_ms,
            sleep=sleep,
            jitter=lambda low, high: high,
        )


def lies(path: str, number: int, fault: object) -> Scripted:
    """A fault that looks like a sound answer, once."""
    return Scripted(fault, f"/v5/market/{path}", (number,))
