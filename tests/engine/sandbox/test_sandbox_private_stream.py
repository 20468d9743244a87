"""The private stream: who may listen, what is told, in which order, and a stream that fails.

Shapes are those of bybit-exchange/docs (websocket/private, ws/connect); pybit's own client listens too.
"""

import hashlib
import hmac
import json
import logging
import time

import pybit.unified_trading
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from engine.sandbox.faults import (
    NO_FAULTS,
    DroppedStream,
    FaultPlan,
    LateMessage,
    RefusedAuth,
    RepeatedMessage,
    Scripted,
    StalledStream,
)
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.private.private_paths import PRIVATE_PATHS
from engine.sandbox.running import SandboxClock, SandboxServer
from engine.timeframes import HOUR_MS, parse_utc

START = parse_utc("2025-07-01T10:07:31")
PATH = "/v5/private"
AUTH = "/v5/private/auth"
TOPICS = ("order", "execution", "position", "wallet")
BUY = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"}


@pytest.fixture(scope="module")
def shared():
    with SandboxServer(GeneratedMarket(seed=7), now_ms=SandboxClock(START)) as running:
        yield running


@pytest.fixture
def server(shared):
    """The shared server with a fresh account and no faults."""
    shared.desk.open_account("sandbox-key", "sandbox-secret")
    yield shared
    shared.put_in_force(NO_FAULTS)


class Listener:
    """A private connection that sends plain operations and reads plain messages."""

    def __init__(self, server):
        self.socket = connect(server.private_stream_url, proxy=None).__enter__()

    def say(self, **request):
        self.socket.send(json.dumps(request))

    def hear(self, timeout=5):
        return json.loads(self.socket.recv(timeout))

    def authenticate(self, *, key="sandbox-key", secret="sandbox-secret", expires_ms=5000):
        expires = int(time.time() * 1000) + expires_ms
        signature = hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        self.say(op="auth", args=[key, expires, signature])
        return self.hear()

    def listen(self, *topics):
        assert self.authenticate()["success"]
        self.say(op="subscribe", args=list(topics))
        assert self.hear()["success"]
        return self

    def heard(self):
        """Return all that was told before a ping is answered, as (topic, row)."""
        self.say(op="ping")
        messages = []
        while (message := self.hear()).get("op") != "pong":
            messages.append((message["topic"], message["data"][0]))
        return messages


@pytest.fixture
def listener(server):
    listener = Listener(server)
    yield listener
    listener.socket.close()


def order(server, **asked):
    """Place an order as if it came in by a signed request, and wait until it was told."""
    with server.desk.at_now() as quotes:
        state = server.desk.account("sandbox-key")
        ids, _ = PRIVATE_PATHS["/v5/order/create"].do(state, {**BUY, **asked}, quotes, None)
    server.catch_up()
    return ids


def scripted(fault, *numbers, path=PATH):
    return FaultPlan(scripted=(Scripted(fault, path, numbers),))


def test_pings_are_answered_in_the_private_way(listener):
    listener.say(op="ping", req_id="p")
    pong = listener.hear()
    assert {"req_id", "op", "args", "conn_id"} == set(pong)
    assert (pong["op"], pong["req_id"]) == ("pong", "p")


def test_nobody_listens_without_authentication(listener):
    listener.say(op="subscribe", args=["order"])
    refused = listener.hear()
    assert (refused["success"], refused["ret_msg"]) == (False, "Request not authorized")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"key": "nobody"}, "API key is invalid"),
        ({"secret": "another"}, "error sign"),
        ({"expires_ms": -10}, "expired"),
    ],
)
def test_authentication_is_signed_and_expires(listener, wrong, named):
    refused = listener.authenticate(**wrong)
    assert (refused["op"], refused["success"], named in refused["ret_msg"]) == ("auth", False, True)
    assert listener.authenticate()["success"]


@pytest.mark.parametrize("args", [None, [], ["sandbox-key"], ["sandbox-key", "soon", 5], [1, 2, 3]])
def test_what_is_no_authentication_is_refused(listener, args):
    listener.say(op="auth", args=args)
    assert not listener.hear()["success"]


@pytest.mark.parametrize("topic", ["greeks", "order.inverse", "kline.1.BTCUSDT", ""])
def test_topics_that_are_none_are_refused(listener, topic):
    listener.authenticate()
    listener.say(op="subscribe", args=["order", topic])
    refused = listener.hear()
    assert (refused["success"], refused["ret_msg"]) == (False, f"Invalid topic: {topic}")


