"""A recorded market whose server can be made to fail, to lack rows or to change its mind."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
from market_data_frames import START, candles, events, marks

from engine.exchange.client import BybitMarketClient
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.sandbox.replay import ReplayMarket
from engine.sandbox.running import SandboxServer
from engine.sandbox.windows import ParameterError
from engine.timeframes import HOUR_MS, Timeframe

SYMBOL = "BTCUSDT"
DAYS = 4
BARS = DAYS * 24


def record(folder: Path, symbol: str = SYMBOL) -> None:
    """Write four days of 1h and 4h candles with 1h marks, funding at odd hours and open interest."""
    candles(BARS).drop(columns="turnover").to_parquet(folder / f"{symbol}_1h.parquet")
    candles(BARS // 4, timeframe=Timeframe.H4).drop(columns="turnover").to_parquet(
        folder / f"{symbol}_4h.parquet"
    )
    marks(BARS).to_parquet(folder / f"mark_{symbol}_1h.parquet")
    events(FUNDING_TIMES).to_parquet(folder / f"funding_{symbol}.parquet")
    events(INTEREST_TIMES, 500.0, "open_interest").to_parquet(folder / f"oi_{symbol}_1h.parquet")


# every 8 hours for two days, then every hour: an interval that changes
FUNDING_TIMES = [START + n * HOUR_MS for n in (*range(0, 48, 8), *range(48, BARS))]
INTEREST_TIMES = [START + n * HOUR_MS for n in range(BARS)]


class TrialMarket(ReplayMarket):
    """The recorded market, with a count of what it was asked and faults that a test sets."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: Counter[str] = Counter()
        self.windows: list[tuple[str, int, int]] = []
        self.failing: str = ""
        self.answers_before_failing = 0
        self.hidden: set[int] = set()
        self.hidden_once: set[int] = set()
        self.revised: dict[int, float] = {}
        self.identity_suffix = ""
        self.tick_size = "0.10"

    @property
    def identity(self):
        return super().identity + self.identity_suffix

    @property
    def instruments(self):
        listed = super().instruments
        return {
            symbol: replace(instrument, tick_size=self.tick_size) for symbol, instrument in listed.items()
        }

    def _answer(self, name, window):
        self.asked[name] += 1
        self.windows.append((name, window.first_ts, window.last_ts))
        if name == self.failing:
            if self.answers_before_failing == 0:
                raise ParameterError("the trial market fails here")
            self.answers_before_failing -= 1

    def klines(self, symbol, timeframe, window, now_ms):
        self._answer("klines", window)
        frame = super().klines(symbol, timeframe, window, now_ms)
        hidden = self.hidden | self.hidden_once
        if set(frame["ts_open"]) & self.hidden_once:
            self.hidden_once = set()
        frame = frame[~frame["ts_open"].isin(hidden)].reset_index(drop=True)
        for ts_open, volume in self.revised.items():
            frame.loc[frame["ts_open"] == ts_open, "volume"] = volume
        return frame

    def mark_klines(self, symbol, timeframe, window, now_ms):
        self._answer("mark_klines", window)
        return super().mark_klines(symbol, timeframe, window, now_ms)

    def funding(self, symbol, window, now_ms):
        self._answer("funding", window)
        return super().funding(symbol, window, now_ms)

    def open_interest(self, symbol, timeframe, window, now_ms):
        self._answer("open_interest", window)
        return super().open_interest(symbol, timeframe, window, now_ms)


class Trial:
    """One market, one store in a file, one clock that a test moves."""

    def __init__(self, market: TrialMarket, connect) -> None:
        self.market = market
        self.store = HistoricalDataStore(connect)
        self.connect = connect
        self.now_ms = START + BARS * HOUR_MS
        self.url = ""

    def sync(
        self, timeframe: Timeframe = Timeframe.H1, *, symbol: str = SYMBOL, start_ms: int = START, **more
    ):
        """Sync through the real client and the real server."""
        sync = MarketSync(self.store, BybitMarketClient(self.url, timeout_s=5))
        return sync.sync_partition(symbol, timeframe, start_ms=start_ms, **more)

    def delete(self, table: str, condition: str) -> None:
        """Remove rows as nobody should: past the store."""
        with self.connect(False) as connection:
            connection.execute(f"DELETE FROM {table} WHERE {condition}").fetchall()

    def asked_since(self, action) -> Counter[str]:
        """Return what the market is asked while `action` runs."""
        before = self.market.asked.copy()
        action()
        return self.market.asked - before

    def hours(self) -> list[int]:
        """The hours since the start at which a 1h candle is stored."""
        times = self.store.read_ohlcv(SYMBOL, Timeframe.H1)["ts_open"]
        return ((times - START) // HOUR_MS).tolist()


@contextmanager
def running_trial(folder: Path, connect):
    """A trial whose server runs as long as the block."""
    trial = Trial(TrialMarket(folder), connect)
    with SandboxServer(trial.market, now_ms=lambda: trial.now_ms) as server:
        trial.url = server.url
        yield trial


def expected_hours(first: int = 0, last: int = BARS) -> pd.DataFrame:
    """The 1h candles as the server gives them: turnover is volume times the mean of the four prices."""
    frame = candles(BARS)
    frame["turnover"] = frame["volume"] * (frame["open"] + frame["high"] + frame["low"] + frame["close"]) / 4
    return frame.iloc[first:last].reset_index(drop=True)
