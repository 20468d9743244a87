"""Bybit's public market data as plain frames: whole ranges, whatever the page size of the endpoint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import pandas as pd

from engine.errors import ConfigurationError, ExchangeError, SymbolNotListed
from engine.exchange.breaker import CircuitBreaker
from engine.exchange.event_paging import fetch_events
from engine.exchange.facts import (
    TRADING,
    InstrumentFacts,
    RiskTierFacts,
    describe_contract,
    instrument_facts,
    is_usdt_perpetual,
    risk_tier_facts,
    server_ms_of,
)
from engine.exchange.instruments_info import find_instrument, instrument_rows
from engine.exchange.limits import SharedRequestLimiter
from engine.exchange.paging import GridSource, fetch_grid
from engine.exchange.rows import (
    FUNDING_COLUMNS,
    INTEREST_COLUMNS,
    OHLCV_COLUMNS,
    PRICE_COLUMNS,
    Page,
    are_candles,
    as_frame,
    list_of,
    objects_of,
    page_of,
    rows_of,
)
from engine.exchange.session import BybitSession
from engine.exchange.timing import Timing
from engine.timeframes import Timeframe, format_utc

# pybit knows the same hosts; the demo host's market data are mainnet's
_BYBIT_HOST = re.compile(r"api(-testnet|-demo)?\.(bybit|bytick|bybit-tr)\.[a-z.]+")
_LINEAR = "linear"
_KLINE_PAGE = 1000
_FUNDING_PAGE = 200
_INTEREST_PAGE = 200
_SHOWN = {
    "get_kline": "klines",
    "get_mark_price_kline": "mark klines",
    "get_index_price_kline": "index klines",
}

# At Bybit's usual 60 ms for an answer, so many at once make full use of its request limit.
_CONNECTIONS = 8

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
        return self._session.call("get_server_time", "server time", server_ms_of)

    def klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the candles that open in [start_ms, end_ms), the unfinished one among them.

        Returns
        -------
        pd.DataFrame
            ts_open int64; open, high, low, close, volume (base coin), turnover (USDT) float64; ascending.
        """
        return self._candles("get_kline", OHLCV_COLUMNS, symbol, timeframe, start_ms, end_ms)

    def mark_klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the mark-price candles that open in [start_ms, end_ms), the unfinished one among them.

        Returns
        -------
        pd.DataFrame
            ts_open int64; open, high, low, close float64; ascending.
        """
        return self._candles("get_mark_price_kline", PRICE_COLUMNS, symbol, timeframe, start_ms, end_ms)

    def index_klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the candles of the index price, as `mark_klines` those of the mark price."""
        return self._candles("get_index_price_kline", PRICE_COLUMNS, symbol, timeframe, start_ms, end_ms)

    def funding(self, symbol: str, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return the funding events settled in [start_ms, end_ms), at the times they were settled.

        No interval is assumed; see `event_paging`.

        Returns
        -------
        pd.DataFrame
            ts int64, funding_rate float64 (a fraction; positive: long pays); ascending.
        """
        endpoint = f"funding history of {symbol}"

        def ask(first_ts: int, last_ts: int) -> Page:
            def read(result: dict[str, Any]) -> Page:
                rows = rows_of(result, ("fundingRateTimestamp", "fundingRate"))
                return page_of(rows, len(FUNDING_COLUMNS), first_ts, last_ts)

            return self._session.call(
                "get_funding_rate_history",
                endpoint,
                read,
                category=_LINEAR,
                symbol=symbol,
                startTime=first_ts,
                endTime=last_ts,
                limit=_FUNDING_PAGE,
            )

        return as_frame(fetch_events(endpoint, ask, start_ms, end_ms - 1), FUNDING_COLUMNS)

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

        def ask(first_ts: int, last_ts: int, limit: int) -> Page:
            def read(result: dict[str, Any]) -> Page:
                rows = rows_of(result, ("timestamp", "openInterest"))
                return page_of(rows, len(INTEREST_COLUMNS), first_ts, last_ts)

            return self._session.call(
                "get_open_interest",
                endpoint,
                read,
                category=_LINEAR,
                symbol=symbol,
                intervalTime=_INTEREST_CODES[timeframe],
                startTime=first_ts,
                endTime=last_ts,
                limit=limit,
            )

        source = GridSource(endpoint, ask, timeframe.ms, _INTEREST_PAGE, lambda page: True)  # noqa: ARG005
        return self._grid(source, timeframe, start_ms, end_ms, INTEREST_COLUMNS)

    def instrument(self, symbol: str) -> InstrumentFacts:
        """Return the trading rules of a USDT perpetual, also of one that is not listed yet or any more.

        Raises
        ------
        SymbolNotListed
            If the exchange does not know `symbol`, or as something else.
        """
        row = find_instrument(self._session, symbol)
        if row is None:
            near = get_close_matches(symbol.upper(), self.usdt_perpetuals(), n=3)
            raise SymbolNotListed(
                f"{self.base_url} does not list {symbol}",
                way_out=f"did you mean {' or '.join(near)}?"
                if near
                else "USDT perpetuals are named like BTCUSDT",
            )
        if not is_usdt_perpetual(row):
            raise SymbolNotListed(
                f"{symbol} is {describe_contract(row)}, not a USDT perpetual",
                way_out="only perpetuals that settle in USDT are supported, for example BTCUSDT",
            )
        return instrument_facts(row)

    def risk_tiers(self, symbol: str) -> tuple[RiskTierFacts, ...]:
        """Return the risk-limit ladder of `symbol`, lowest tier first; empty for one that is delisted."""
        try:
            return self._session.call(
                "get_risk_limit",
                f"risk-limit of {symbol}",
                lambda result: risk_tier_facts(symbol, objects_of(result)),
                category=_LINEAR,
                symbol=symbol,
            )
        except SymbolNotListed:
            if find_instrument(self._session, symbol) is None:
                raise
            return ()

    def usdt_perpetuals(self, status: str = TRADING) -> list[str]:
        """Return the symbols of all USDT perpetuals, sorted: those that trade now, or of another `status`.

        Bybit's other ones are PreLaunch, Delivering and Closed (delisted).
        """
        rows = instrument_rows(self._session, status=status)
        return sorted({str(row.get("symbol")) for row in rows if is_usdt_perpetual(row)})

    def _candles(
        self,
        method: str,
        columns: Sequence[str],
        symbol: str,
        timeframe: Timeframe,
        start_ms: int,
        end_ms: int,
    ) -> pd.DataFrame:
        name = f"{timeframe} {_SHOWN[method]} of {symbol}"

        def ask(first_ts: int, last_ts: int, limit: int) -> Page:
            return self._session.call(
                method,
                f"{name} from {format_utc(first_ts)}",
                lambda result: page_of(list_of(result), len(columns), first_ts, last_ts),
                category=_LINEAR,
                symbol=symbol,
                interval=timeframe.bybit_code,
                start=first_ts,
                end=last_ts,
                limit=limit,
            )

        source = GridSource(name, ask, timeframe.ms, _KLINE_PAGE, lambda page: are_candles(page, timeframe))
        return self._grid(source, timeframe, start_ms, end_ms, columns)

    def _grid(
        self, source: GridSource, timeframe: Timeframe, start_ms: int, end_ms: int, columns: Sequence[str]
    ) -> pd.DataFrame:
        first_ts, last_ts = timeframe.floor(start_ms + timeframe.ms - 1), timeframe.floor(end_ms - 1)
        return as_frame(fetch_grid(source, first_ts, last_ts, self._executor), columns)

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        # its threads begin with the first range of more than one page, and end with the client
        return ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="bybit")

    def __repr__(self) -> str:
        """Return the address; a client shows nothing else."""
        return f"{type(self).__name__}({self.base_url!r})"
