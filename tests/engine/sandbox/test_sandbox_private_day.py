"""A simulated day with a REST client and a listener attached: what was told is what there is."""

import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from decimal import Decimal

import pytest
import requests
from pybit.unified_trading import HTTP
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from engine.sandbox.faults import FaultPlan, LateMessage, RepeatedMessage, Seeded
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxClock, SandboxServer
from engine.timeframes import HOUR_MS, MINUTE_MS, parse_utc

START = parse_utc("2025-07-01T00:07:31")
BTC = {"category": "linear", "symbol": "BTCUSDT"}
MARKET = GeneratedMarket(seed=7)


@contextmanager
def listening(server, *topics):
    """Collect everything told to the default account until the end; yields the messages and a barrier."""
    with connect(server.private_stream_url, proxy=None) as socket:
        expires = int(time.time() * 1000) + 60_000
        signature = hmac.new(b"sandbox-secret", f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        socket.send(json.dumps({"op": "auth", "args": ["sandbox-key", expires, signature]}))
        socket.send(json.dumps({"op": "subscribe", "args": list(topics)}))
        assert all(json.loads(socket.recv(5))["success"] for _ in range(2))
        messages, ponged = [], threading.Event()

        def read():
            try:
                for text in socket:
                    message = json.loads(text)
                    if message.get("op") == "pong":
                        ponged.set()
                    else:
                        messages.append(message)
            except ConnectionClosed:
                pass

        def barrier():
            ponged.clear()
            socket.send(json.dumps({"op": "ping"}))
            assert ponged.wait(10)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        yield messages, barrier
        socket.close()
        reader.join(5)


@contextmanager
def pybit_session(server):
    session = HTTP(api_key="sandbox-key", api_secret="sandbox-secret", timeout=10)
    session.endpoint = server.url
    session.client.trust_env = False
    try:
        yield session
    finally:
        session.client.close()


def trade_a_little(session, step):
    """Open with a bracket now and then, and leave orders in the book."""
    last = Decimal(session.get_tickers(**BTC)["result"]["list"][0]["lastPrice"])
    if step % 8 == 0:
        side, sign = ("Buy", 1) if step % 16 == 0 else ("Sell", -1)
        stop, target = last * (1 - sign * Decimal("0.004")), last * (1 + sign * Decimal("0.006"))
        session.place_order(
            **BTC,
            side=side,
            orderType="Market",
            qty="0.05",
            stopLoss=str(stop.quantize(Decimal("0.1"))),
            takeProfit=str(target.quantize(Decimal("0.1"))),
        )
    if step % 5 == 0:
        price = str((last * Decimal("0.998")).quantize(Decimal("0.1")))
        session.place_order(**BTC, side="Buy", orderType="Limit", qty="0.01", price=price)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_what_was_told_is_what_there_is(rate):
    """Also when messages come twice or late: by their ids the listener knows what happened."""
    plan = FaultPlan(
        seeded=tuple(Seeded(fault, rate / 2, "/v5/private") for fault in (RepeatedMessage(), LateMessage())),
        seed=3,
    )
    with (
        SandboxServer(MARKET, now_ms=SandboxClock(START), faults=plan) as server,
        pybit_session(server) as session,
        listening(server, "order", "execution", "position", "wallet") as (messages, barrier),
    ):
        for step in range(48):
            trade_a_little(session, step)
            server.advance_to(START + (step + 1) * 30 * MINUTE_MS)
        server.put_in_force(FaultPlan())
        session.place_order(**BTC, side="Buy", orderType="Market", qty="0.001")  # lets a late message out
        server.catch_up()
        barrier()
        executions = session.get_executions(category="linear", limit=100)["result"]["list"]
        [wallet] = session.get_wallet_balance(accountType="UNIFIED")["result"]["list"]
        [position] = session.get_positions(**BTC)["result"]["list"]
        open_orders = session.get_open_orders(**BTC, limit=50)["result"]["list"]
    told = [message for message in messages if message["topic"] == "execution"]
    by_id = {message["data"][0]["execId"]: message["data"][0] for message in told}
    assert set(by_id) == {row["execId"] for row in executions}
    assert (len(told) == len(by_id)) == (rate == 0)
    assert {row["execType"] for row in executions} == {"Trade", "Funding"}
    assert {row["createType"] for row in executions} >= {"CreateByUser", "CreateByStopLoss"}
    signed = {"Buy": 1, "Sell": -1}
    held = sum(
        signed[row["side"]] * Decimal(row["execQty"]) for row in by_id.values() if row["execType"] == "Trade"
    )
    assert held == signed.get(position["side"], 0) * Decimal(position["size"])
    assert messages[-1]["topic"] in ("wallet", "position")
    assert [m for m in messages if m["topic"] == "wallet"][-1]["data"][0] == wallet
    orders = {}
    for message in messages:
        if message["topic"] == "order":
            row = message["data"][0]
            known = orders.get(row["orderId"])
            if known is None or row["updatedTime"] >= known["updatedTime"]:
                orders[row["orderId"]] = row
    waiting = {name for name, row in orders.items() if row["orderStatus"] in ("New", "Untriggered")}
    assert waiting >= {row["orderId"] for row in open_orders}


def test_a_clock_that_runs_by_itself_fills_without_being_asked():
    with (
        SandboxServer(MARKET, now_ms=SandboxClock(START, speed=100_000)) as server,
        pybit_session(server) as session,
        listening(server, "execution") as (messages, _),
    ):
        session.place_order(**BTC, side="Buy", orderType="Market", qty="0.01")
        deadline = time.monotonic() + 10
        while not any(m["data"][0]["execType"] == "Funding" for m in messages):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_clients_side_by_side_do_not_get_into_each_other_s_way():
    def trade(server, number, problems):
        with pybit_session(server) as session:
            for order in range(8):
                try:
                    session.place_order(
                        **BTC, side="Buy", orderType="Market", qty="0.001", orderLinkId=f"{number}-{order}"
                    )
                    session.get_positions(**BTC)
                except requests.exceptions.RequestException as error:
                    problems.append(error)

    problems = []
    with SandboxServer(MARKET, now_ms=SandboxClock(START)) as server:
        clients = [threading.Thread(target=trade, args=(server, number, problems)) for number in range(3)]
        for client in clients:
            client.start()
        for hour in range(5):
            server.advance_to(START + (hour + 1) * HOUR_MS)
        for client in clients:
            client.join()
        account = server.desk.account("sandbox-key")
    assert problems == []
    assert account.position("BTCUSDT").size == Decimal("0.024")
    times = [execution.ts_ms for execution in account.executions]
    assert times == sorted(times)
