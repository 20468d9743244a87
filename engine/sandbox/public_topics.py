"""What the public stream says: candles and tickers, as the clock moves on.

Shapes and rules as in bybit-exchange/docs, `docs/v5/websocket/public/kline` and `.../ticker`. A topic says
nothing while the clock stands still, so that a clock that is stepped decides message by message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from engine.errors import ConfigurationError
from engine.sandbox.catalogue import Instrument, InstrumentStatus
from engine.sandbox.protocol import Market, RowWindow
from engine.sandbox.tickers import ticker_row
from engine.sandbox.wire import number
from engine.timeframes import Timeframe, format_utc

Message = dict[str, Any]

_KLINE_PACE_MS = 1000
_TICKER_PACE_MS = 100
_MOST_CANDLES = 1000
_CANDLE_FIELDS = ("open", "close", "high", "low", "volume", "turnover")

# the order of Bybit's snapshot; `tickDirection` and `cs` are the stream's own
_TICKER_FIELDS = (
    *("price24hPcnt", "lastPrice", "prevPrice24h", "highPrice24h", "lowPrice24h", "prevPrice1h", "markPrice"),
    *("indexPrice", "openInterest", "openInterestValue", "turnover24h", "volume24h"),
)
_PERPETUAL_FIELDS = ("fundingIntervalHour", "fundingCap", "nextFundingTime", "fundingRate")
_FUTURE_FIELDS = (
    *("deliveryTime", "basisRate", "deliveryFeeRate", "predictedDeliveryPrice", "basis", "basisRateYear"),
    *("nextFundingTime", "fundingRate"),
)
_BOOK_FIELDS = ("bid1Price", "bid1Size", "ask1Price", "ask1Size")
_PRE_MARKET_FIELDS = ("preOpenPrice", "preQty", "curPreListingPhase")


class UnknownTopic(Exception):
    """A topic the stream does not have. Never leaves the server."""


class Feed(Protocol):
    """One topic of one connection."""

    def messages(self, now_ms: int) -> list[Message]:
        """Return what is due at `now_ms`, oldest first; the first call gives the state at the start."""
        ...


def public_feed(topic: str, market: Callable[[], Market], now_ms: int) -> Feed:
    """Return the feed of a topic, `kline.{interval}.{symbol}` or `tickers.{symbol}`.

    Parameters
    ----------
    topic : str
        What is subscribed to.
    market : Callable[[], Market]
        Gives the market under the conditions in force.
    now_ms : int
        The time of the subscription.

    Raises
    ------
    UnknownTopic
        If there is no such topic, interval or symbol, or the symbol does not trade.
    """
    match topic.split("."):
        case ["kline", interval, symbol]:
            _trading(market(), symbol, topic, now_ms)
            try:
                timeframe = Timeframe.from_bybit(interval)
            except ConfigurationError:
                raise UnknownTopic(topic) from None
            return KlineFeed(topic, market, symbol, timeframe)
        case ["tickers", symbol]:
            _trading(market(), symbol, topic, now_ms)
            return TickerFeed(topic, market, symbol)
    raise UnknownTopic(topic)


class KlineFeed:
    """The candle that forms, once a second of the exchange's time, and each candle once more as it closes.

    A message is of one candle; `confirm` is true in its last.
    """

    def __init__(self, topic: str, market: Callable[[], Market], symbol: str, timeframe: Timeframe) -> None:
        self._topic = topic
        self._market = market
        self._symbol = symbol
        self._timeframe = timeframe
        self._first_unconfirmed: int | None = None
        self._said_ms = 0

    def messages(self, now_ms: int) -> list[Message]:
        """Return the candles closed since the last call, and the one that forms if a second has passed."""
        forming = self._timeframe.floor(now_ms)
        if self._first_unconfirmed is None:
            self._first_unconfirmed = forming
        elif now_ms < self._said_ms + _KLINE_PACE_MS and forming == self._first_unconfirmed:
            return []
        window = RowWindow(self._first_unconfirmed, forming, _MOST_CANDLES)
        rows = self._market().klines(self._symbol, self._timeframe, window, now_ms)
        self._first_unconfirmed, self._said_ms = forming, now_ms
        columns = (rows[name].to_numpy().tolist() for name in ("ts_open", *_CANDLE_FIELDS))
        return [self._message(ts, values, now_ms) for ts, *values in zip(*columns, strict=True)]

    def _message(self, ts_open: int, values: list[float], now_ms: int) -> Message:
        end = self._timeframe.close(ts_open) - 1
        candle = {
            "start": ts_open,
            "end": end,
            "interval": self._timeframe.bybit_code,
            **dict(zip(_CANDLE_FIELDS, map(number, values), strict=True)),
            "confirm": now_ms > end,
            "timestamp": min(now_ms, end),
        }
        return {"topic": self._topic, "data": [candle], "ts": now_ms, "type": "snapshot"}


class TickerFeed:
    """The whole ticker at first, then what changed of it, at most every 100 ms of the exchange's time."""

    def __init__(self, topic: str, market: Callable[[], Market], symbol: str) -> None:
        self._topic = topic
        self._market = market
        self._symbol = symbol
        self._shown: dict[str, str] = {}
        self._said_ms = 0

    def messages(self, now_ms: int) -> list[Message]:
        """Return the snapshot, or a delta without the fields that did not change; nothing if none did."""
        if self._shown and now_ms < self._said_ms + _TICKER_PACE_MS:
            return []
        self._said_ms = now_ms
        market = self._market()
        fields = _stream_fields(ticker_row(market, market.instruments[self._symbol], now_ms), self._shown)
        changed = {name: value for name, value in fields.items() if self._shown.get(name) != value}
        kind = "delta" if self._shown else "snapshot"
        self._shown = fields
        if not changed:
            return []
        return [
            {
                "topic": self._topic,
                "type": kind,
                "data": {"symbol": self._symbol, **changed},
                "cs": now_ms,
                "ts": now_ms,
            }
        ]


def _trading(market: Market, symbol: str, topic: str, now_ms: int) -> Instrument:
    instrument = market.instruments.get(symbol)
    if (
        instrument is None
        or instrument.launch_ms > now_ms
        or instrument.status_at(now_ms) is not InstrumentStatus.TRADING
    ):
        raise UnknownTopic(topic)
    return instrument


def _stream_fields(row: dict[str, Any], before: dict[str, str]) -> dict[str, str]:
    """Return the fields of a ticker as the stream has them, in its order."""
    is_perpetual = row["fundingIntervalHour"] != ""
    names = (
        *_TICKER_FIELDS,
        *(_PERPETUAL_FIELDS if is_perpetual else _FUTURE_FIELDS),
        *_BOOK_FIELDS,
        *(_PRE_MARKET_FIELDS if is_perpetual else ()),
    )
    fields = {
        "tickDirection": _tick_direction(row["lastPrice"], before),
        **{name: row[name] for name in names},
    }
    if not is_perpetual:
        # the stream writes this moment out, the REST endpoint counts milliseconds
        fields["deliveryTime"] = format_utc(int(row["deliveryTime"])).replace(" ", "T") + "Z"
    return fields


def _tick_direction(price: str, before: dict[str, str]) -> str:
    """Return how the last price moved; an unchanged one keeps the direction it came from."""
    last = before.get("lastPrice", price)
    if price == last or "" in (price, last):
        was_down = before.get("tickDirection", "PlusTick").endswith("MinusTick")
        return "ZeroMinusTick" if was_down else "ZeroPlusTick"
    return "PlusTick" if float(price) > float(last) else "MinusTick"
