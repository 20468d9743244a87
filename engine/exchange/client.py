"""Bybit's public market data as plain frames: whole ranges, whatever the page size of the endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import pandas as pd

from engine.errors import ConfigurationError, ExchangeError, SymbolNotListed
from engine.exchange.breaker import CircuitBreaker
from engine.exchange.facts import (
    InstrumentFacts,
    RiskTierFacts,
    describe_contract,
    instrument_facts,
    is_usdt_perpetual,
    risk_tier_facts,
)
from engine.exchange.limits import SharedRequestLimiter
from engine.exchange.rows import (
    FUNDING_COLUMNS,
    INTEREST_COLUMNS,
    MARK_COLUMNS,
    OHLCV_COLUMNS,
    Page,
    as_frame,
    checked_candles,
    checked_rows,
    list_of,
    objects_of,
    rows_of,
)
from engine.exchange.session import BybitSession
from engine.exchange.timing import Timing
from engine.timeframes import HOUR_MS, Timeframe, format_utc, parse_utc

# pybit knows the same hosts; the demo host's market data are mainnet's
_BYBIT_HOST = re.compile(r"api(-testnet|-demo)?\.(bybit|bytick|bybit-tr)\.[a-z.]+")
_LINEAR = "linear"
_KLINE_PAGE = 1000
_FUNDING_PAGE = 200
_INTEREST_PAGE = 200
_INSTRUMENT_PAGE = 1000
# Bybit's shortest funding interval: two events cannot be closer
_SHORTEST_FUNDING_MS = HOUR_MS

_FAR_FUTURE_MS = parse_utc("9999-01-01")

_INTEREST_CODES = {
    Timeframe.M5: "5min",
    Timeframe.M15: "15min",
    Timeframe.M30: "30min",
    Timeframe.H1: "1h",
    Timeframe.H4: "4h",
    Timeframe.D1: "1d",
}


class BybitMarketClient:
    """Market data of Bybit, or of the sandbox exchange, at one base address. Uses no keys.

    Every method that returns a frame returns the whole range or raises: a fault in the middle of paging
    leaves nothing half-fetched. Any of them may raise `ExchangeUnavailable` (nobody answers),
    `SymbolNotListed` or `ExchangeError` (the answer cannot be used). Threads may share a client.

    Parameters
    ----------
    base_url : str
        For example https://api.bybit.com or http://127.0.0.1:8765.
    timeout_s : float, optional
        How long one answer may take, in seconds.
    limiter, breaker, timing : optional
        As of `BybitSession`.

    Raises
    ------
    ConfigurationError
        If `base_url` is not an http(s) address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 10.0,
        limiter: SharedRequestLimiter | None = None,
        breaker: CircuitBreaker | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._session = BybitSession(
            base_url, timeout_s=timeout_s, limiter=limiter, breaker=breaker, timing=timing
        )

    @property
    def base_url(self) -> str:
        """The base address of the exchange."""
        return self._session.base_url

    def identity(self) -> str:
        """Return who answers: "bybit:mainnet", "bybit:testnet", or what the sandbox says of itself.

        Raises
        ------
        ExchangeError
            If the address is neither Bybit's nor a sandbox's.
        """
        if _BYBIT_HOST.fullmatch(self._session.host):
            return "bybit:testnet" if "testnet" in self._session.host else "bybit:mainnet"
        answer = self._session.fetch("/sandbox/identity")
        if isinstance(answer, dict) and isinstance(answer.get("identity"), str):
            return str(answer["identity"])
        raise ExchangeError(
            f"{self.base_url} is neither Bybit nor a sandbox exchange",
            way_out="check the address; the sandbox is started with `trade sandbox`",
        )

    def server_time_ms(self) -> int:
        """Return the exchange's clock in epoch milliseconds."""
        result = self._session.call("get_server_time", "server time")
        try:
            return int(result["timeNano"]) // 1_000_000
        except (KeyError, TypeError, ValueError):
            raise ExchangeError(f"server time: the answer has no usable timeNano: {result}") from None

    def klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the candles that open in [start_ms, end_ms), the unfinished one among them.

        Returns
        -------
        pd.DataFrame
            ts_open int64; open, high, low, close, volume (base coin), turnover (USDT) float64; ascending.
        """
        pages = self._candle_pages("get_kline", OHLCV_COLUMNS, symbol, timeframe, start_ms, end_ms)
        return as_frame(list(pages), OHLCV_COLUMNS)

    def mark_klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the mark-price candles that open in [start_ms, end_ms), the unfinished one among them.

        Returns
        -------
        pd.DataFrame
            ts_open int64; open, high, low, close float64; ascending.
        """
        pages = self._candle_pages("get_mark_price_kline", MARK_COLUMNS, symbol, timeframe, start_ms, end_ms)
        return as_frame(list(pages), MARK_COLUMNS)

    def funding(self, symbol: str, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the funding events settled in [start_ms, end_ms), at the times they were settled.

        The endpoint serves the newest events of a window, so pages are walked backwards until none is left;
        no interval is assumed.

        Returns
        -------
        pd.DataFrame
            ts int64, funding_rate float64 (a fraction; positive: long pays); ascending.
        """
        endpoint = f"funding history of {symbol}"
        pages: list[Page] = []
        last = end_ms - 1
        while last >= start_ms:
            result = self._session.call(
                "get_funding_rate_history",
                endpoint,
                category=_LINEAR,
                symbol=symbol,
                startTime=start_ms,
                endTime=last,
                limit=_FUNDING_PAGE,
            )
            rows = rows_of(result, endpoint, ("fundingRateTimestamp", "fundingRate"))
            if not rows:
                break
            pages.insert(0, checked_rows(rows, 2, endpoint, start_ms, last))
            oldest = int(pages[0][0, 0])
            if oldest - start_ms < _SHORTEST_FUNDING_MS:
                break
            last = oldest - 1
        return as_frame(pages, FUNDING_COLUMNS)

    def open_interest(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return open interest at the opens of `timeframe` (5m, 15m, 30m, 1h, 4h, 1d) in [start_ms, end_ms).

        Returns
        -------
        pd.DataFrame
            ts int64, open_interest float64 (base coin, both sides); ascending.

        Raises
        ------
        ConfigurationError
            If Bybit has no open interest of this timeframe.
        """
        if timeframe not in _INTEREST_CODES:
            known = ", ".join(map(str, _INTEREST_CODES))
            raise ConfigurationError(
                f"there is no open interest per {timeframe}", way_out=f"use one of {known}"
            )
        endpoint = f"open interest of {symbol}"
        if end_ms <= start_ms:
            return as_frame([], INTEREST_COLUMNS)
        pages: list[Page] = []
        last = end_ms - 1
        for result in self._cursor_pages(
            "get_open_interest",
            endpoint,
            symbol=symbol,
            intervalTime=_INTEREST_CODES[timeframe],
            startTime=start_ms,
            endTime=last,
            limit=_INTEREST_PAGE,
        ):
            rows = rows_of(result, endpoint, ("timestamp", "openInterest"))
            if rows:
                pages.insert(0, checked_rows(rows, 2, endpoint, start_ms, last))
                last = int(pages[0][0, 0]) - 1
        return as_frame(pages, INTEREST_COLUMNS)

    def instrument(self, symbol: str) -> InstrumentFacts:
        """Return the trading rules of a USDT perpetual.

        Raises
        ------
        SymbolNotListed
            If the exchange does not list `symbol`, or lists it as something else.
        """
        try:
            result = self._session.call(
                "get_instruments_info", f"instruments-info of {symbol}", category=_LINEAR, symbol=symbol
            )
        except SymbolNotListed:
            result = {"list": []}
        rows = [row for row in objects_of(result, "instruments-info") if row.get("symbol") == symbol]
        if not rows:
            near = get_close_matches(symbol.upper(), self.usdt_perpetuals(), n=3)
            raise SymbolNotListed(
                f"{self.base_url} does not list {symbol}",
                way_out=f"did you mean {' or '.join(near)}?"
                if near
                else "USDT perpetuals are named like BTCUSDT",
            )
        if not is_usdt_perpetual(rows[0]):
            raise SymbolNotListed(
                f"{symbol} is {describe_contract(rows[0])}, not a USDT perpetual",
                way_out="only perpetuals that settle in USDT are supported, for example BTCUSDT",
            )
        return instrument_facts(rows[0])

    def risk_tiers(self, symbol: str) -> tuple[RiskTierFacts, ...]:
        """Return the risk-limit ladder of `symbol`, lowest tier first."""
        endpoint = f"risk-limit of {symbol}"
        result = self._session.call("get_risk_limit", endpoint, category=_LINEAR, symbol=symbol)
        return risk_tier_facts(symbol, objects_of(result, endpoint))

    def usdt_perpetuals(self) -> list[str]:
        """Return the symbols of all USDT perpetuals that trade now, sorted."""
        pages = self._cursor_pages("get_instruments_info", "instruments-info", limit=_INSTRUMENT_PAGE)
        rows = [row for page in pages for row in objects_of(page, "instruments-info")]
        return sorted({str(row.get("symbol")) for row in rows if is_usdt_perpetual(row)})

    def _candle_pages(
        self,
        method: str,
        columns: Sequence[str],
        symbol: str,
        timeframe: Timeframe,
        start_ms: int,
        end_ms: int,
    ) -> Iterator[Page]:
        """Yield the pages of [start_ms, end_ms), oldest first, in windows that no page can overflow."""
        step = timeframe.ms
        first = timeframe.floor(start_ms + step - 1)
        listed = False
        while first < end_ms:
            last = timeframe.floor(min(first + (_KLINE_PAGE - 1) * step, end_ms - 1))
            page = self._candles(method, columns, symbol, timeframe, start=first, end=last, limit=_KLINE_PAGE)
            if len(page):
                listed = True
                yield page
            first = last + step
            if not listed and first < end_ms:
                # nothing yet: skip what lies before the listing in one request
                earliest = self._candles(method, columns, symbol, timeframe, start=first, limit=1)
                if len(earliest) == 0:
                    return
                first = int(earliest[0, 0])

    def _candles(
        self,
        method: str,
        columns: Sequence[str],
        symbol: str,
        timeframe: Timeframe,
        *,
        start: int,
        limit: int,
        end: int | None = None,
    ) -> Page:
        shown = "mark klines" if columns is MARK_COLUMNS else "klines"
        endpoint = f"{timeframe} {shown} of {symbol} from {format_utc(start)}"
        parameters: dict[str, object] = {"start": start, "limit": limit}
        if end is not None:
            parameters["end"] = end
        result = self._session.call(
            method,
            endpoint,
            category=_LINEAR,
            symbol=symbol,
            interval=timeframe.bybit_code,
            **parameters,
        )
        window = (start, _FAR_FUTURE_MS if end is None else end)
        return checked_candles(list_of(result, endpoint), len(columns), endpoint, timeframe, window)

    def _cursor_pages(self, method: str, endpoint: str, **parameters: object) -> Iterator[dict[str, Any]]:
        """Yield answers until the cursor ends: empty, or one that was followed before, or an empty list.

        The exchange gives the cursor percent-encoded and it goes back as it is.
        """
        followed: set[str] = set()
        cursor: str | None = None
        while True:
            result = self._session.call(method, endpoint, category=_LINEAR, cursor=cursor, **parameters)
            yield result
            cursor = str(result.get("nextPageCursor") or "")
            if not cursor or cursor in followed or not result.get("list"):
                return
            followed.add(cursor)

    def __repr__(self) -> str:
        """Return the address; a client shows nothing else."""
        return f"{type(self).__name__}({self.base_url!r})"
