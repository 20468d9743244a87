"""Everything an account can be asked for, through the real pybit against the sandbox exchange."""

from dataclasses import replace
from decimal import Decimal

import pytest
from exchange_accounts import NOW, SYMBOL, floor, manager_at

from engine.errors import (
    ConfigurationError,
    ExchangeError,
    ExchangeUnavailable,
    OrderGone,
    OrderRefused,
    OutcomeUnknown,
    SymbolNotListed,
)
from engine.exchange.trading.account_records import MarginMode
from engine.exchange.trading.contract_rules import RULES_AGE_S
from engine.exchange.trading.environment import TradingEnvironment
from engine.exchange.trading.manager import CancelOutcome, ExchangeManager
from engine.exchange.trading.orders import (
    OrderKind,
    OrderSide,
    OrderStatus,
    TimeInForce,
    TriggerDirection,
)
from engine.exchange.trading.prices import tickers
from engine.sandbox.faults import (
    NO_FAULTS,
    DisorderedRows,
    DuplicateRows,
    FaultPlan,
    HttpStatus,
    LostAnswer,
    RetCode,
    Scripted,
    Seeded,
    TrailingCursor,
)
from engine.sandbox.private.terms import MarginMode as SandboxMode
from engine.timeframes import DAY_MS, HOUR_MS


@pytest.fixture(scope="module")
def running():
    with floor() as traded:
        yield traded


@pytest.fixture
def traded(running):
    """The exchange without faults, with an account that nobody has used."""
    running.server.put_in_force(NO_FAULTS)
    running.server.desk.open_account("sandbox-key", "sandbox-secret")
    running.manager.set_leverage(SYMBOL, Decimal(10))
    return running


def test_a_new_account_is_isolated_and_one_way_after_it_was_asked_for_twice(traded):
    for _ in range(2):
        traded.manager.set_isolated_margin()
        traded.manager.set_one_way()
        traded.manager.set_leverage(SYMBOL, Decimal("5"))
    assert traded.manager.account_info().margin_mode is MarginMode.ISOLATED
    position = traded.manager.position(SYMBOL)
    assert (position.is_flat, position.leverage, position.liquidation_price) == (True, 5, None)
    wallet = traded.manager.wallet()
    assert (wallet.equity, wallet.available_balance) == (10_000, 10_000)


def test_an_account_in_cross_margin_is_made_isolated_unless_it_holds_something(traded):
    state = traded.server.desk.account("sandbox-key")
    traded.manager.place(traded.limit("rests"))
    state.margin_mode = SandboxMode.CROSS
    assert traded.manager.account_info().margin_mode is MarginMode.CROSS
    with pytest.raises(ExchangeError, match="Set margin mode failed") as refused:
        traded.manager.set_isolated_margin()
    assert "cancel the orders" in refused.value.way_out
    traded.manager.cancel_all()
    traded.manager.set_isolated_margin()
    assert traded.manager.account_info().margin_mode is MarginMode.ISOLATED


@pytest.mark.parametrize("leverage", ["0.5", "100.01", "2.005"])
def test_a_leverage_the_symbol_does_not_have_is_refused(traded, leverage):
    with pytest.raises(OrderRefused, match="no leverage") as refused:
        traded.manager.set_leverage(SYMBOL, Decimal(leverage))
    assert "1 to 100" in refused.value.way_out


