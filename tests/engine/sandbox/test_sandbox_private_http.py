"""The private paths as the real pybit client meets them: signatures, envelope, limits, faults."""

import hashlib
import hmac
import json
import time
from contextlib import contextmanager
from decimal import Decimal

import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from engine.errors import ConfigurationError
from engine.sandbox.faults import (
    NO_FAULTS,
    AcceptedThenRejected,
    DroppedConnection,
    DuplicateRows,
    FaultPlan,
    HttpStatus,
    LostAnswer,
    PartialFill,
    RetCode,
    Scripted,
    account_storm,
)
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.private.call_limits import CallGroup, CallLimits
from engine.sandbox.rate_limit import RateLimit
from engine.sandbox.running import FrozenClock, SandboxClock, SandboxServer
from engine.timeframes import HOUR_MS, MINUTE_MS, parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
CREATE = "/v5/order/create"
BTC = {"category": "linear", "symbol": "BTCUSDT"}
BUY = {**BTC, "side": "Buy", "orderType": "Market", "qty": "0.01"}


@pytest.fixture(scope="module")
def shared():
    with SandboxServer(GeneratedMarket(seed=7), now_ms=SandboxClock(NOW)) as running:
        yield running


@pytest.fixture
def server(shared):
    """The shared server with a fresh account and no faults."""
    shared.desk.open_account("sandbox-key", "sandbox-secret")
    yield shared
    shared.put_in_force(NO_FAULTS)


@contextmanager
def pybit_session(server, **options):
    asked = {"api_key": "sandbox-key", "api_secret": "sandbox-secret", "timeout": 2, "max_retries": 2}
    session = HTTP(**{**asked, "retry_delay": 0, **options})
    session.endpoint = server.url
    session.client.trust_env = False
    try:
        yield session
    finally:
        session.client.close()


@pytest.fixture
def session(server):
    with pybit_session(server) as session:
        yield session


def scripted(fault, path=CREATE, numbers=(1,)):
    return FaultPlan(scripted=(Scripted(fault, path, numbers),))


def refusal(call, **parameters):
    with pytest.raises(InvalidRequestError) as refused:
        call(**parameters)
    return refused.value.status_code


def test_pybit_trades_from_first_order_to_last_row(server, session):
    session.set_leverage(**BTC, buyLeverage="5", sellLeverage="5")
    assert refusal(session.set_leverage, **BTC, buyLeverage="5", sellLeverage="5") == 110043
    last = Decimal(session.get_tickers(**BTC)["result"]["list"][0]["lastPrice"])
    stop = str((last * Decimal("0.99")).quantize(Decimal("0.1")))
    placed = session.place_order(**BUY, orderLinkId="first", stopLoss=stop)
    assert placed["result"]["orderLinkId"] == "first"
    assert refusal(session.place_order, **BUY, orderLinkId="first") == 110072
    [position] = session.get_positions(**BTC)["result"]["list"]
    assert (position["size"], position["avgPrice"], position["stopLoss"]) == (
        "0.010",
        str(last + Decimal("0.1")),
        f"{Decimal(stop):.2f}",
    )
    limit = str(last - 500)
    session.place_order(**{**BUY, "orderType": "Limit", "price": limit}, orderLinkId="second")
    session.amend_order(**BTC, orderLinkId="second", qty="0.02")
    [resting, tied] = session.get_open_orders(**BTC)["result"]["list"]
    assert (resting["qty"], tied["stopOrderType"]) == ("0.020", "StopLoss")
    session.cancel_order(**BTC, orderLinkId="second")
    assert refusal(session.cancel_order, **BTC, orderLinkId="second") == 110001
    session.set_trading_stop(**BTC, tpslMode="Full", positionIdx=0, stopLoss="0")
    session.add_or_reduce_margin(**BTC, margin="10")
    batch = session.place_batch_order(
        category="linear", request=[{**BUY, "side": "Sell", "reduceOnly": True}, {**BUY, "qty": "0"}]
    )
    assert [verdict["code"] for verdict in batch["retExtInfo"]["list"]] == [0, 10001]
    assert len(session.get_executions(**BTC)["result"]["list"]) == 2
    [closed] = session.get_closed_pnl(category="linear")["result"]["list"]
    log = session.get_transaction_log()["result"]["list"]
    [wallet] = session.get_wallet_balance(accountType="UNIFIED")["result"]["list"]
    assert Decimal(wallet["totalEquity"]) == 10_000 + Decimal(closed["closedPnl"])
    assert log[0]["cashBalance"] == wallet["coin"][0]["walletBalance"]
    assert session.get_account_info()["result"]["unifiedMarginStatus"] == 5
    assert session.get_fee_rates(**BTC)["result"]["list"][0]["takerFeeRate"] == "0.00055"
    [history] = session.get_order_history(**BTC, orderLinkId="second")["result"]["list"]
    assert (history["orderStatus"], history["cancelType"]) == ("Cancelled", "CancelByUser")
    assert session.cancel_all_orders(**BTC)["result"] == {"list": [], "success": "1"}


