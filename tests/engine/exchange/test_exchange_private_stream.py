"""What happens to an account is told once, whatever happens to the connection."""

import queue
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from exchange_accounts import SYMBOL, floor, manager_at

from engine.errors import AuthenticationFailed, ExchangeError
from engine.exchange.stream import Outage
from engine.exchange.timing import Timing
from engine.exchange.trading.orders import (
    ExecutionKind,
    ExecutionReport,
    OrderReport,
    OrderSide,
    OrderStatus,
    PositionReport,
    WalletReport,
)
from engine.exchange.trading.private_stream import Connected, PrivateStream
from engine.exchange.trading.seen import Seen
from engine.sandbox.faults import (
    AUTH_PATH,
    NO_FAULTS,
    PRIVATE_STREAM_PATH,
    ClosedStream,
    DroppedStream,
    FaultPlan,
    LateMessage,
    RefusedAuth,
    RepeatedMessage,
    Scripted,
    Seeded,
    StalledStream,
    account_storm,
)
from engine.timeframes import HOUR_MS

# a stream's seconds pass twenty times as fast as a test's
_FASTER = 20


@pytest.fixture
def traded():
    with floor() as running:
        yield running


class Listener:
    """Reads a stream in a thread and hands out what it told."""

    def __init__(self, stream: PrivateStream) -> None:
        self._stream = stream
        self._told: queue.Queue[object] = queue.Queue()
        self.events: list[object] = []
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for event in self._stream.events():
                self._told.put(event)
        except AuthenticationFailed as error:
            self.error = error

    def until(self, is_enough) -> list[object]:
        """What was told, as soon as it is enough."""
        until_s = time.monotonic() + 20
        while not is_enough(self.events):
            self.events.append(self._told.get(timeout=max(0.01, until_s - time.monotonic())))
        return self.events

    def of(self, kind) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def listening(traded, **more):
    timing = Timing(
        monotonic_s=lambda: time.monotonic() * _FASTER,
        epoch_ms=traded.clock,
        sleep=lambda seconds: time.sleep(seconds / _FASTER),
    )
    stream = PrivateStream(traded.manager, traded.server.private_stream_url, timing=timing, **more)
    listener = Listener(stream)
    listener.thread.start()
    try:
        yield listener
    finally:
        stream.stop()
        listener.thread.join(timeout=20)
        assert not listener.thread.is_alive()


def connections(events) -> int:
    return max((event.connections for event in events if isinstance(event, Connected)), default=0)


def test_orders_fills_positions_and_the_wallet_are_told(traded):
    with listening(traded) as heard:
        heard.until(connections)
        traded.manager.place(traded.market("one", stop_loss=traded.price(0.95)))
        heard.until(lambda events: any(isinstance(each, PositionReport) for each in events))
        heard.until(lambda events: isinstance(events[-1], WalletReport))
        traded.clock.step(9 * HOUR_MS)  # past a funding time
        heard.until(lambda events: sum(isinstance(each, ExecutionReport) for each in events) == 2)
    [trade, funding] = heard.of(ExecutionReport)
    assert (trade.order_link_id, trade.size, trade.kind) == ("one", Decimal("0.01"), ExecutionKind.TRADE)
    assert (funding.kind, funding.ts_ms % (8 * HOUR_MS)) == (ExecutionKind.FUNDING, 0)
    orders = {order.order_link_id: order for order in heard.of(OrderReport)}
    assert orders["one"].status is OrderStatus.FILLED
    assert orders[""].stop_order_type == "StopLoss"
    assert heard.of(PositionReport)[0].side is OrderSide.BUY
    balances = [wallet.wallet_balance for wallet in heard.of(WalletReport)]
    assert balances[:2] == [10_000, 10_000 - trade.fee]


def test_what_happened_while_nobody_heard_is_told_before_the_stream_counts_as_connected(traded):
    with listening(traded) as heard:
        traded.manager.place(traded.limit("rests", 0.9))
        heard.until(connections)
        cut = Scripted(DroppedStream(), PRIVATE_STREAM_PATH, (1,))
        refused = Scripted(RefusedAuth(), AUTH_PATH, (1,))
        traded.server.put_in_force(FaultPlan(scripted=(cut, refused)))
        traded.manager.place(traded.market("missed"))
        traded.manager.cancel(SYMBOL, order_link_id="rests")
        events = heard.until(lambda events: connections(events) == 2)
    outage = next(place for place, event in enumerate(events) if isinstance(event, Outage))
    back = events.index(heard.of(Connected)[1])
    between = events[outage:back]
    assert [each.order_link_id for each in heard.of(ExecutionReport)] == ["missed"]
    assert any(isinstance(each, ExecutionReport) for each in between)
    assert any(isinstance(each, PositionReport) and each.size == Decimal("0.01") for each in between)
    last = {order.order_link_id: order.status for order in heard.of(OrderReport)}
    assert last["rests"] is OrderStatus.CANCELLED


