"""One decision, one order: whatever happens on the way, through pybit against the sandbox exchange."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from exchange_accounts import SYMBOL, floor, manager_at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import (
    ExchangeError,
    ExchangeUnavailable,
    InsufficientMargin,
    OrderRefused,
    OutcomeUnknown,
)
from engine.exchange.trading.orders import OrderAck, OrderKind, OrderSide, OrderStatus, TimeInForce
from engine.sandbox.faults import (
    EVERY_PATH,
    NO_FAULTS,
    AcceptedThenRejected,
    DroppedConnection,
    FaultPlan,
    HtmlPage,
    HttpStatus,
    LostAnswer,
    PartialFill,
    RetCode,
    Scripted,
    Seeded,
    TimeOut,
    TruncatedJson,
    account_storm,
)

CREATE, BATCH = "/v5/order/create", "/v5/order/create-batch"
REALTIME, HISTORY = "/v5/order/realtime", "/v5/order/history"


@pytest.fixture(scope="module")
def traded():
    with floor() as running:
        yield running


@pytest.fixture
def clean(traded):
    """The exchange without faults, with an account that nobody has used."""
    traded.server.put_in_force(NO_FAULTS)
    traded.server.desk.open_account("sandbox-key", "sandbox-secret")
    yield traded
    traded.server.put_in_force(NO_FAULTS)


def names(traded) -> Counter[str]:
    """How many orders of each name the exchange has taken."""
    orders = traded.server.desk.account("sandbox-key").orders.values()
    return Counter(order.ticket.link_id for order in orders if order.ticket.link_id)


def script(fault, path, *numbers):
    return FaultPlan(scripted=(Scripted(fault, path, numbers),))


def test_an_order_is_placed_and_told(clean):
    ack = clean.manager.place(clean.market("one", stop_loss=clean.price(0.95)))
    assert (ack.order_link_id, ack.was_there) == ("one", False)
    report = clean.manager.order(SYMBOL, "one")
    assert report.order_id == ack.order_id
    assert (report.status, report.filled_size) == (OrderStatus.FILLED, Decimal("0.01"))
    assert clean.manager.position(SYMBOL).stop_loss == clean.price(0.95)


def test_a_name_that_is_there_already_is_success_and_no_second_order(clean):
    first = clean.manager.place(clean.market("one"))
    again = clean.manager.place(clean.market("one"))
    assert again == OrderAck(SYMBOL, first.order_id, "one", was_there=True)
    assert clean.manager.position(SYMBOL).size == Decimal("0.01")


@pytest.mark.parametrize(
    "fault",
    [
        LostAnswer(0.0),
        DroppedConnection(0.0),
        DroppedConnection(0.5),
        TruncatedJson(),
        HtmlPage(),
        HttpStatus(500),
        HttpStatus(503),
        HttpStatus(429),
        RetCode(10000),
        RetCode(10006),
        RetCode(10006, reset_in_ms=-1000),
        RetCode(10016),
        TimeOut(0.05),
    ],
    ids=repr,
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_answer_makes_neither_two_orders_nor_none(clean, fault, times):
    clean.server.put_in_force(script(fault, CREATE, *range(1, times + 1)))
    ack = clean.manager.place(clean.market("one"))
    assert names(clean) == {"one": 1}
    assert clean.manager.position(SYMBOL).size == Decimal("0.01")
    assert clean.manager.order(SYMBOL, "one").order_id == ack.order_id


def test_clocks_that_differed_are_measured_and_the_order_sent_again(clean):
    clean.server.put_in_force(script(RetCode(10002), CREATE, 1))
    assert not clean.manager.place(clean.market("one")).was_there
    assert names(clean) == {"one": 1}


def test_an_order_that_cannot_be_looked_up_is_told_to_be_unknown_by_its_name(clean):
    request = clean.market("one")
    lost = Scripted(LostAnswer(0.0), CREATE, (1,))
    gone = Scripted(HttpStatus(503), EVERY_PATH, tuple(range(1, 500)))
    clean.server.put_in_force(FaultPlan(scripted=(lost, gone)))
    with pytest.raises(OutcomeUnknown, match="not known") as unknown:
        clean.manager.place(request)
    assert unknown.value.order_link_id == "one"
    assert names(clean) == {"one": 1}
    clean.server.put_in_force(NO_FAULTS)
    clean.waits.now_s += 100
    assert clean.manager.place(request).was_there
    assert names(clean) == {"one": 1}


def test_an_order_that_never_arrived_is_said_not_to_be_there(clean):
    request = clean.market("one")
    clean.server.put_in_force(script(HttpStatus(503), CREATE, *range(1, 500)))
    with pytest.raises(ExchangeUnavailable, match="one was not placed") as absent:
        clean.manager.place(request)
    assert not isinstance(absent.value, OutcomeUnknown)
    assert names(clean) == {}


def test_nobody_there_is_said_at_once_and_nothing_is_unknown(clean):
    nobody = manager_at("http://127.0.0.1:9", clean.waits.timing)
    with pytest.raises(ExchangeUnavailable, match="cannot be reached") as absent:
        nobody._placer.place(clean.market("one"))
    assert not isinstance(absent.value, OutcomeUnknown)


def test_a_refusal_that_an_earlier_attempt_caused_is_none(clean):
    # the first attempt took nearly all the margin, so that the second, of the same order, has too little
    size = clean.manager.instrument(SYMBOL).round_size(9_000 * 10 / clean.price())
    request = replace(clean.limit("one", 1.0), side=OrderSide.BUY, size=size, price=clean.price(0.999))
    lost, blind = (
        Scripted(LostAnswer(0.0), CREATE, (1,)),
        Scripted(HttpStatus(503), REALTIME, (1, 2, 3, 4, 5)),
    )
    clean.server.put_in_force(FaultPlan(scripted=(lost, blind)))
    assert clean.manager.place(request).was_there
    assert names(clean) == {"one": 1}


def test_what_the_account_cannot_pay_is_refused_by_name(clean):
    with pytest.raises(InsufficientMargin) as refused:
        clean.manager.place(clean.market("one", "10"))
    assert refused.value.ret_code in {110004, 110007, 110012, 110044, 110045}
    assert "funds" in refused.value.way_out
    assert names(clean) == {}


def test_an_order_against_the_rules_does_not_leave(clean):
    asked = clean.server.log.counts()[CREATE]
    with pytest.raises(OrderRefused, match="whole steps"):
        clean.manager.place(clean.market("one", "0.0105"))
    assert clean.server.log.counts()[CREATE] == asked


@pytest.mark.parametrize("fault", [LostAnswer(0.0), HttpStatus(503), RetCode(10006)], ids=repr)
def test_a_batch_gives_a_verdict_for_each_order_also_when_its_answer_is_lost(clean, fault):
    clean.manager.place(clean.limit("there"))
    requests = [
        clean.limit("a"),
        clean.limit("there"),
        clean.limit("small", size="0.0001"),
        replace(clean.limit("large"), size=Decimal("1000"), kind=OrderKind.LIMIT),
        clean.limit("b", 0.8, time_in_force=TimeInForce.POST_ONLY),
    ]
    clean.server.put_in_force(script(fault, BATCH, 1))
    a, there, small, large, b = clean.manager.place_batch(requests)
    assert (a.order_link_id, b.order_link_id) == ("a", "b")
    assert there.was_there
    assert isinstance(small, OrderRefused)
    assert isinstance(large, ExchangeError)
    assert names(clean) == {"there": 1, "a": 1, "b": 1}


def test_an_order_that_is_taken_and_then_rejected_says_so(clean):
    clean.server.put_in_force(script(AcceptedThenRejected(), CREATE, 1))
    clean.manager.place(clean.market("one"))
    report = clean.manager.order(SYMBOL, "one")
    assert (report.status, report.filled_size, report.is_open) == (OrderStatus.REJECTED, 0, False)
    assert report.reject_reason
    assert clean.manager.position(SYMBOL).is_flat


def test_an_order_that_fills_in_part_says_how_much(clean):
    clean.server.put_in_force(script(PartialFill(0.5), CREATE, 1))
    clean.manager.place(clean.market("one"))
    report = clean.manager.order(SYMBOL, "one")
    assert (report.status, report.filled_size) == (OrderStatus.CANCELLED, Decimal("0.005"))
    assert clean.manager.position(SYMBOL).size == Decimal("0.005")


def test_whoever_decides_the_same_at_once_makes_one_order(clean):
    requests = [clean.market("same", "0.001")] * 4 + [clean.market(f"own{n}", "0.001") for n in range(4)]
    with ThreadPoolExecutor(8) as threads:
        acks = list(threads.map(clean.manager.place, requests))
    assert names(clean) == {"same": 1} | {f"own{n}": 1 for n in range(4)}
    assert len({ack.order_id for ack in acks[:4]}) == 1
    assert [ack.was_there for ack in acks[:4]].count(False) == 1
    assert clean.manager.position(SYMBOL).size == Decimal("0.005")


storms = given(st.integers(0, 10**6), st.sampled_from([0.3, 0.6, 0.9]), st.sampled_from([0, 10, 80]))
shared_server = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@storms
@settings(shared_server, max_examples=16)
def test_no_storm_of_faults_doubles_an_order_or_loses_one_without_a_word(clean, seed, rate, blind):
    survive_storm(clean, seed, rate, blind)


@pytest.mark.slow
@storms
@settings(shared_server, max_examples=400)
def test_no_storm_of_faults_doubles_or_loses_an_order_at_length(clean, seed, rate, blind):
    survive_storm(clean, seed, rate, blind)


def survive_storm(clean, seed, rate, blind):
    """Place orders in a storm of faults; what was told of each has to be so."""
    clean.server.put_in_force(NO_FAULTS)
    clean.server.desk.open_account("sandbox-key", "sandbox-secret")
    requests = [clean.market(f"n{number}", "0.001") for number in range(4)]
    storm = account_storm(seed, rate=rate / 2)
    dropped = Seeded(LostAnswer(0.0), rate / 4, CREATE)
    # for so many requests orders cannot be looked up
    unseen = tuple(Scripted(HttpStatus(503), path, tuple(range(1, blind))) for path in (REALTIME, HISTORY))
    clean.server.put_in_force(replace(storm, seeded=(dropped, *storm.seeded), scripted=unseen))
    told: dict[str, object] = {}
    for request in requests:
        try:
            told[request.order_link_id] = clean.manager.place(request)
        except ExchangeError as error:
            told[request.order_link_id] = error
        clean.waits.now_s += 60
    clean.server.put_in_force(NO_FAULTS)
    taken = names(clean)
    for name, verdict in told.items():
        if isinstance(verdict, OrderAck):
            assert taken[name] == 1
        elif isinstance(verdict, OutcomeUnknown):
            assert verdict.order_link_id == name
            assert taken[name] <= 1
        else:
            assert taken[name] == 0
    # whoever does not know asks again, under the same name
    for request in requests:
        clean.manager.place(request)
    assert names(clean) == {request.order_link_id: 1 for request in requests}
    filled = clean.manager.executions(since_ms=clean.clock() - 1)
    assert sum(each.size for each in filled) == clean.manager.position(SYMBOL).size