def test_limit_and_conditional_orders_rest_and_are_amended_and_cancelled(traded):
    manager, limit = traded.manager, traded.limit("limit", 0.9, stop_loss=traded.price(0.85))
    trigger = replace(
        traded.market("stop"), trigger_price=traded.price(1.05), trigger_direction=TriggerDirection.RISE
    )
    manager.place(limit)
    manager.place(trigger)
    resting = {order.order_link_id: order for order in manager.open_orders(SYMBOL)}
    assert resting["limit"].status is OrderStatus.NEW
    assert (resting["limit"].price, resting["limit"].stop_loss) == (limit.price, limit.stop_loss)
    assert resting["stop"].status is OrderStatus.UNTRIGGERED
    assert resting["stop"].trigger_price == trigger.trigger_price

    for _ in range(2):  # the second time nothing is left to change, which is success
        manager.amend(SYMBOL, order_link_id="limit", price=traded.price(0.88), size=Decimal("0.02"))
        manager.amend(SYMBOL, order_id=resting["stop"].order_id, trigger_price=traded.price(1.1))
    assert manager.order(SYMBOL, "limit").price == traded.price(0.88)
    assert manager.order(SYMBOL, "limit").size == Decimal("0.02")
    assert manager.order(SYMBOL, "stop").trigger_price == traded.price(1.1)

    outcomes = [manager.cancel(SYMBOL, order_link_id="limit") for _ in range(2)]
    assert outcomes == [CancelOutcome.ACCEPTED, CancelOutcome.NOT_OPEN]
    assert manager.cancel_all() == (resting["stop"].order_id,)
    assert manager.open_orders() == ()
    assert manager.order(SYMBOL, "limit").status is OrderStatus.CANCELLED
    with pytest.raises(OrderGone):
        manager.amend(SYMBOL, order_link_id="limit", price=traded.price(0.9))


@pytest.mark.parametrize("fault", [None, LostAnswer(0.0), RetCode(10006), HttpStatus(503)], ids=repr)
def test_a_batch_of_orders_is_cancelled_with_an_outcome_for_each(traded, fault):
    manager = traded.manager
    manager.place_batch([traded.limit(f"n{number}", 0.9) for number in range(12)])
    manager.cancel(SYMBOL, order_link_id="n3")
    if fault is not None:
        script = Scripted(fault, "/v5/order/cancel-batch", (1,))
        traded.server.put_in_force(FaultPlan(scripted=(script,)))
    outcomes = manager.cancel_batch([(SYMBOL, f"n{number}") for number in range(12)])
    gone = {place for place, outcome in enumerate(outcomes) if outcome is CancelOutcome.NOT_OPEN}
    assert set(outcomes) == {CancelOutcome.ACCEPTED, CancelOutcome.NOT_OPEN}
    assert 3 in gone
    if not isinstance(
        fault, LostAnswer
    ):  # then the first ten were gone already when they were asked for again
        assert gone == {3}
    assert manager.open_orders() == ()


def test_a_post_only_order_that_would_take_is_cancelled_and_says_why(traded):
    crossing = replace(traded.limit("post", 1.01), time_in_force=TimeInForce.POST_ONLY)
    traded.manager.place(crossing)
    report = traded.manager.order(SYMBOL, "post")
    assert (report.status, report.filled_size) == (OrderStatus.CANCELLED, 0)
    assert report.reject_reason == "EC_PostOnlyWillTakeLiquidity"


def test_a_bracket_is_set_moved_and_taken_away(traded):
    manager = traded.manager
    with pytest.raises(ExchangeError):
        manager.set_bracket(SYMBOL, stop_loss=traded.price(0.95))
    manager.place(traded.market("entry", take_profit=traded.price(1.1)))
    for _ in range(2):
        manager.set_bracket(SYMBOL, stop_loss=traded.price(0.95))
    held = manager.position(SYMBOL)
    assert (held.stop_loss, held.take_profit) == (traded.price(0.95), traded.price(1.1))
    assert {order.stop_order_type for order in manager.open_orders()} == {"StopLoss", "TakeProfit"}
    manager.cancel_all()
    assert manager.position(SYMBOL).stop_loss == traded.price(0.95)  # no position loses its stop by that
    manager.set_bracket(SYMBOL, take_profit=Decimal(0))
    assert manager.position(SYMBOL).take_profit is None
    manager.cancel_all(brackets=True)
    assert manager.position(SYMBOL).stop_loss is None
    with pytest.raises(OrderRefused, match="tick"):
        manager.set_bracket(SYMBOL, stop_loss=Decimal("70000.05"))