@pytest.mark.parametrize(
    "fault",
    [DroppedStream(), ClosedStream(), StalledStream(0.3), RepeatedMessage(), LateMessage()],
    ids=repr,
)
def test_every_fill_is_told_once_however_often_the_stream_fails(traded, fault):
    names = [f"n{number}" for number in range(8)]
    with listening(traded) as heard:
        heard.until(connections)
        seeded = FaultPlan(seeded=(Seeded(fault, 0.3, PRIVATE_STREAM_PATH),), seed=3)
        traded.server.put_in_force(seeded)
        for name in names:
            traded.manager.place(traded.market(name, "0.001"))
        traded.server.put_in_force(NO_FAULTS)
        traded.manager.place(traded.market("last", "0.001"))
        heard.until(
            lambda events: (
                {each.order_link_id for each in events if isinstance(each, ExecutionReport)}
                >= {*names, "last"}
            )
        )
    told = [each.order_link_id for each in heard.of(ExecutionReport)]
    assert sorted(told) == sorted([*names, "last"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_fill_is_told_once_in_a_storm_over_requests_and_stream(traded, seed):
    names = [f"n{number}" for number in range(6)]
    with listening(traded, silence_s=10.0, audit_s=10.0) as heard:
        heard.until(connections)
        traded.server.put_in_force(account_storm(seed, rate=0.4))
        for name in names:
            with suppress(ExchangeError):
                traded.manager.place(traded.market(name, "0.001"))
            traded.waits.now_s += 60
        traded.server.put_in_force(NO_FAULTS)
        for name in names:
            traded.manager.place(traded.market(name, "0.001"))
        heard.until(
            lambda events: (
                {each.order_link_id for each in events if isinstance(each, ExecutionReport)} >= set(names)
            )
        )
    told = heard.of(ExecutionReport)
    kept = traded.manager.executions(since_ms=traded.clock() - 1)
    assert sorted(each.execution_id for each in told) == sorted(each.execution_id for each in kept)
    assert sum(each.size for each in told) == traded.manager.position(SYMBOL).size == Decimal("0.006")


def test_a_stream_that_says_nothing_is_given_up(traded):
    traded.server.put_in_force(FaultPlan(seeded=(Seeded(StalledStream(120.0), 1.0, PRIVATE_STREAM_PATH),)))
    with listening(traded, silence_s=20.0) as heard:
        heard.until(connections)
        traded.manager.place(traded.market("one"))
        heard.until(lambda events: any(isinstance(each, Outage) for each in events))
    assert "nothing was heard" in heard.of(Outage)[0].reason or "kept fills" in heard.of(Outage)[0].reason


def test_a_key_that_is_refused_again_and_again_ends_the_stream(traded):
    traded.manager = manager_at(traded.server.url, traded.waits.timing, secret="wrong-secret")
    with listening(traded) as heard:
        heard.thread.join(timeout=20)
    assert isinstance(heard.error, AuthenticationFailed)
    assert "wrong-secret" not in str(heard.error)


ORDER = OrderReport(
    "BTCUSDT", "id", "name", OrderSide.BUY, None, OrderStatus.NEW, Decimal(2), Decimal(0), None, None, None,
    False, 10, 10,
)  # fmt: skip


def test_what_is_old_or_the_same_of_an_order_is_not_told_again():
    seen = Seen()
    part = replace(ORDER, status=OrderStatus.PARTIALLY_FILLED, filled_size=Decimal(1), updated_ms=20)
    filled = replace(part, status=OrderStatus.FILLED, filled_size=Decimal(2), updated_ms=30)
    told = [seen.is_new_order(each) for each in (ORDER, ORDER, part, ORDER, filled)]
    assert told == [True, False, True, False, True]
    # Bybit may tell a filled order a second time, with a reason of its own (websocket/private/order)
    assert not seen.is_new_order(replace(filled, reject_reason="EC_OrigClOrdIDDoesNotExist", updated_ms=31))
    assert seen.open_orders() == ()


def test_an_amended_price_is_told():
    seen = Seen()
    assert seen.is_new_order(ORDER)
    assert seen.is_new_order(replace(ORDER, price=Decimal(5)))
    assert [each.price for each in seen.open_orders()] == [Decimal(5)]


def test_a_stream_that_keeps_fills_to_itself_is_found_out_and_given_up(traded):
    def fills(events):
        return [each.order_link_id for each in events if isinstance(each, ExecutionReport)]

    silent = Seeded(StalledStream(600.0), 1.0, PRIVATE_STREAM_PATH)
    with listening(traded, silence_s=1e9, audit_s=10.0) as heard:
        heard.until(connections)
        traded.server.put_in_force(FaultPlan(seeded=(silent,)))
        traded.manager.place(traded.market("one"))
        heard.until(lambda events: fills(events) == ["one"])  # the exchange's list has it
        traded.manager.place(traded.market("two"))
        traded.clock.step(10_000)
        heard.until(lambda events: any(isinstance(each, Outage) for each in events))
    assert fills(heard.events) == ["one", "two"]
    assert heard.of(Outage)[0].reason == "the stream kept fills to itself"


def test_a_stream_that_is_read_again_goes_on_where_it_was_left(traded):
    stream = PrivateStream(traded.manager, traded.server.private_stream_url)
    told: list[str] = []

    def read(until_connections):
        for event in stream.events():
            told.extend([event.order_link_id] if isinstance(event, ExecutionReport) else [])
            if isinstance(event, Connected) and event.connections == until_connections:
                return

    read(1)
    traded.manager.place(traded.market("between"))
    traded.clock.step(1_000)
    read(2)
    assert told == ["between"]


@pytest.mark.parametrize("watched", [True, False])
def test_orders_go_when_the_connection_that_is_watched_goes(traded, watched):
    assert traded.manager.disconnect_cancel(10)
    with listening(traded, cancel_on_disconnect=watched) as heard:
        heard.until(connections)
        traded.manager.place(traded.limit("rests", 0.9))
    traded.clock.step(5_000)
    assert len(traded.manager.open_orders()) == 1
    traded.clock.step(10_000)
    assert len(traded.manager.open_orders()) == (0 if watched else 1)
