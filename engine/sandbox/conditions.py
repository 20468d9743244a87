"""What can happen to a market: halts, listings, delistings, funding intervals that change.

`ConditionedMarket` is a market to which such things happen. It is a market like any other, so that candles of
every length, tickers, streams and funding agree about them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.errors import ConfigurationError
from engine.sandbox.catalogue import Instrument
from engine.sandbox.protocol import KlineSource, Market, RowWindow
from engine.timeframes import MINUTE_MS, Timeframe, format_utc

_BEGINNING = -(2**62)
_END = 2**62


class Condition:
    """Something that happens to a market."""

    symbol: str


@dataclass(frozen=True)
class Halt(Condition):
    """`symbol` does not trade in [start_ms, end_ms): there are no candles of it, of any price.

    Funding and open interest go on. Both ends are whole minutes.
    """

    symbol: str
    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        """Refuse a halt that is none."""
        if self.end_ms <= self.start_ms or self.start_ms % MINUTE_MS or self.end_ms % MINUTE_MS:
            raise ConfigurationError(
                f"a halt of {self.symbol} from {format_utc(self.start_ms)} to {format_utc(self.end_ms)}",
                way_out="give whole minutes, the end after the start",
            )


@dataclass(frozen=True)
class Listing(Condition):
    """`symbol` is listed at `at_ms` only: before, there is nothing of it."""

    symbol: str
    at_ms: int


@dataclass(frozen=True)
class Delisting(Condition):
    """`symbol` is delisted at `at_ms`: from then on it is Closed and has no new rows."""

    symbol: str
    at_ms: int


@dataclass(frozen=True)
class FundingInterval(Condition):
    """From `from_ms` on, `symbol` settles funding every so many minutes, at multiples of them from midnight.

    Each event takes the rate of the last one before it in the market underneath.
    """

    symbol: str
    from_ms: int
    minutes: int

    def __post_init__(self) -> None:
        """Refuse an interval Bybit does not have."""
        if self.minutes not in (60, 120, 240, 480):
            raise ConfigurationError(
                f"a funding interval of {self.minutes} minutes for {self.symbol}",
                way_out="Bybit settles every 60, 120, 240 or 480 minutes",
            )


class ConditionedMarket:
    """A market under conditions. It has the identity of the market underneath.

    Parameters
    ----------
    market : Market
        The market underneath.
    conditions : tuple[Condition, ...]
        What happens to it.

    Raises
    ------
    ConfigurationError
        If a condition is of a symbol the market does not have.
    """

    def __init__(self, market: Market, conditions: tuple[Condition, ...]) -> None:
        for condition in conditions:
            if condition.symbol not in market.instruments:
                raise ConfigurationError(
                    f"{type(condition).__name__} names {condition.symbol}, which the sandbox does not have",
                    way_out=f"it has {', '.join(sorted(market.instruments))}",
                )
        self._market = market
        self._conditions = conditions

    @property
    def identity(self) -> str:
        """Who the market underneath is."""
        return self._market.identity

    @property
    def is_generated(self) -> bool:
        """Whether the history is made up."""
        return self._market.is_generated

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The instruments, with launch, delivery and funding intervals as the conditions have them."""
        if not self._conditions:
            return self._market.instruments
        listed = dict(self._market.instruments)
        for condition in self._conditions:
            instrument = listed[condition.symbol]
            if isinstance(condition, Listing):
                instrument = replace(instrument, launch_ms=condition.at_ms)
            elif isinstance(condition, Delisting):
                instrument = replace(instrument, delivery_ms=condition.at_ms)
            elif isinstance(condition, FundingInterval):
                change = (condition.from_ms, condition.minutes)
                instrument = replace(instrument, funding_changes=(*instrument.funding_changes, change))
            listed[condition.symbol] = instrument
        return listed

    def klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the last price, of the time in which the symbol traded."""
        return self._candles(self._market.klines, symbol, timeframe, window, now_ms)

    def mark_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the mark price, of the time in which the symbol traded."""
        return self._candles(self._market.mark_klines, symbol, timeframe, window, now_ms)

    def index_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return candles of the index price, of the time in which the symbol traded."""
        return self._candles(self._market.index_klines, symbol, timeframe, window, now_ms)

    def premium_klines(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return candles of the premium index, of the time in which the symbol traded."""
        return self._candles(self._market.premium_klines, symbol, timeframe, window, now_ms)

    def funding(self, symbol: str, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return funding events, at the interval in force at each."""
        listed_from, listed_to = self._listed(symbol)
        within = replace(
            window,
            first_ts=max(window.first_ts, listed_from + 1),
            last_ts=min(window.last_ts, listed_to - 1, now_ms),
        )
        changes = [
            condition
            for condition in self._conditions
            if isinstance(condition, FundingInterval) and condition.symbol == symbol
        ]
        if not changes:
            return self._market.funding(symbol, within, now_ms)
        return within.select(self._funding_with(changes, symbol, within.last_ts, now_ms), "ts")

    def open_interest(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return open interest of the time in which the symbol was listed."""
        listed_from, listed_to = self._listed(symbol)
        first_ts, last_ts = max(window.first_ts, listed_from), min(window.last_ts, listed_to - 1)
        within = replace(window, first_ts=first_ts, last_ts=last_ts)
        return self._market.open_interest(symbol, timeframe, within, now_ms)

    def _candles(
        self, source: KlineSource, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        spans = self._traded(symbol)
        if spans == [(_BEGINNING, _END)]:
            return source(symbol, timeframe, window, now_ms)
        taken: list[pd.DataFrame] = []
        wanted = window.limit
        parts = _parts(spans, timeframe)
        for part in parts if window.oldest else reversed(parts):
            first_ts, last_ts = max(part.first_ts, window.first_ts), min(part.last_ts, window.last_ts)
            if wanted == 0 or first_ts > last_ts:
                continue
            if part.is_whole:
                within = RowWindow(first_ts, last_ts, wanted, window.oldest)
                rows = source(symbol, timeframe, within, now_ms)
            else:
                rows = _torn_bar(source, symbol, timeframe, part.first_ts, spans, now_ms)
            if len(rows) > 0:
                taken.append(rows)
                wanted -= len(rows)
        if not taken:
            return source(symbol, timeframe, RowWindow(0, -1, 1), now_ms)
        return pd.concat(taken if window.oldest else taken[::-1], ignore_index=True)

    def _listed(self, symbol: str) -> tuple[int, int]:
        """Return from when to when the symbol is listed, as far as that cuts its rows.

        A launch time of the catalogue cuts nothing: on Bybit, too, it is not the time of the first candle.
        """
        listings = [
            condition.at_ms
            for condition in self._conditions
            if isinstance(condition, Listing) and condition.symbol == symbol
        ]
        return max(listings, default=_BEGINNING), self.instruments[symbol].delivery_ms or _END

    def _traded(self, symbol: str) -> list[Span]:
        """Return the times in which the symbol trades, in order: listed, and not halted."""
        halts = sorted(
            (condition.start_ms, condition.end_ms)
            for condition in self._conditions
            if isinstance(condition, Halt) and condition.symbol == symbol
        )
        start, end = self._listed(symbol)
        spans: list[Span] = []
        for halt_start, halt_end in halts:
            if start < min(halt_start, end):
                spans.append((start, min(halt_start, end)))
            start = max(start, halt_end)
        if start < end:
            spans.append((start, end))
        return spans

    def _funding_with(
        self, changes: list[FundingInterval], symbol: str, last_ts: int, now_ms: int
    ) -> pd.DataFrame:
        events = self._market.funding(symbol, RowWindow(0, last_ts, 10**9), now_ms)
        times, rates = events["ts"].to_numpy(), events["funding_rate"].to_numpy()
        changes = sorted(changes, key=lambda change: change.from_ms)
        ends = [change.from_ms for change in changes[1:]] + [last_ts + 1]
        kept = [times[times < changes[0].from_ms]]
        for change, end in zip(changes, ends, strict=True):
            step = change.minutes * MINUTE_MS
            kept.append(np.arange(-(-change.from_ms // step) * step, end, step, dtype=np.int64))
        settled = np.concatenate(kept)
        last_before = np.searchsorted(times, settled, side="right") - 1
        known = last_before >= 0
        return pd.DataFrame({"ts": settled[known], "funding_rate": rates[last_before[known]]})


Span = tuple[int, int]
"""A time from its first millisecond up to, and not including, its second."""


@dataclass(frozen=True)
class _Part:
    """Bars that open in [first_ts, last_ts]: traded from end to end, or one bar that is torn by an edge."""

    first_ts: int
    last_ts: int
    is_whole: bool


def _parts(spans: list[Span], timeframe: Timeframe) -> list[_Part]:
    """Return which bars the spans hold whole and which in part, in order of time."""
    parts: dict[int, _Part] = {}
    for start, end in spans:
        first = start if start == _BEGINNING else timeframe.floor(start + timeframe.ms - 1)
        past = end if end == _END else timeframe.floor(end)
        for edge in (start, end):
            bar = timeframe.floor(edge)
            if edge not in (_BEGINNING, _END, bar):
                parts[bar] = _Part(bar, bar, is_whole=False)
        if first < past:
            parts[first] = _Part(first, past - 1, is_whole=True)
    return [parts[first_ts] for first_ts in sorted(parts)]


def _torn_bar(
    source: KlineSource, symbol: str, timeframe: Timeframe, ts_open: int, spans: list[Span], now_ms: int
) -> pd.DataFrame:
    """Return the bar that opens at `ts_open` made of the minutes that were traded; no row without minutes."""
    close = timeframe.close(ts_open)
    traded = [
        source(symbol, Timeframe.M1, RowWindow(max(start, ts_open), min(end, close) - 1, 10**9), now_ms)
        for start, end in spans
        if start < close and ts_open < end
    ]
    minutes = pd.concat([rows for rows in traded if len(rows) > 0] or traded[:1], ignore_index=True)
    if len(minutes) == 0:
        return minutes
    bar = {
        "ts_open": ts_open,
        "open": minutes["open"].iloc[0],
        "high": minutes["high"].max(),
        "low": minutes["low"].min(),
        "close": minutes["close"].iloc[-1],
    }
    bar |= {name: minutes[name].sum() for name in ("volume", "turnover") if name in minutes}
    return pd.DataFrame([bar])
