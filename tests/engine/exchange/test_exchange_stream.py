"""The candle stream against the sandbox's WebSocket: every closed candle once and in order."""

from __future__ import annotations

import threading
import time

import pytest

from engine.errors import SymbolNotListed
from engine.exchange import stream as stream_module
from engine.exchange.client import BybitMarketClient
from engine.exchange.connection import stream_url
from engine.exchange.stream import CandleStream, CandleTopic
from engine.exchange.timing import Timing
from engine.sandbox.clock import SandboxClock
from engine.sandbox.faults import (
    NO_FAULTS,
    PUBLIC_STREAM_PATH,
    ClosedStream,
    DroppedStream,
    FaultPlan,
    LateMessage,
    RepeatedMessage,
    Scripted,
    StalledStream,
)
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import SandboxServer
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc

START = parse_utc("2025-02-01T10:00")
BTC_1M = CandleTopic("BTCUSDT", Timeframe.M1)
ETH_5M = CandleTopic("ETHUSDT", Timeframe.M5)


@pytest.fixture(scope="module")
def market():
    return GeneratedMarket(seed=7)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A message that is late is waited for for a moment only."""
    monkeypatch.setattr(stream_module, "_LATE_S", 0.2)
    monkeypatch.setattr(stream_module, "_LOOK_S", 0.02)


class Listening:
    """A stream that is read in a thread, and the exchange behind it, whose clock a test moves."""

    def __init__(self, market, topics, first_ts=None, faults=NO_FAULTS, silence_s=5.0) -> None:
        self.clock = SandboxClock(START)
        self.market = market
        self.server = SandboxServer(market, now_ms=self.clock, faults=faults)
        self.topics, self.silence_s = topics, silence_s
        self.first_ts = first_ts or dict.fromkeys(topics, START)
        self.candles, self.outages = [], []

    def __enter__(self):
        self.server.start()
        client = BybitMarketClient(self.server.url, timing=Timing(jitter=lambda low, high: 0.02))
        self.stream = CandleStream(
            client,
            self.server.stream_url,
            self.topics,
            silence_s=self.silence_s,
            timing=Timing(jitter=lambda low, high: 0.02),
        )
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.wait_for(lambda: self.server.log.counts()[PUBLIC_STREAM_PATH])
        return self

    def _read(self):
        for candle in self.stream.candles(self.first_ts, on_outage=self.outages.append):
            self.candles.append(candle)

    def __exit__(self, *error):
        self.stream.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.server.stop()

    def wait_for(self, what, seconds=20.0):
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"{len(self.candles)} candles, {self.outages}"
            time.sleep(0.005)

    def step(self):
        """Move on into the next minute, giving the stream the time to say so."""
        before = self.server.log.counts()[PUBLIC_STREAM_PATH]
        self.clock.step(MINUTE_MS)
        self.wait_for(lambda: self.server.log.counts()[PUBLIC_STREAM_PATH] > before)

    def opens(self, topic):
        return [candle.ts_open for candle in self.candles if candle.topic == topic]

    def check(self, topic, first_ts, count):
        """The candles that were handed out are the market's, each once and in order."""
        self.wait_for(lambda: len(self.opens(topic)) >= count)
        step = topic.timeframe.ms
        assert self.opens(topic) == [first_ts + n * step for n in range(count)]
        window = RowWindow(first_ts, first_ts + (count - 1) * step, 10**6)
        truth = self.market.klines(topic.symbol, topic.timeframe, window, self.clock())
        handed = [
            (c.ts_open, c.open, c.high, c.low, c.close, c.volume, c.turnover)
            for c in self.candles
            if c.topic == topic
        ]
        assert handed == list(truth.itertuples(index=False, name=None))


def test_closed_candles_come_once_and_in_order(market):
    with Listening(market, [BTC_1M, ETH_5M]) as listening:
        for _ in range(12):
            listening.step()
        listening.check(BTC_1M, START, 12)
        listening.check(ETH_5M, START, 2)
        assert listening.outages == []


def test_what_was_before_the_connection_comes_over_rest_first(market):
    first = START - 40 * MINUTE_MS
    with Listening(market, [BTC_1M], {BTC_1M: first}) as listening:
        listening.wait_for(lambda: len(listening.candles) >= 40)
        for _ in range(3):
            listening.step()
        listening.check(BTC_1M, first, 43)


def test_a_candle_that_forms_now_is_not_handed_out(market):
    with Listening(market, [BTC_1M]) as listening:
        listening.clock.step(59_000)
        time.sleep(0.3)
        assert listening.candles == []


@pytest.mark.parametrize("fault", [DroppedStream(), ClosedStream(), RepeatedMessage(), LateMessage()])
@pytest.mark.parametrize("numbers", [(3,), (2, 5, 6, 9), tuple(range(4, 40, 3))])
def test_whatever_happens_to_messages_every_candle_comes_once(market, fault, numbers):
    faults = FaultPlan(scripted=(Scripted(fault, PUBLIC_STREAM_PATH, numbers),))
    with Listening(market, [BTC_1M], faults=faults) as listening:
        for _ in range(8):
            listening.clock.step(MINUTE_MS)
            time.sleep(0.06)
        listening.check(BTC_1M, START, 8)
        if isinstance(fault, (DroppedStream, ClosedStream)):
            assert listening.outages
            assert "gone" in listening.outages[0].reason


def test_silence_is_noticed_and_what_it_swallowed_is_caught_up(market):
    faults = FaultPlan(scripted=(Scripted(StalledStream(60.0), PUBLIC_STREAM_PATH, (3,)),))
    with Listening(market, [BTC_1M], faults=faults, silence_s=0.6) as listening:
        for _ in range(6):
            listening.clock.step(MINUTE_MS)
            time.sleep(0.05)
        listening.check(BTC_1M, START, 6)
        assert "nothing was heard" in listening.outages[0].reason


def test_an_exchange_that_is_away_for_a_while_is_found_again(market):
    with Listening(market, [BTC_1M]) as listening:
        listening.step()
        listening.check(BTC_1M, START, 1)
        listening.server.stop()
        listening.wait_for(lambda: len(listening.outages) >= 3)
        assert [outage.failures for outage in listening.outages[:3]] == [1, 2, 3]
        listening.clock.step(10 * MINUTE_MS)
        listening.server.start()
        listening.check(BTC_1M, START, 11)


def test_a_topic_the_exchange_does_not_have_is_refused(market):
    with SandboxServer(market, now_ms=SandboxClock(START)) as server:
        stream = CandleStream(
            BybitMarketClient(server.url), server.stream_url, [CandleTopic("NOPEUSDT", Timeframe.M1)]
        )
        with pytest.raises(SymbolNotListed, match=r"kline\.1\.NOPEUSDT"):
            next(stream.candles({CandleTopic("NOPEUSDT", Timeframe.M1): START + HOUR_MS}))


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://api.bybit.com", "wss://stream.bybit.com/v5/public/linear"),
        ("https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com/v5/public/linear"),
        # the demo host has no public data: they are the live ones
        ("https://api-demo.bybit.com", "wss://stream.bybit.com/v5/public/linear"),
        ("https://api.bytick.com", "wss://stream.bytick.com/v5/public/linear"),
        ("http://127.0.0.1:8765", "ws://127.0.0.1:8765/v5/public/linear"),
    ],
)
def test_the_stream_of_an_exchange_is_found_from_its_address(base, expected):
    assert stream_url(base) == expected
