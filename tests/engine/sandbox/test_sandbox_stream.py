"""The public stream: acknowledgements, candles that close, tickers in deltas, and a stream that fails.

Shapes are those of Bybit's documentation (websocket/public/kline and ticker, websocket/connect) and of the
answers recorded by NautilusTrader.
"""

import json
import time

import pybit.unified_trading
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import connect

from engine.sandbox.conditions import Delisting
from engine.sandbox.faults import (
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
from engine.sandbox.running import SandboxClock, SandboxServer
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc

START = parse_utc("2025-07-01T10:07:31")
PATH = "/v5/public/linear"
KLINE = "kline.1.BTCUSDT"


@pytest.fixture(scope="module")
def market():
    return GeneratedMarket(seed=7)


@pytest.fixture
def clock():
    return SandboxClock(START)


@pytest.fixture
def server(market, clock):
    with SandboxServer(market, now_ms=clock) as running:
        yield running


class Client:
    """A connection that sends plain operations and reads plain messages."""

    def __init__(self, server):
        self.socket = connect(server.stream_url, proxy=None)

    def say(self, **request):
        self.socket.send(json.dumps(request))

    def hear(self, timeout=5):
        return json.loads(self.socket.recv(timeout))

    def subscribed(self, *topics):
        """Subscribe and return the first message of each topic."""
        self.say(op="subscribe", args=list(topics))
        assert self.hear()["success"]
        return [self.hear() for _ in topics]

    def is_silent(self, seconds=0.15):
        try:
            self.socket.recv(seconds)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def client(server):
    client = Client(server)
    with client.socket:
        yield client


def scripted(fault, *numbers):
    return FaultPlan(scripted=(Scripted(fault, PATH, numbers),))


def test_a_subscription_is_acknowledged_with_its_id(client):
    client.say(op="subscribe", req_id="sub-1", args=[KLINE])
    acknowledged = client.hear()
    assert set(acknowledged) == {"success", "ret_msg", "conn_id", "req_id", "op"}
    connection = acknowledged.pop("conn_id")
    assert acknowledged == {"success": True, "ret_msg": "", "req_id": "sub-1", "op": "subscribe"}
    assert client.hear()["topic"] == KLINE
    client.say(op="ping", req_id="p")
    pong = {"success": True, "ret_msg": "pong", "conn_id": connection, "req_id": "p", "op": "ping"}
    assert client.hear() == pong


@pytest.mark.parametrize(
    "topic",
    ["invalid.topic.BTCUSDT", "kline.7.BTCUSDT", "kline.1.NOPEUSDT", "kline.1.MATICUSDT", "tickers.", "x"],
)
def test_a_topic_that_is_none_fails_the_whole_request(client, clock, topic):
    client.say(op="subscribe", args=[KLINE, topic])
    refused = client.hear()
    assert (refused["success"], refused["ret_msg"]) == (False, f"Invalid topic: {topic}")
    clock.step(60_000)
    assert client.is_silent()


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("not json", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('{"op": "dance"}', "unknown op"),
        ('{"op": "subscribe"}', "args is empty"),
        ('{"op": "subscribe", "args": []}', "args is empty"),
        (json.dumps({"op": "subscribe", "args": [KLINE] * 1500}), "longer than 21000"),
        (json.dumps({"op": "subscribe", "args": [KLINE, KLINE]}), None),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_stream_goes_on(client, said, named):
    client.socket.send(said)
    if named is not None:
        refused = client.hear()
        assert not refused["success"]
        assert named in refused["ret_msg"]
        client.say(op="ping")
    else:
        assert client.hear()["success"]
        client.say(op="subscribe", args=[KLINE])
        heard = [client.hear(), client.hear()]
        [refused] = [message for message in heard if "success" in message]
        assert "already subscribed" in refused["ret_msg"]
        return
    assert client.hear()["ret_msg"] == "pong"


def test_a_candle_is_shaped_as_recorded(client):
    [message] = client.subscribed("kline.5.BTCUSDT")
    assert set(message) == {"topic", "data", "ts", "type"}
    assert (message["topic"], message["type"], message["ts"]) == ("kline.5.BTCUSDT", "snapshot", START)
    [candle] = message["data"]
    kinds = {name: type(value).__name__ for name, value in candle.items()}
    assert kinds == {
        **dict.fromkeys(("start", "end", "timestamp"), "int"),
        **dict.fromkeys(("interval", "open", "close", "high", "low", "volume", "turnover"), "str"),
        "confirm": "bool",
    }
    assert candle["start"] == parse_utc("2025-07-01T10:05")
    assert candle["end"] == candle["start"] + 5 * MINUTE_MS - 1
    assert (candle["interval"], candle["confirm"]) == ("5", False)


def test_a_candle_grows_by_the_second_and_closes_once_with_its_final_values(client, clock, market):
    [first] = client.subscribed(KLINE)
    clock.step(400)
    assert client.is_silent()
    clock.step(600)
    grown = client.hear()["data"][0]
    assert float(grown["volume"]) > float(first["data"][0]["volume"])
    assert grown["confirm"] is False
    clock.step(MINUTE_MS)
    closed, forming = client.hear()["data"][0], client.hear()["data"][0]
    assert (closed["start"], closed["confirm"]) == (first["data"][0]["start"], True)
    assert (forming["start"], forming["confirm"]) == (closed["start"] + MINUTE_MS, False)
    final = market.klines(
        "BTCUSDT", Timeframe.M1, RowWindow(closed["start"], closed["start"], 1), clock()
    ).iloc[0]
    assert [float(closed[name]) for name in ("open", "high", "low", "close", "volume")] == [
        final[name] for name in ("open", "high", "low", "close", "volume")
    ]
    assert client.is_silent()


def test_a_leap_of_the_clock_closes_every_candle_on_the_way(client, clock):
    client.subscribed(KLINE)
    clock.step(5 * MINUTE_MS)
    heard = [client.hear()["data"][0] for _ in range(6)]
    assert [candle["confirm"] for candle in heard] == [True] * 5 + [False]
    starts = [candle["start"] for candle in heard]
    assert starts == [START // MINUTE_MS * MINUTE_MS + place * MINUTE_MS for place in range(6)]


def test_a_running_clock_closes_candles_by_itself(market):
    clock = SandboxClock(START, speed=120)
    with SandboxServer(market, now_ms=clock) as server, Client(server).socket as socket:
        socket.send(json.dumps({"op": "subscribe", "args": [KLINE]}))
        deadline = time.monotonic() + 10
        confirmed = []
        while len(confirmed) < 2 and time.monotonic() < deadline:
            message = json.loads(socket.recv(5))
            confirmed += [candle["start"] for candle in message.get("data", []) if candle["confirm"]]
    assert confirmed == [START // MINUTE_MS * MINUTE_MS, START // MINUTE_MS * MINUTE_MS + MINUTE_MS]


def test_a_ticker_is_a_snapshot_and_then_what_changed(client, clock):
    [snapshot] = client.subscribed("tickers.BTCUSDT")
    assert set(snapshot) == {"topic", "type", "data", "cs", "ts"}
    assert snapshot["type"] == "snapshot"
    # the fields of Bybit's own example, in its order
    assert list(snapshot["data"]) == [
        *("symbol", "tickDirection", "price24hPcnt", "lastPrice", "prevPrice24h", "highPrice24h"),
        *("lowPrice24h", "prevPrice1h", "markPrice", "indexPrice", "openInterest", "openInterestValue"),
        *("turnover24h", "volume24h", "fundingIntervalHour", "fundingCap", "nextFundingTime", "fundingRate"),
        *("bid1Price", "bid1Size", "ask1Price", "ask1Size", "preOpenPrice", "preQty", "curPreListingPhase"),
    ]
    assert all(isinstance(value, str) for value in snapshot["data"].values())
    clock.step(10_000)
    delta = client.hear()
    assert delta["type"] == "delta"
    assert delta["data"].pop("symbol") == "BTCUSDT"
    assert set(delta["data"]) < set(snapshot["data"])
    assert "fundingRate" not in delta["data"]
    assert all(snapshot["data"][name] != value for name, value in delta["data"].items())
    assert "lastPrice" in delta["data"]
    clock.step(50)
    assert client.is_silent()


def test_a_dated_future_has_a_delivery_and_no_funding(client):
    [snapshot] = client.subscribed("tickers.BTCUSDT-30DEC39")
    assert snapshot["data"]["deliveryTime"] == "2039-12-30T08:00:00Z"
    assert snapshot["data"]["fundingRate"] == snapshot["data"]["nextFundingTime"] == ""
    assert "fundingCap" not in snapshot["data"]


def test_what_is_unsubscribed_falls_silent(client, clock):
    client.subscribed(KLINE)
    client.say(op="unsubscribe", req_id="u", args=[KLINE])
    acknowledged = client.hear()
    assert (acknowledged["success"], acknowledged["op"]) == (True, "unsubscribe")
    clock.step(HOUR_MS)
    assert client.is_silent()
    # and may be subscribed to again
    client.subscribed(KLINE)


def test_a_symbol_that_is_delisted_says_nothing_more(client, clock, server):
    server.put_in_force(FaultPlan(conditions=(Delisting("BTCUSDT", START + MINUTE_MS),)))
    client.subscribed(KLINE)
    clock.step(10 * MINUTE_MS)
    closed = [client.hear()["data"][0], client.hear()["data"][0]]
    assert [candle["confirm"] for candle in closed] == [True, True]
    assert closed[-1]["start"] == (START + MINUTE_MS) // MINUTE_MS * MINUTE_MS
    clock.step(10 * MINUTE_MS)
    assert client.is_silent()


def test_a_stream_is_dropped_without_a_word(client, clock, server):
    client.subscribed(KLINE)
    server.put_in_force(scripted(DroppedStream(), 1))
    clock.step(1000)
    with pytest.raises(ConnectionClosedError) as gone:
        client.hear()
    assert gone.value.rcvd is None


def test_a_stream_is_closed_in_order(client, clock, server):
    client.subscribed(KLINE)
    server.put_in_force(scripted(ClosedStream(1001), 1))
    clock.step(1000)
    with pytest.raises(ConnectionClosed) as closed:
        client.hear()
    assert closed.value.rcvd.code == 1001


def test_a_stalled_stream_answers_no_ping_of_either_kind_and_comes_back(client, clock, server):
    client.subscribed(KLINE)
    server.put_in_force(scripted(StalledStream(2.0), 1))
    clock.step(1000)
    time.sleep(0.1)
    frame_answered = client.socket.ping()
    client.say(op="ping")
    clock.step(1000)
    assert client.is_silent(0.3)
    assert not frame_answered.is_set()
    assert client.hear(5)["ret_msg"] == "pong"
    assert frame_answered.wait(5)
    clock.step(1000)
    # what fell into the stall is lost
    assert client.hear()["ts"] == START + 3000


def test_a_confirmation_is_repeated(client, clock, server):
    client.subscribed(KLINE)
    server.put_in_force(scripted(RepeatedMessage(), 1))
    clock.step(MINUTE_MS)
    first, second, forming = client.hear(), client.hear(), client.hear()
    assert first == second
    assert first["data"][0]["confirm"] is True
    assert forming["data"][0]["confirm"] is False


def test_a_message_comes_after_the_one_that_follows_it(client, clock, server):
    client.subscribed(KLINE)
    server.put_in_force(scripted(LateMessage(), 1))
    clock.step(2 * MINUTE_MS)
    starts = [client.hear()["data"][0]["start"] for _ in range(3)]
    first = START // MINUTE_MS * MINUTE_MS
    assert starts == [first + MINUTE_MS, first, first + 2 * MINUTE_MS]


def test_messages_are_counted_and_logged(client, clock, server):
    client.subscribed(KLINE, "tickers.BTCUSDT")
    clock.step(MINUTE_MS)
    for _ in range(3):
        client.hear()
    assert server.log.counts()[PATH] == 5
    assert {entry.query for entry in server.log.last()} == {KLINE, "tickers.BTCUSDT"}


def test_a_server_stops_while_clients_are_connected(market):
    with SandboxServer(market, now_ms=SandboxClock(START)) as server:
        client = Client(server)
        with client.socket:
            client.subscribed(KLINE)
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 5
            with pytest.raises(ConnectionClosed):
                client.hear()


@pytest.fixture
def pybit_stream(server, monkeypatch):
    address = server.stream_url.replace("linear", "{CHANNEL_TYPE}")
    monkeypatch.setattr(pybit.unified_trading, "PUBLIC_WSS", address)
    stream = pybit.unified_trading.WebSocket(testnet=False, channel_type="linear", retries=50)
    yield stream
    stream.exit()


def wait_until(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def test_pybit_follows_candles_and_tickers_and_comes_back_after_a_drop(pybit_stream, server, clock):
    candles, tickers = [], []
    pybit_stream.kline_stream(interval=1, symbol="BTCUSDT", callback=candles.append)
    pybit_stream.ticker_stream(symbol="BTCUSDT", callback=tickers.append)
    wait_until(lambda: candles and tickers)
    clock.step(MINUTE_MS)
    wait_until(lambda: any(message["data"][0]["confirm"] for message in candles))
    # pybit merges the deltas into the snapshot
    wait_until(lambda: len(tickers) == 2)
    assert set(tickers[1]["data"]) == set(tickers[0]["data"])
    server.put_in_force(scripted(DroppedStream(), 1))
    clock.step(1000)
    wait_until(lambda: server.log.faults()["DroppedStream"] == 1)
    heard = len(candles)
    wait_until(lambda: len(candles) > heard)