def test_an_order_is_told_of_from_its_fill_to_its_stop(server, listener):
    listener.listen(*TOPICS)
    order(server, stopLoss="50000", orderLinkId="told")
    told = listener.heard()
    assert [topic for topic, _ in told] == [
        *("execution", "order", "order", "position", "wallet", "position"),
    ]
    execution, filled, stop, position = (row for _, row in told[:4])
    assert (execution["orderLinkId"], execution["execQty"], execution["isMaker"]) == ("told", "0.010", False)
    assert (filled["orderStatus"], filled["cumExecFee"]) == ("Filled", execution["execFee"])
    assert (stop["orderStatus"], stop["stopOrderType"]) == ("Untriggered", "StopLoss")
    assert (position["size"], position["entryPrice"]) == ("0.010", execution["execPrice"])
    assert "avgPrice" not in position
    # and what happens as the clock moves on
    server.advance_to(server.desk.account("sandbox-key").executions[0].ts_ms + 14 * HOUR_MS)
    funding = [row for topic, row in listener.heard() if topic == "execution"]
    assert {row["execType"] for row in funding} == {"Funding"}


def test_a_topic_may_be_of_linear_only(server, listener):
    listener.listen("order.linear")
    order(server)
    [(topic, row)] = listener.heard()
    assert (topic, row["category"], row["orderStatus"]) == ("order.linear", "linear", "Filled")


def test_listeners_hear_their_own_account_from_their_subscription_on(server, listener):
    order(server)
    server.desk.open_account("second", "hidden")
    other = Listener(server)
    other.authenticate(key="second", secret="hidden")
    other.say(op="subscribe", args=["order"])
    other.hear()
    listener.listen("order")
    order(server)
    assert len(listener.heard()) == 1
    assert other.heard() == []
    other.socket.close()


def test_pushes_come_twice_late_or_never(server, listener):
    listener.listen("execution")
    server.put_in_force(scripted(RepeatedMessage(), 1))
    order(server)
    (_, first), (_, second) = listener.heard()
    assert first == second
    server.put_in_force(scripted(LateMessage(), 1))
    ids = [order(server)["orderId"], order(server)["orderId"]]
    assert [row["orderId"] for _, row in listener.heard()] == ids[::-1]
    server.put_in_force(scripted(StalledStream(0.3), 1))
    order(server)
    with pytest.raises(TimeoutError):
        listener.hear(0.15)
    time.sleep(0.25)
    assert listener.heard() == []  # what fell into the silence is lost
    server.put_in_force(scripted(DroppedStream(), 1))
    order(server)
    with pytest.raises(ConnectionClosedError):
        listener.hear()


def test_authentication_can_be_refused_on_demand(server, listener):
    server.put_in_force(scripted(RefusedAuth(), 1, path=AUTH))
    assert listener.authenticate() | {"conn_id": ""} == {
        "success": False,
        "ret_msg": "API key is invalid.",
        "conn_id": "",
        "req_id": "",
        "op": "auth",
    }
    assert listener.authenticate()["success"]


def test_orders_are_cancelled_when_a_watched_client_is_gone_for_too_long(server, listener):
    state = server.desk.account("sandbox-key")
    with server.desk.at_now() as quotes:
        do = PRIVATE_PATHS["/v5/order/disconnected-cancel-all"].do
        do(state, {"timeWindow": 10, "product": "DERIVATIVES"}, quotes, None)
    listener.listen("dcp.future")
    order(server, orderType="Limit", price="70000")
    order(server, stopLoss="50000")
    listener.socket.close()
    deadline = time.monotonic() + 5
    while state.gone_since_ms is None and time.monotonic() < deadline:
        time.sleep(0.005)
    server.advance_to(state.gone_since_ms + 9_999)
    assert len(state.open_orders) == 2
    server.advance_to(state.gone_since_ms + 10_000)
    [left] = state.open_orders.values()
    assert left.ticket.stop_type == "StopLoss"
    assert state.orders[min(state.orders, key=lambda name: state.orders[name].created_ms)] is not left


def test_pybit_hears_what_happens(server, monkeypatch):
    logging.getLogger("pybit").setLevel(logging.CRITICAL)
    monkeypatch.setattr(pybit.unified_trading, "PRIVATE_WSS", server.private_stream_url)
    stream = pybit.unified_trading.WebSocket(
        channel_type="private", testnet=False, api_key="sandbox-key", api_secret="sandbox-secret"
    )
    heard = []
    deadline = time.monotonic() + 5
    while not stream.auth and time.monotonic() < deadline:
        time.sleep(0.005)
    for name in TOPICS:
        getattr(stream, f"{name}_stream")(lambda message: heard.append(message["topic"]))
    # pybit does not tell when a subscription stands: one order after the other until all four topics spoke
    while set(heard) < set(TOPICS) and time.monotonic() < deadline:
        order(server)
        time.sleep(0.02)
    stream.exit()
    assert set(heard) == set(TOPICS)
