"""Bybit v5's public market endpoints over a generated or recorded market.

Endpoints, parameters, limits, order and window rules follow Bybit's documentation and its measured behaviour
(bybit-exchange/docs, `docs/v5/market`). Parameters that do not exist are ignored, as there. Where Bybit's
answer to a wrong request is not documented, it is retCode 10001 with a message that says what was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import ConfigurationError
from engine.sandbox.calendar_months import MONTH, month_floor, monthly_klines
from engine.sandbox.catalogue import Instrument, InstrumentStatus, trading_symbols
from engine.sandbox.clock import Clock
from engine.sandbox.protocol import KlineSource, Market, RowWindow
from engine.sandbox.recent_trades import recent_trade_rows
from engine.sandbox.tickers import ticker_row
from engine.sandbox.windows import ParameterError, funding_window, kline_window, open_interest_window
from engine.sandbox.wire import (
    first_risk_ids,
    funding_rows,
    instrument_row,
    kline_rows,
    open_interest_rows,
    read_cursor,
    risk_limit_rows,
    write_cursor,
)
from engine.timeframes import Timeframe

Answer = dict[str, Any]

_RISK_LIMIT_PAGE = 15  # symbols
_NO_SUCH_SYMBOL = "params error: Symbol Is Invalid"

_INTEREST_TIMEFRAMES = {
    "5min": Timeframe.M5,
    "15min": Timeframe.M15,
    "30min": Timeframe.M30,
    "1h": Timeframe.H1,
    "4h": Timeframe.H4,
    "1d": Timeframe.D1,
}


class MarketEndpoints:
    """The answers to market requests: each method returns the `result` to the query's parameters."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market = market
        self._clock = clock
        self._numbers = {symbol: number for number, symbol in enumerate(market.instruments, start=1)}

    def time(self, parameters: Mapping[str, str]) -> Answer:  # noqa: ARG002 - Bybit takes none
        """Return the server's time."""
        now_ms = self._clock()
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}

    def klines(self, parameters: Mapping[str, str]) -> Answer:
        """Return candles of the last price: default 200 rows, at most 1,000."""
        return self._candles(parameters, self._market.klines)

    def mark_klines(self, parameters: Mapping[str, str]) -> Answer:
        """Return candles of the mark price."""
        return self._candles(parameters, self._market.mark_klines)

    def index_klines(self, parameters: Mapping[str, str]) -> Answer:
        """Return candles of the index price."""
        return self._candles(parameters, self._market.index_klines)

    def premium_klines(self, parameters: Mapping[str, str]) -> Answer:
        """Return candles of the premium index; only perpetuals have one."""
        if not self._instrument(parameters).has_funding:
            raise ParameterError(_NO_SUCH_SYMBOL)
        return self._candles(parameters, self._market.premium_klines)

    def recent_trades(self, parameters: Mapping[str, str]) -> Answer:
        """Return the newest trades: default 500, at most 1,000."""
        _require_linear(parameters, required=True)
        instrument, limit = self._instrument(parameters), _limit(parameters, 500, 1000)
        rows = recent_trade_rows(self._market, instrument, limit, self._clock())
        return {"category": "linear", "list": rows}

    def _candles(self, parameters: Mapping[str, str], source: KlineSource) -> Answer:
        instrument = self._instrument(parameters)
        interval = parameters.get("interval", "")
        now_ms = self._clock()
        start, end = _integer(parameters, "start"), _integer(parameters, "end")
        limit = _limit(parameters, 200, 1000)
        if interval == MONTH:
            window = kline_window(month_floor, start, end, limit, now_ms)
            frame = monthly_klines(source, instrument.symbol, window, now_ms)
        else:
            timeframe = _timeframe(interval)
            window = kline_window(timeframe.floor, start, end, limit, now_ms)
            frame = source(instrument.symbol, timeframe, window, now_ms)
        return {"symbol": instrument.symbol, "category": "linear", "list": kline_rows(frame)}

    def funding_history(self, parameters: Mapping[str, str]) -> Answer:
        """Return settled funding events: at most 200 rows."""
        instrument = self._instrument(parameters)
        now_ms = self._clock()
        start, end = _integer(parameters, "startTime"), _integer(parameters, "endTime")
        window = funding_window(start, end, _limit(parameters, 200, 200), now_ms)
        if not instrument.has_funding:
            return {"category": "linear", "list": []}
        frame = self._market.funding(instrument.symbol, window, now_ms)
        return {"category": "linear", "list": funding_rows(instrument.symbol, frame)}

    def open_interest(self, parameters: Mapping[str, str]) -> Answer:
        """Return open interest: default 50 rows, at most 200, then a cursor to the rows before them."""
        instrument = self._instrument(parameters)
        interval = parameters.get("intervalTime", "")
        if interval not in _INTEREST_TIMEFRAMES:
            raise ParameterError("intervalTime is invalid")
        now_ms = self._clock()
        limit = _limit(parameters, 50, 200)
        start, end = _integer(parameters, "startTime"), _integer(parameters, "endTime")
        window = open_interest_window(start, end, limit, now_ms)
        last_ts = window.last_ts
        if parameters.get("cursor"):
            last_ts = min(last_ts, _whole(read_cursor(parameters["cursor"], "lasttime"), "cursor") * 1000 - 1)
        # one row more than asked for tells whether there is a next page
        wider = RowWindow(window.first_ts, last_ts, limit + 1)
        timeframe = _INTEREST_TIMEFRAMES[interval]
        frame = self._market.open_interest(instrument.symbol, timeframe, wider, now_ms)
        page = frame.iloc[max(0, len(frame) - limit) :]
        cursor = ""
        if len(frame) > limit:
            oldest = int(page["ts"].iloc[0])
            cursor = write_cursor(lastid=oldest // Timeframe.M5.ms, lasttime=oldest // 1000)
        rows = open_interest_rows(page)
        return {
            "symbol": instrument.symbol,
            "category": "linear",
            "list": rows,
            "nextPageCursor": cursor,
        }

    def instruments_info(self, parameters: Mapping[str, str]) -> Answer:
        """Return trading rules: all instruments of a status in pages of 500 (at most 1,000), or one.

        Without a status those that trade; `Closed` gives the delisted ones.
        """
        _require_linear(parameters, required=True)
        now_ms = self._clock()
        status = _status(parameters)
        chosen = [
            instrument
            for instrument in self._chosen(parameters)
            if instrument.status_at(now_ms) is status
            and parameters.get("baseCoin") in (None, "", instrument.base_coin)
        ]
        page, cursor = _page(chosen, parameters, _limit(parameters, 500, 1000))
        return {
            "category": "linear",
            "list": [
                instrument_row(instrument, self._numbers[instrument.symbol], now_ms) for instrument in page
            ],
            "nextPageCursor": cursor,
        }

    def risk_limit(self, parameters: Mapping[str, str]) -> Answer:
        """Return risk-limit ladders, fifteen symbols to a page. A delisted symbol has none."""
        _require_linear(parameters, required=True)
        page, cursor = _page(self._trading(parameters), parameters, _RISK_LIMIT_PAGE)
        first_ids = first_risk_ids(self._market.instruments)
        rows = [
            row for instrument in page for row in risk_limit_rows(instrument, first_ids[instrument.symbol])
        ]
        return {"category": "linear", "list": rows, "nextPageCursor": cursor}

    def tickers(self, parameters: Mapping[str, str]) -> Answer:
        """Return the last 24 hours and the present state of all instruments that trade, or of one."""
        _require_linear(parameters, required=True)
        now_ms = self._clock()
        chosen = self._trading(parameters)
        if not chosen:
            raise ParameterError(_NO_SUCH_SYMBOL)
        return {
            "category": "linear",
            "list": [ticker_row(self._market, instrument, now_ms) for instrument in chosen],
        }

    def identity(self) -> Answer:
        """Return who this market is: the sandbox's own endpoint, not in Bybit's envelope."""
        return {
            "identity": self._market.identity,
            "generated": self._market.is_generated,
            "now_ms": self._clock(),
            "symbols": trading_symbols(self._market.instruments, self._clock()),
        }

    def _instrument(self, parameters: Mapping[str, str]) -> Instrument:
        _require_linear(parameters, required=False)
        instrument = self._market.instruments.get(parameters.get("symbol", ""))
        if instrument is None or instrument.launch_ms > self._clock():
            raise ParameterError(_NO_SUCH_SYMBOL)
        return instrument

    def _chosen(self, parameters: Mapping[str, str]) -> list[Instrument]:
        """Return the instrument that is asked for, or all that were ever listed, by symbol."""
        if parameters.get("symbol"):
            return [self._instrument(parameters)]
        now_ms = self._clock()
        instruments = self._market.instruments
        return [
            instruments[symbol] for symbol in sorted(instruments) if instruments[symbol].launch_ms <= now_ms
        ]

    def _trading(self, parameters: Mapping[str, str]) -> list[Instrument]:
        now_ms = self._clock()
        return [
            instrument
            for instrument in self._chosen(parameters)
            if instrument.status_at(now_ms) is InstrumentStatus.TRADING
        ]


def _require_linear(parameters: Mapping[str, str], *, required: bool) -> None:
    if parameters.get("category", "" if required else "linear") != "linear":
        raise ParameterError("params error: category is invalid, the sandbox serves linear only")


Ask = Callable[[MarketEndpoints, Mapping[str, str]], Answer]

MARKET_PATHS: Mapping[str, Ask] = {
    "/v5/market/time": MarketEndpoints.time,
    "/v5/market/kline": MarketEndpoints.klines,
    "/v5/market/mark-price-kline": MarketEndpoints.mark_klines,
    "/v5/market/index-price-kline": MarketEndpoints.index_klines,
    "/v5/market/premium-index-price-kline": MarketEndpoints.premium_klines,
    "/v5/market/recent-trade": MarketEndpoints.recent_trades,
    "/v5/market/funding/history": MarketEndpoints.funding_history,
    "/v5/market/open-interest": MarketEndpoints.open_interest,
    "/v5/market/instruments-info": MarketEndpoints.instruments_info,
    "/v5/market/risk-limit": MarketEndpoints.risk_limit,
    "/v5/market/tickers": MarketEndpoints.tickers,
}


def _timeframe(interval: str) -> Timeframe:
    try:
        return Timeframe.from_bybit(interval)
    except ConfigurationError:
        raise ParameterError("Invalid period!") from None


def _status(parameters: Mapping[str, str]) -> InstrumentStatus:
    try:
        return InstrumentStatus(parameters.get("status") or InstrumentStatus.TRADING)
    except ValueError:
        raise ParameterError("params error: status is invalid") from None


def _whole(text: str, name: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**53:
        raise ParameterError(f"params error: {name} is invalid")
    return value


def _integer(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name, "")
    return _whole(text, name) if text else None


def _limit(parameters: Mapping[str, str], default: int, most: int) -> int:
    """Return the number of rows asked for; more than the endpoint's most is cut to it."""
    limit = _integer(parameters, "limit")
    if limit is None:
        return default
    if limit == 0:
        raise ParameterError("params error: limit is invalid")
    return min(limit, most)


def _page(chosen: list[Instrument], parameters: Mapping[str, str], size: int) -> tuple[list[Instrument], str]:
    """Return the page of instruments that follows the request's cursor, and the cursor to the next one."""
    if parameters.get("cursor"):
        after = read_cursor(parameters["cursor"], "last")
        chosen = [instrument for instrument in chosen if instrument.symbol > after]
    page = chosen[:size]
    if len(chosen) <= size:
        return page, ""
    return page, write_cursor(first=page[0].symbol, last=page[-1].symbol)