def signed_headers(payload, *, secret="sandbox-secret", key="sandbox-key", stamp=None, window="5000"):
    stamp = str(int(time.time() * 1000) if stamp is None else stamp)
    signature = hmac.new(secret.encode(), f"{stamp}{key}{window}{payload}".encode(), hashlib.sha256)
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": signature.hexdigest(),
    }


def answered(server, **how):
    query = "category=linear&symbol=BTCUSDT"
    url = f"{server.url}/v5/position/list?{query}"
    return requests.get(url, headers=signed_headers(query, **how), timeout=5).json()["retCode"]


def test_a_request_must_be_signed_by_its_key_and_in_time(server):
    now_ms = int(time.time() * 1000)
    assert answered(server) == 0
    assert answered(server, secret="another") == 10004
    assert answered(server, key="nobody") == 10003
    assert answered(server, stamp=now_ms - 6000) == 10002
    assert answered(server, stamp=now_ms - 6000, window="9000") == 0
    assert answered(server, stamp=now_ms + 1500) == 10002
    assert answered(server, stamp="soon") == 10001
    # the time of the exchange itself is as good as that of the wall
    assert answered(server, stamp=NOW) == 0


def test_a_body_is_signed_as_it_was_sent(server):
    body = json.dumps(BUY)
    good = signed_headers(body)
    url = f"{server.url}{CREATE}"
    assert requests.post(url, data=body, headers=good, timeout=5).json()["retCode"] == 0
    altered = body.replace("0.01", "0.99")
    assert requests.post(url, data=altered, headers=good, timeout=5).json()["retCode"] == 10004
    assert requests.post(url, data="[]", headers=signed_headers("[]"), timeout=5).json()["retCode"] == 10001
    assert requests.get(url, timeout=5).status_code == 400  # Bybit's answer to a wrong method
    assert requests.get(f"{server.url}/v5/position/list", data="x", timeout=5).status_code == 403


def test_a_client_whose_clock_is_wrong_can_be_made(server, session):
    server.set_signing_offset(-3000)
    try:
        with pytest.raises((InvalidRequestError, FailedRequestError)):
            session.get_positions(**BTC)
    finally:
        server.set_signing_offset(0)
    assert session.get_positions(**BTC)["retCode"] == 0


def test_an_order_is_taken_though_its_answer_is_lost(server, session):
    for fault in (LostAnswer(), DroppedConnection(0.0)):
        server.put_in_force(scripted(fault))
        link_id = type(fault).__name__
        with pytest.raises(requests.exceptions.ConnectionError):
            session.place_order(**BUY, orderLinkId=link_id)
        [taken] = session.get_open_orders(**BTC, orderLinkId=link_id)["result"]["list"]
        assert taken["orderStatus"] == "Filled"
        assert refusal(session.place_order, **BUY, orderLinkId=link_id) == 110072


def test_an_answer_can_stay_out_longer_than_the_client_waits(server):
    server.put_in_force(scripted(LostAnswer(1.5)))
    with pybit_session(server, timeout=0.3) as session:
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.place_order(**BUY, orderLinkId="silence")
        [taken] = session.get_open_orders(**BTC, orderLinkId="silence")["result"]["list"]
        assert taken["orderStatus"] == "Filled"


@pytest.mark.parametrize("fault", [HttpStatus(503), RetCode(10016), RetCode(10003)])
def test_what_is_answered_with_an_error_was_not_done(server, session, fault):
    server.put_in_force(scripted(fault))
    with pytest.raises((InvalidRequestError, FailedRequestError)):
        session.place_order(**BUY, orderLinkId="never")
    assert session.get_open_orders(**BTC, orderLinkId="never")["result"]["list"] == []


def test_orders_can_be_rejected_after_the_answer_and_filled_in_part(server, session):
    server.put_in_force(scripted(AcceptedThenRejected()))
    session.place_order(**BUY, orderLinkId="rejected")
    server.put_in_force(scripted(PartialFill(0.5)))
    session.place_order(**BUY, orderLinkId="half")
    states = [
        session.get_open_orders(**BTC, orderLinkId=name)["result"]["list"][0] for name in ("rejected", "half")
    ]
    assert [(row["orderStatus"], row["cumExecQty"]) for row in states] == [
        ("Rejected", "0.000"),
        ("Cancelled", "0.005"),
    ]


def test_rows_can_come_twice(server, session):
    session.place_order(**BUY)
    server.put_in_force(scripted(DuplicateRows(1), path="/v5/execution/list"))
    first, second = session.get_executions(**BTC)["result"]["list"]
    assert first == second