def test_margin_is_added_once_also_when_the_answer_is_lost(traded):
    traded.manager.place(traded.market("entry"))
    before = traded.manager.position(SYMBOL).liquidation_price
    path = "/v5/position/add-margin"
    traded.server.put_in_force(FaultPlan(scripted=(Scripted(LostAnswer(0.0), path, (1,)),)))
    asked = traded.server.log.counts()[path]
    with pytest.raises(OutcomeUnknown, match="not known"):
        traded.manager.add_margin(SYMBOL, Decimal("50"))
    assert traded.server.log.counts()[path] == asked + 1
    traded.server.put_in_force(FaultPlan(scripted=(Scripted(RetCode(10006), path, (1,)),)))
    traded.manager.add_margin(SYMBOL, Decimal("50.5"))  # what was refused for its rate is sent again
    assert traded.manager.position(SYMBOL).liquidation_price < before
    for amount in ("0", "1.00001"):
        with pytest.raises(ConfigurationError, match="cannot be added"):
            traded.manager.add_margin(SYMBOL, Decimal(amount))


def test_a_round_trip_is_in_fills_closed_pnl_cash_and_wallet_alike(traded):
    manager, opened_ms = traded.manager, traded.clock()
    manager.place(traded.market("entry"))
    traded.clock.step(9 * HOUR_MS)
    manager.place(traded.market("exit", side=OrderSide.SELL, reduce_only=True))
    entry, funding, leave = manager.executions(since_ms=opened_ms)
    assert [entry.order_link_id, leave.order_link_id] == ["entry", "exit"]
    assert manager.funding(since_ms=opened_ms) == (funding,)
    assert leave.closed_size == Decimal("0.01")
    [closed] = manager.closed_pnl(opened_ms)
    gain = (leave.price - entry.price) * leave.size
    assert closed.pnl == gain - entry.fee - leave.fee - funding.fee
    assert closed.fees == entry.fee + leave.fee + funding.fee
    log = manager.transaction_log(opened_ms)
    assert [each.kind for each in log] == ["TRADE", "SETTLEMENT", "TRADE"]
    wallet = manager.wallet()
    assert wallet.wallet_balance == 10_000 + sum(each.change for each in log) == 10_000 + closed.pnl
    assert log[-1].balance == wallet.wallet_balance
    assert manager.positions() == ()
    assert [order.order_link_id for order in manager.order_history(since_ms=opened_ms)] == ["entry", "exit"]


def test_rows_that_come_twice_count_once(traded):
    manager, opened_ms = traded.manager, traded.clock()
    manager.place(traded.market("entry"))
    manager.place(traded.market("exit", side=OrderSide.SELL, reduce_only=True))
    read = (
        lambda: manager.executions(since_ms=opened_ms),
        lambda: manager.closed_pnl(opened_ms),
        lambda: manager.transaction_log(opened_ms),
        lambda: manager.order_history(since_ms=opened_ms),
    )
    whole = [ask() for ask in read]
    for fault in (DuplicateRows(2), DisorderedRows(), TrailingCursor()):
        traded.server.put_in_force(FaultPlan(seeded=(Seeded(fault, 1.0),)))
        assert [sorted(ask(), key=str) for ask in read] == [sorted(rows, key=str) for rows in whole]


def test_what_spans_many_pages_and_weeks_comes_whole(traded):
    manager, began_ms = traded.manager, traded.clock()
    for number in range(60):
        manager.place(traded.market(f"a{number}", "0.001"))
    traded.clock.step(8 * DAY_MS)
    for number in range(60):
        manager.place(traded.market(f"b{number}", "0.001", side=OrderSide.SELL))
    trades = [each for each in manager.executions(since_ms=began_ms) if each.order_link_id]
    assert [each.order_link_id for each in trades] == [f"{week}{n}" for week in "ab" for n in range(60)]
    assert len(manager.closed_pnl(began_ms)) == 60
    log = manager.transaction_log(began_ms)
    assert sum(each.kind == "TRADE" for each in log) == 120
    assert log[-1].balance == manager.wallet().wallet_balance


