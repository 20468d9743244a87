"""The generated market: years of seeded, reproducible history that is never stored."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import pandas as pd

from engine.errors import ConfigurationError
from engine.sandbox.candle_rows import PREMIUM_UNITS, CandleRows, join
from engine.sandbox.catalogue import CATALOGUE, Instrument
from engine.sandbox.daily_path import (
    FUNDING_EVENTS_PER_DAY,
    MARKET_END_MS,
    MARKET_START_MS,
    CommonFactor,
    DailyPath,
    Temper,
    common_factor,
    daily_path,
)
from engine.sandbox.minute_block import minute_block
from engine.sandbox.noise import Stream, normals
from engine.sandbox.protocol import RowWindow
from engine.timeframes import DAY_MS, MINUTE_MS, Timeframe

DEFAULT_SEED: Final = 7

# Round figures near those of the real contracts, so that orders and tiers mean something.
TEMPERS: Final = {
    "BTCUSDT": Temper(anchor_price=60_000, beta=1.0, own_volatility=0.008, turnover_usdt=7.5e9),
    "ETHUSDT": Temper(anchor_price=3_000, beta=1.15, own_volatility=0.018, turnover_usdt=3.2e9),
    "SOLUSDT": Temper(anchor_price=150, beta=1.3, own_volatility=0.030, turnover_usdt=1.5e9),
    "ADAUSDT": Temper(anchor_price=0.6, beta=1.2, own_volatility=0.028, turnover_usdt=2.0e8),
    "XRPUSDT": Temper(anchor_price=0.8, beta=1.0, own_volatility=0.030, turnover_usdt=6.0e8),
    "DOGEUSDT": Temper(anchor_price=0.15, beta=1.3, own_volatility=0.035, turnover_usdt=5.0e8),
    "BNBUSDT": Temper(anchor_price=500, beta=0.9, own_volatility=0.016, turnover_usdt=2.5e8),
    "LTCUSDT": Temper(anchor_price=90, beta=1.0, own_volatility=0.022, turnover_usdt=1.0e8),
    "LINKUSDT": Temper(anchor_price=15, beta=1.2, own_volatility=0.028, turnover_usdt=1.5e8),
    "AVAXUSDT": Temper(anchor_price=30, beta=1.3, own_volatility=0.032, turnover_usdt=1.2e8),
    "DOTUSDT": Temper(anchor_price=6, beta=1.2, own_volatility=0.026, turnover_usdt=8.0e7),
    "TRXUSDT": Temper(anchor_price=0.2, beta=0.7, own_volatility=0.020, turnover_usdt=6.0e7),
    "SUIUSDT": Temper(anchor_price=2.5, beta=1.3, own_volatility=0.036, turnover_usdt=3.0e8),
    "NEARUSDT": Temper(anchor_price=4, beta=1.3, own_volatility=0.033, turnover_usdt=1.0e8),
    "MATICUSDT": Temper(anchor_price=0.7, beta=1.2, own_volatility=0.030, turnover_usdt=9.0e7),
    "BTCPERP": Temper(anchor_price=60_000, beta=1.0, own_volatility=0.008, turnover_usdt=2.0e8),
    "ETHPERP": Temper(anchor_price=3_000, beta=1.15, own_volatility=0.018, turnover_usdt=9.0e7),
    "BTCUSDT-30DEC39": Temper(anchor_price=60_000, beta=1.0, own_volatility=0.010, turnover_usdt=2.0e7),
}

_CACHED_MINUTE_DAYS = 96  # about 13 MB
_CACHED_QUARTER_HOUR_DAYS = 6000  # about 50 MB: sixteen symbol-years
_INTEREST_STEP = Timeframe.M5


class _Shown(Enum):
    """What stands in the place of the mark price."""

    MARK = "mark"
    INDEX = "index"
    PREMIUM = "premium"


class GeneratedMarket:
    """A made-up market from 2020-01-01 to 2040-01-01, the same for the same seed on every machine.

    Parameters
    ----------
    seed : int, optional
        Any whole number from 0. The default is 7.

    Raises
    ------
    ConfigurationError
        If the seed is negative.
    """

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        if seed < 0:
            raise ConfigurationError(f"the sandbox seed is {seed}", way_out="give a whole number from 0")
        self.seed = seed
        self._path = lru_cache(maxsize=None)(self._make_path)
        self._minutes = lru_cache(maxsize=_CACHED_MINUTE_DAYS)(self._make_minutes)
        self._quarter_hours = lru_cache(maxsize=_CACHED_QUARTER_HOUR_DAYS)(self._make_quarter_hours)

    @property
    def identity(self) -> str:
        """Who this market is."""
        return f"sandbox:generated:seed={self.seed}"

    @property
    def is_generated(self) -> bool:
        """Always true."""
        return True

    @cached_property
    def instruments(self) -> dict[str, Instrument]:
        """Every instrument of the catalogue, launched on the market's first day."""
        return {
            symbol: replace(instrument, launch_ms=MARKET_START_MS) for symbol, instrument in CATALOGUE.items()
        }

    def klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the last price; the bar that contains `now_ms` is aggregated so far."""
        return self._candles(symbol, timeframe, window, now_ms).ohlcv(self.instruments[symbol])

    def mark_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the mark price; the bar that contains `now_ms` is aggregated so far."""
        units = self.instruments[symbol].ticks_per_unit
        return self._candles(symbol, timeframe, window, now_ms).mark(units)

    def index_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the index price; the bar that contains `now_ms` is aggregated so far."""
        units = self.instruments[symbol].ticks_per_unit
        return self._candles(symbol, timeframe, window, now_ms, _Shown.INDEX).mark(units)

    def premium_klines(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return candles of the premium index; the bar that contains `now_ms` is aggregated so far."""
        return self._candles(symbol, timeframe, window, now_ms, _Shown.PREMIUM).mark(PREMIUM_UNITS)

    def funding(self, symbol: str, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return funding events at 00:00, 08:00 and 16:00 UTC, settled by `now_ms`."""
        step = DAY_MS // FUNDING_EVENTS_PER_DAY
        # the first event settles 8 hours after the launch
        ts = _grid(MARKET_START_MS + step, step, window, min(now_ms, MARKET_END_MS - 1))
        units = self._path(symbol).funding_units[(ts - MARKET_START_MS) // step]
        return pd.DataFrame({"ts": ts, "funding_rate": units / 10**8})

    def open_interest(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return open interest at the opens of `timeframe` (5m or longer) up to `now_ms`."""
        ts = _grid(MARKET_START_MS, timeframe.ms, window, min(now_ms, MARKET_END_MS - 1))
        if len(ts) == 0:
            return pd.DataFrame({"ts": ts, "open_interest": np.zeros(0)})
        days = (ts - MARKET_START_MS) // DAY_MS
        values = [
            self._interest_of_day(symbol, int(day))[(ts[days == day] % DAY_MS) // _INTEREST_STEP.ms]
            for day in np.unique(days)
        ]
        return pd.DataFrame({"ts": ts, "open_interest": np.concatenate(values)})

    def _candles(
        self,
        symbol: str,
        timeframe: Timeframe,
        window: RowWindow,
        now_ms: int,
        shown: _Shown = _Shown.MARK,
    ) -> CandleRows:
        """Return candles with what is `shown` where the mark price would stand."""
        newest = timeframe.floor(min(now_ms, MARKET_END_MS - 1))
        opens = _grid(timeframe.floor(MARKET_START_MS), timeframe.ms, window, newest)
        if len(opens) == 0:
            return self._minutes(symbol, 0, shown).between(0, 0)
        start, end = int(opens[0]), int(opens[-1]) + timeframe.ms
        return self._rows(symbol, timeframe, start, min(end, now_ms + 1, MARKET_END_MS), now_ms, shown)

    def _rows(
        self, symbol: str, timeframe: Timeframe, start: int, end: int, now_ms: int, shown: _Shown
    ) -> CandleRows:
        """Return the candles of `timeframe` that open in [start, end), made of what is known at `now_ms`."""
        coarse = timeframe.ms >= Timeframe.M15.ms
        settled = min(end, Timeframe.M15.floor(now_ms)) if coarse else start
        parts = [
            self._quarter_hours(symbol, day, shown).between(start, settled) for day in _days(start, settled)
        ]
        fine_start = max(start, settled)
        parts += [
            self._minutes(symbol, day, shown).between(fine_start, end) for day in _days(fine_start, end)
        ]
        rows = join(parts)
        open_of_last = int(rows.ts_open[-1])
        if open_of_last + MINUTE_MS > now_ms:
            forming = rows.between(open_of_last, end).so_far(now_ms - open_of_last)
            rows = join([rows.between(0, open_of_last), forming])
        return rows.aggregate(timeframe)

    @cached_property
    def _common(self) -> CommonFactor:
        return common_factor(self.seed)

    def _make_path(self, symbol: str) -> DailyPath:
        return daily_path(self.seed, self.instruments[symbol], TEMPERS[symbol], self._common)

    def _make_minutes(self, symbol: str, day: int, shown: _Shown) -> CandleRows:
        if shown is _Shown.INDEX:
            return self._minutes(symbol, day, _Shown.MARK).with_index()
        if shown is _Shown.PREMIUM:
            return self._minutes(symbol, day, _Shown.MARK).with_premium()
        return minute_block(
            self.seed,
            self.instruments[symbol],
            self._path(symbol),
            int(self._common.regime[day]),
            day,
            MARKET_START_MS + day * DAY_MS,
        )

    def _make_quarter_hours(self, symbol: str, day: int, shown: _Shown) -> CandleRows:
        return self._minutes(symbol, day, shown).aggregate(Timeframe.M15)

    def _interest_of_day(self, symbol: str, day: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return open interest in base coin at the 288 five-minute marks of `day`, on the quantity grid."""
        count = DAY_MS // _INTEREST_STEP.ms
        start, finish = self._path(symbol).open_interest[day : day + 2]
        noise = np.cumsum(normals(Stream(self.seed, f"{symbol}/interest").words(day, count)))
        # a walk from this midnight's level to the next one's
        share = np.arange(count) / count
        walk = np.concatenate([[0.0], noise[:-1]]) - noise[-1] * share
        level = start + (finish - start) * share + start * 0.0005 * walk
        steps = self.instruments[symbol].steps_per_unit
        return (level * steps).astype(np.int64) / steps


def _grid(first: int, step: int, window: RowWindow, last: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the times first, first + step, … up to `last` that the window wants."""
    low = max(0, -(-(window.first_ts - first) // step))
    high = (min(window.last_ts, last) - first) // step
    if window.oldest:
        high = min(high, low + window.limit - 1)
    else:
        low = max(low, high - window.limit + 1)
    return first + np.arange(low, high + 1, dtype=np.int64) * step


def _days(start: int, end: int) -> range:
    """Return the days, counted from the market's first, that [start, end) touches; none when it is empty."""
    if end <= start:
        return range(0)
    return range(max(0, (start - MARKET_START_MS) // DAY_MS), (end - 1 - MARKET_START_MS) // DAY_MS + 1)