def test_calls_are_counted_by_account_and_kind():
    now_s = 100.0
    limits = CallLimits(lambda: now_s, is_enforced=True)
    assert [limits.admit("one", CallGroup.CANCEL).remaining for _ in range(10)] == [*range(9, -1, -1)]
    refused = limits.admit("one", CallGroup.CANCEL)
    assert (refused.is_admitted, refused.is_banned, refused.reset_in_ms) == (False, False, 1000)
    assert limits.admit("two", CallGroup.CANCEL).is_admitted
    assert limits.admit("one", CallGroup.AMEND).is_admitted
    now_s += 1.0
    assert limits.admit("one", CallGroup.CANCEL).remaining == 9
    shown = CallLimits(lambda: now_s, is_enforced=False)
    assert all(shown.admit("one", CallGroup.FEE_RATE).is_admitted for _ in range(20))


def test_each_account_is_told_of_its_limits_and_held_to_them():
    order = {**BUY, "orderType": "Limit", "price": "70000"}
    with (
        SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW), limit=RateLimit()) as server,
        pybit_session(server, return_response_headers=True) as session,
        pybit_session(server, retry_codes={-1}) as impatient,
    ):
        # a batch counts as many calls as it has orders
        _, _, headers = session.place_batch_order(category="linear", request=[order] * 10)
        assert (headers["X-Bapi-Limit"], headers["X-Bapi-Limit-Status"]) == ("10", "0")
        assert abs(int(headers["X-Bapi-Limit-Reset-Timestamp"]) - time.time() * 1000) < 5000  # of the wall
        assert refusal(impatient.place_order, **order) == 10006
        assert impatient.get_positions(**BTC)["retCode"] == 0
        # pybit waits until the time it was told, and succeeds
        assert session.place_order(**order)[0]["retCode"] == 0
        assert len(impatient.get_open_orders(**BTC)["result"]["list"]) == 11


def test_the_limit_of_an_address_counts_private_requests_too():
    limit = RateLimit(requests=3, window_s=60.0, ban_s=0.0)
    with (
        SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW), limit=limit) as server,
        pybit_session(server, retry_codes={-1}) as session,
    ):
        for _ in range(3):
            session.get_positions(**BTC)
        assert refusal(session.get_positions, **BTC) == 10006


def test_a_day_with_a_storm_of_faults_loses_no_order_and_doubles_none(server):
    """A client that looks its orders up by their ids after every doubt ends with what it wanted."""
    server.put_in_force(account_storm(5, rate=0.5))
    with pybit_session(server, timeout=0.5, retry_codes={-1}) as session:
        for number in range(30):
            link_id = f"storm-{number}"
            for _ in range(40):
                try:
                    session.place_order(
                        **{**BUY, "orderType": "Limit", "price": "70000"}, orderLinkId=link_id
                    )
                    break
                except InvalidRequestError as error:
                    if error.status_code == 110072:
                        break
                except (FailedRequestError, requests.exceptions.RequestException, ValueError):
                    continue
    orders = server.desk.account("sandbox-key").orders.values()
    assert sorted(order.ticket.link_id for order in orders) == sorted(f"storm-{n}" for n in range(30))


def test_the_clock_and_the_accounts_are_moved_from_outside(server, session):
    url = f"{server.url}/sandbox"
    requests.post(
        f"{url}/accounts", json={"key": "out", "secret": "side", "balance_usdt": "321.5"}, timeout=5
    )
    with pybit_session(server, api_key="out", api_secret="side") as other:
        [wallet] = other.get_wallet_balance(accountType="UNIFIED")["result"]["list"]
    assert wallet["totalEquity"] == "321.5"
    session.place_order(**BUY)
    requests.post(f"{url}/clock", json={"step_ms": 9 * HOUR_MS}, timeout=5)
    shown = requests.get(f"{url}/accounts", timeout=5).json()["accounts"]
    mine = next(account for account in shown if account["key"] == "sandbox-key")
    assert (mine["executions"], mine["positions"]) == (2, {"BTCUSDT": "0.01"})  # the order and its funding
    assert "sandbox-secret" not in json.dumps(shown)
    for body in (
        {},
        {"key": "x"},
        {"key": "x", "secret": "y", "balance_usdt": "much"},
        {"key": "x", "secret": "y", "margin_mode": "loose"},
        {"key": "x", "secret": "y", "colour": "red"},
        {"key": "", "secret": ""},
    ):
        assert requests.post(f"{url}/accounts", json=body, timeout=5).status_code == 400


def test_the_server_moves_its_clock_and_waits_for_what_happens(server, session):
    session.place_order(**BUY)
    until = session.get_server_time()["time"] + 10 * MINUTE_MS
    server.advance_to(until)
    assert session.get_server_time()["time"] == until
    frozen = SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW))
    with pytest.raises(ConfigurationError, match="clock cannot be changed"):
        frozen.advance_to(NOW + 1)