def test_a_position_too_large_for_one_market_order_is_closed_in_parts(traded):
    most = traded.manager.instrument(SYMBOL).max_market_size
    position = replace(traded.manager.position(SYMBOL), side=OrderSide.BUY, size=most * 2 + Decimal("0.5"))
    closing = traded.market("panic", side=OrderSide.SELL, reduce_only=True)
    parts = traded.manager.closing(position, closing)
    assert [(part.order_link_id, part.size) for part in parts] == [
        ("panic", most),
        ("panic-1", most),
        ("panic-2", Decimal("0.5")),
    ]
    assert all(part.reduce_only and part.kind is OrderKind.MARKET for part in parts)


def test_prices_and_rules_are_those_of_the_symbol(traded):
    [ticker] = tickers(traded.manager.session, SYMBOL)
    assert ticker.bid < ticker.ask
    assert ticker.ts_ms == traded.clock()
    assert ticker.next_funding_ms % (8 * HOUR_MS) == 0
    assert traded.manager.fee_rates(SYMBOL).taker == Decimal("0.00055")
    with pytest.raises(SymbolNotListed):
        traded.manager.instrument("NOSUCHUSDT")


def test_old_rules_do_for_an_order_when_the_exchange_does_not_tell_new_ones(traded):
    known = traded.manager.instrument(SYMBOL)
    path = "/v5/market/instruments-info"
    traded.waits.now_s += RULES_AGE_S + 1
    asked = traded.server.log.counts()[path]
    traded.server.put_in_force(FaultPlan(seeded=(Seeded(HttpStatus(503), 1.0, path),)))
    assert traded.manager.instrument(SYMBOL) == known
    assert traded.server.log.counts()[path] > asked
    with pytest.raises(ExchangeUnavailable):
        traded.manager.instrument("ETHUSDT")


def test_a_position_is_closed_although_the_rules_cannot_be_had(traded):
    traded.manager.place(traded.market("entry"))
    exit_ = traded.market("exit", side=OrderSide.SELL, reduce_only=True)
    new = manager_at(traded.server.url, traded.waits.timing)
    untold = FaultPlan(seeded=(Seeded(HttpStatus(503), 1.0, "/v5/market/instruments-info"),))
    traded.server.put_in_force(untold)
    with pytest.raises(ExchangeUnavailable):
        new.place(traded.market("another"))
    [part] = new.closing(new.position(SYMBOL), exit_)
    new.place(part)
    assert new.position(SYMBOL).is_flat


def test_an_order_is_named_in_one_way(traded):
    for names in ({}, {"order_link_id": "a", "order_id": "b"}):
        with pytest.raises(ConfigurationError, match="one way"):
            traded.manager.cancel(SYMBOL, **names)


def test_orders_are_cancelled_on_a_disconnection_only_where_that_is_offered(traded):
    path = "/v5/order/disconnected-cancel-all"
    refused = Scripted(RetCode(10005), path, (1,))
    traded.server.put_in_force(FaultPlan(scripted=(refused,)))
    assert traded.manager.disconnect_cancel(10) is False
    with pytest.raises(ConfigurationError, match="3 to 300"):
        traded.manager.disconnect_cancel(2)


def test_a_live_account_opens_nothing_unless_it_is_armed(traded):
    session, rules_of = traded.manager.session, traded.manager.instrument
    unarmed = ExchangeManager(session, rules_of, TradingEnvironment.LIVE)
    armed = ExchangeManager(session, rules_of, TradingEnvironment.LIVE, is_armed=True)
    with pytest.raises(ConfigurationError, match="not armed") as refused:
        unarmed.place(traded.market("entry"))
    assert "TRADE_LIVE_ARMED=yes" in refused.value.way_out
    [verdict] = unarmed.place_batch([traded.market("entry")])
    assert isinstance(verdict, ConfigurationError)
    assert traded.manager.position(SYMBOL).is_flat
    armed.place(traded.market("entry"))
    unarmed.place(traded.market("exit", side=OrderSide.SELL, reduce_only=True))
    assert traded.manager.position(SYMBOL).is_flat


def test_the_clock_is_measured(traded):
    assert abs(traded.manager.clock_offset_ms()) < 1000
    assert NOW <= traded.manager.session.server_ms() <= traded.clock() + 1000
