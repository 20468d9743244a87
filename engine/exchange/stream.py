"""Closed candles as they close: each exactly once, in order, over however many connections that takes.

The stream tells when a candle is closed; what it does not tell (before it was connected, while it was
not, a message that was lost) is fetched over REST before anything later is handed out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ExchangeUnavailable, SymbolNotListed
from engine.exchange.client import BybitMarketClient
from engine.exchange.timing import Timing
from engine.timeframes import Timeframe, format_utc

if TYPE_CHECKING:
    from engine.exchange.connection import StreamConnection

_LOG = logging.getLogger(__name__)

# How long it may take until a reader that was asked to stop does.
_LOOK_S = 0.25
# The last message of a candle may come a little after the first of the next one.
_LATE_S = 2.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
# How often the exchange is asked for a candle that must be closed and is not served yet.
_CATCH_UPS = 5
_CATCH_UP_WAIT_S = 1.0


@dataclass(frozen=True)
class CandleTopic:
    """The candles of a symbol and timeframe."""

    symbol: str
    timeframe: Timeframe

    @property
    def name(self) -> str:
        """The topic as the stream writes it."""
        return f"kline.{self.timeframe.bybit_code}.{self.symbol}"


@dataclass(frozen=True)
class ClosedCandle:
    """A candle that does not change any more. Prices in USDT, volume in base coin, turnover in USDT."""

    topic: CandleTopic
    ts_open: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float


@dataclass(frozen=True)
class Outage:
    """The stream is interrupted: why, for the how-manieth time in a row, and when it is tried again."""

    reason: str
    failures: int
    next_attempt_s: float


class CandleStream:
    """Hands out closed candles of several series.

    Parameters
    ----------
    client : BybitMarketClient
        For what the stream does not tell.
    url : str
        Address of the public stream; see `connection.stream_url`.
    topics : sequence of CandleTopic
        What is wanted.
    silence_s : float, optional
        After so many seconds in which nothing is heard, in spite of pings, or in which one topic says
        nothing, the connection is given up and a new one is opened. Bybit says something of each candle at
        least once a minute.
    timing : Timing, optional
        The clock and the way to wait.
    """

    def __init__(
        self,
        client: BybitMarketClient,
        url: str,
        topics: Sequence[CandleTopic],
        *,
        silence_s: float = 75.0,
        timing: Timing | None = None,
    ) -> None:
        self._client = client
        self._url = url
        self._topics = {topic.name: topic for topic in topics}
        self._silence_s = silence_s
        self._timing = timing or Timing()
        self._stopping = threading.Event()
        self._next_ts: dict[str, int] = {}

    def stop(self) -> None:
        """Let `candles` end soon; any thread may call it."""
        self._stopping.set()

    def candles(
        self,
        first_ts: Mapping[CandleTopic, int] | None = None,
        *,
        on_outage: Callable[[Outage], None] | None = None,
    ) -> Iterator[ClosedCandle]:
        """Yield candles as they close, until `stop`.

        Parameters
        ----------
        first_ts : mapping of CandleTopic to int, optional
            The opening time of the first candle that is wanted of a topic, past or not; by default the one
            that forms now.
        on_outage : callable, optional
            Told each time the stream is lost or cannot be opened. It may raise, which ends the stream.

        Raises
        ------
        SymbolNotListed
            If the exchange does not have a topic.
        ExchangeError
            If the exchange refuses to serve what was missed, for another reason than being out of reach.
        """
        from engine.exchange.connection import StreamConnection, StreamLost, TopicRefused

        self._next_ts = {topic.name: ts for topic, ts in (first_ts or {}).items()}
        failures = 0
        while not self._stopping.is_set():
            try:
                with StreamConnection(
                    self._url, list(self._topics), silence_s=self._silence_s, timing=self._timing
                ) as connection:
                    for candle in self._read(connection):
                        failures = 0
                        yield candle
            except TopicRefused as error:
                raise SymbolNotListed(
                    f"the stream at {self._url} refuses a topic: {error}",
                    way_out="check the symbols; the stream has those that trade now",
                ) from None
            except (StreamLost, ExchangeUnavailable) as error:
                failures += 1
                longest_s = min(_FIRST_WAIT_S * 2 ** (failures - 1), _LONGEST_WAIT_S)
                outage = Outage(str(error), failures, self._timing.jitter(longest_s / 2, longest_s))
                _LOG.warning(
                    "the stream at %s is lost: %s; next attempt in %.1f s",
                    self._url,
                    outage.reason,
                    outage.next_attempt_s,
                )
                if on_outage is not None:
                    on_outage(outage)
                self._pause(outage.next_attempt_s)

    def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until somebody wants to stop."""
        until_s = self._timing.monotonic_s() + seconds
        while not self._stopping.is_set() and (left_s := until_s - self._timing.monotonic_s()) > 0:
            self._timing.sleep(min(left_s, _LOOK_S))

    def _read(self, connection: StreamConnection) -> Iterator[ClosedCandle]:
        """Yield what was missed, then what one connection tells, until it is lost or nobody wants more."""
        from engine.exchange.connection import StreamLost

        now_ms = self._client.server_time_ms()
        for name, topic in self._topics.items():
            self._next_ts.setdefault(name, topic.timeframe.floor(now_ms))
            # What has closed this very moment is left to the stream: REST may still show it unfinished.
            yield from self._missed(name, topic.timeframe.floor(now_ms - round(_LATE_S * 1000)))
        heard_s = dict.fromkeys(self._topics, self._timing.monotonic_s())
        overdue_s: dict[str, float] = {}
        while not self._stopping.is_set():
            message = connection.receive(_LOOK_S)
            now_s = self._timing.monotonic_s()
            if message is not None and message["topic"] in self._topics:
                name = str(message["topic"])
                heard_s[name] = now_s
                for candle, is_closed in _candles_of(self._topics[name], message):
                    if is_closed and candle.ts_open == self._next_ts[name]:
                        self._next_ts[name] += candle.topic.timeframe.ms
                        overdue_s.pop(name, None)
                        yield candle
                    elif candle.ts_open > self._next_ts[name]:
                        overdue_s.setdefault(name, now_s)
            for name, since_s in list(overdue_s.items()):
                if now_s - since_s >= _LATE_S:
                    del overdue_s[name]
                    yield from self._missed(name, self._closed_until(name))
            silent = min(heard_s, key=lambda name: heard_s[name])
            if now_s - heard_s[silent] > self._silence_s:
                raise StreamLost(f"{silent} says nothing")

    def _closed_until(self, name: str) -> int:
        return self._topics[name].timeframe.floor(self._client.server_time_ms())

    def _missed(self, name: str, until_ts: int) -> Iterator[ClosedCandle]:
        """Yield the candles from the next one to the last that opens before `until_ts`, over REST."""
        topic = self._topics[name]
        first_ts = self._next_ts[name]
        if first_ts >= until_ts:
            return
        wanted = (until_ts - first_ts) // topic.timeframe.ms
        for attempt in range(_CATCH_UPS):
            rows = self._client.klines(topic.symbol, topic.timeframe, first_ts, until_ts)
            if len(rows) == wanted or attempt == _CATCH_UPS - 1:
                break
            self._timing.sleep(_CATCH_UP_WAIT_S)
        if len(rows) < wanted:
            _LOG.warning(
                "%s from %s: the exchange has %d of %d candles", name, format_utc(first_ts), len(rows), wanted
            )
        for ts_open, *values in rows.to_numpy(np.float64).tolist():
            self._next_ts[name] = int(ts_open) + topic.timeframe.ms
            yield ClosedCandle(topic, int(ts_open), *values)
        self._next_ts[name] = until_ts


def _candles_of(topic: CandleTopic, message: Mapping[str, Any]) -> list[tuple[ClosedCandle, bool]]:
    """Return the candles of a message, each with whether it is closed.

    Raises
    ------
    StreamLost
        If the message is not of Bybit's form.
    """
    from engine.exchange.connection import StreamLost

    try:
        return [
            (
                ClosedCandle(
                    topic,
                    int(row["start"]),
                    *(float(row[name]) for name in ("open", "high", "low", "close", "volume", "turnover")),
                ),
                row["confirm"] is True,
            )
            for row in message["data"]
        ]
    except (KeyError, TypeError, ValueError):
        raise StreamLost(f"a message of {topic.name} cannot be read") from None
