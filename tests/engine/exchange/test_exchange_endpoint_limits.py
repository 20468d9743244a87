"""Private requests are sent no faster than Bybit takes them: by endpoint, and by order within a batch."""

import pytest
from exchange_answers import Waits

from engine.exchange.limits import RequestLimit, SharedRequestLimiter
from engine.exchange.trading.endpoint_limits import EndpointLimits


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture
def limits(tmp_path, waits):
    address = SharedRequestLimiter(tmp_path / "address", RequestLimit(1000, 5.0), waits.timing)
    return EndpointLimits(tmp_path / "limits", address, waits.timing)


def send(limits, method, orders=1):
    for limiter in limits.of(method, orders):
        limiter.acquire()


# requests a second of an account without a VIP level (bybit-exchange/docs, rate-limit)
@pytest.mark.parametrize(
    ("method", "a_second"),
    [("place_order", 10), ("cancel_order", 10), ("get_positions", 50), ("get_transaction_log", 25)],
)
def test_an_endpoint_is_asked_so_often_a_second_and_no_more(limits, waits, method, a_second):
    for _ in range(a_second):
        send(limits, method)
    assert waits.slept_s == []
    send(limits, method)
    assert sum(waits.slept_s) >= 1.0


def test_endpoints_do_not_wait_for_each_other(limits, waits):
    for _ in range(10):
        send(limits, "place_order")
    send(limits, "cancel_order")
    send(limits, "get_positions")
    assert waits.slept_s == []


def test_a_batch_counts_by_its_orders(limits, waits):
    send(limits, "place_batch_order", orders=10)
    assert waits.slept_s == []
    send(limits, "place_batch_order")
    assert sum(waits.slept_s) >= 1.0


def test_processes_that_name_one_folder_share_a_limit(tmp_path, limits, waits):
    address = SharedRequestLimiter(tmp_path / "address", RequestLimit(1000, 5.0), waits.timing)
    another = EndpointLimits(tmp_path / "limits", address, waits.timing)
    for _ in range(5):
        send(limits, "place_order")
        send(another, "place_order")
    assert waits.slept_s == []
    send(another, "place_order")
    assert sum(waits.slept_s) >= 1.0


def test_the_addresss_own_limit_holds_over_all_endpoints(tmp_path, waits):
    address = SharedRequestLimiter(tmp_path / "address", RequestLimit(3, 5.0), waits.timing)
    limits = EndpointLimits(tmp_path / "limits", address, waits.timing)
    for method in ("place_order", "get_positions", "get_executions"):
        send(limits, method)
    assert waits.slept_s == []
    send(limits, "get_wallet_balance")
    assert sum(waits.slept_s) >= 5.0
