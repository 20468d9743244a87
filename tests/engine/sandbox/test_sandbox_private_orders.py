"""Orders of the sandbox's accounts: when they fill, at what price, for what fee, and what refuses them.

Prices by hand: within a one-minute candle the price goes from the open to the extreme away from the close
(after 20 s), to the other extreme (after 40 s) and to the close. The best bid is the last price, the best ask
a tick (0.10 for BTCUSDT) above. Codes and messages are those of bybit-exchange/docs, `docs/v5/error`.
"""

import pytest
from sandbox_private_trader import START, Trader, flat, recorded

from engine.sandbox.faults import AcceptedThenRejected, DelayedOrder, PartialFill
from engine.sandbox.private.private_paths import PRIVATE_PATHS

RISING = [(60_000, 60_060, 59_940, 60_030)]  # down to 59,940 at 20 s, up to 60,060 at 40 s


@pytest.fixture
def trader(tmp_path):
    return Trader(recorded(tmp_path / "market", flat(60_000, 2) + RISING + flat(60_030, 3)))


def fills(trader):
    return [
        (row["side"], row["execQty"], row["execPrice"], row["execFee"], int(row["execTime"]) - START)
        for row in trader.executions()
    ]


def test_a_market_order_takes_the_best_price_at_the_taker_fee(trader):
    bought = trader.place("Buy", "0.1", orderLinkId="one")
    assert (bought["orderStatus"], bought["avgPrice"], bought["leavesQty"]) == ("Filled", "60000.1", "0.000")
    assert (bought["timeInForce"], bought["price"]) == ("IOC", "60600.00")  # 1 % above the mark
    trader.place("Sell", "0.05")
    assert fills(trader) == [
        ("Buy", "0.100", "60000.1", "3.3000055", 0),
        ("Sell", "0.050", "60000", "1.65", 0),
    ]
    position = trader.position()
    assert (position["side"], position["size"], position["avgPrice"]) == ("Buy", "0.050", "60000.1")
    assert trader.wallet()["walletBalance"] == "9995.0449945"  # 10,000 - fees - 0.05 * 0.1


def test_a_limit_order_waits_until_its_price_is_traded_through(trader):
    resting = trader.place("Buy", "0.1", price="59970")
    touched = trader.place("Buy", "0.1", price="59940")
    assert resting["orderStatus"] == "New"
    trader.wait(5)
    # 59,969.9 is reached after 20 s * 30.1 / 60 of the third minute
    assert fills(trader) == [("Buy", "0.100", "59970", "1.1994", 130_034)]
    assert trader.executions()[0]["isMaker"] is True
    assert trader.order(touched["orderId"])["orderStatus"] == "New"


def test_a_limit_order_that_crosses_takes_the_best_price(trader):
    taken = trader.place("Buy", "0.1", price="60100")
    assert (taken["orderStatus"], taken["avgPrice"], taken["cumExecFee"]) == (
        "Filled",
        "60000.1",
        "3.3000055",
    )
    sold = trader.place("Sell", "0.1", price="60000")
    assert (sold["orderStatus"], sold["avgPrice"]) == ("Filled", "60000")


@pytest.mark.parametrize(
    ("wish", "price", "status", "reason"),
    [
        ("PostOnly", "60000.1", "Cancelled", "EC_PostOnlyWillTakeLiquidity"),
        ("PostOnly", "60000", "New", "EC_NoError"),
        ("IOC", "60000", "Cancelled", "EC_NoImmediateQtyToFill"),
        ("IOC", "60000.1", "Filled", "EC_NoError"),
        ("FOK", "60000", "Cancelled", "EC_NoImmediateQtyToFill"),
        ("FOK", "60000.1", "Filled", "EC_NoError"),
    ],
)
def test_time_in_force(trader, wish, price, status, reason):
    order = trader.place("Buy", "0.1", price=price, timeInForce=wish)
    assert (order["orderStatus"], order["rejectReason"]) == (status, reason)


def test_a_conditional_order_waits_for_its_trigger(trader):
    stop = trader.place("Buy", "0.1", triggerPrice="60050", triggerDirection=1, orderLinkId="stop")
    assert (stop["orderStatus"], stop["stopOrderType"], stop["triggerDirection"]) == (
        "Untriggered",
        "Stop",
        1,
    )
    trader.wait(5)
    # 60,050 on the way from 59,940 to 60,060: 20 s + 20 s * 110 / 120
    assert fills(trader) == [("Buy", "0.100", "60050.1", "3.3027555", 158_334)]
    row = trader.executions()[0]
    assert (row["createType"], row["stopOrderType"], row["orderLinkId"]) == (
        "CreateByStopOrder",
        "Stop",
        "stop",
    )
    statuses = [told["orderStatus"] for told in trader.told("order")]
    assert statuses == ["Untriggered", "Triggered", "Filled"]


def test_a_conditional_limit_order_enters_the_book_when_triggered(trader):
    order = trader.place("Sell", "0.1", price="60060", triggerPrice="60050", triggerDirection=1)
    trader.wait(5)
    # triggered above its trigger and below its price: the high touches the price and does not pass it
    assert trader.order(order["orderId"])["orderStatus"] == "New"


def test_a_trigger_on_the_mark_price_does_not_hear_the_last(tmp_path):
    marks = [*flat(60_000, 3), (60_000, 60_050, 60_000, 60_000), *flat(60_000, 2)]
    market = recorded(tmp_path / "market", flat(60_000, 2) + RISING + flat(60_030, 3), marks=marks)
    trader = Trader(market)
    trader.place("Buy", "0.1", triggerPrice="60050", triggerDirection=1, triggerBy="MarkPrice")
    trader.wait(5)
    [(_, _, price, _, at_ms)] = fills(trader)
    assert price == "60030.1"  # the last price when the mark was at 60,050
    assert 180_000 < at_ms < 240_000


def test_an_order_that_closes_more_than_the_position_opens_on_the_other_side(trader):
    trader.place("Buy", "0.1")
    trader.place("Sell", "0.3")
    position = trader.position()
    assert (position["side"], position["size"], position["avgPrice"]) == ("Sell", "0.200", "60000")
    [closed] = trader.ask("position/closed-pnl")["list"]
    # 0.1 * (60,000 - 60,000.1) less the fees of 0.1 on both sides
    assert (closed["closedSize"], closed["closedPnl"]) == ("0.100", "-6.6100055")


def test_reduce_only_orders_never_open(trader):
    assert trader.refused("order/create", side="Sell", qty="0.1", orderType="Market", reduceOnly=True) == (
        110017,
        "current position is zero, cannot fix reduce-only order qty",
    )
    trader.place("Buy", "0.1")
    assert (
        trader.refused("order/create", side="Buy", qty="0.1", orderType="Market", reduceOnly=True)[0]
        == 110017
    )
    waiting = trader.place("Sell", "0.1", price="60500", reduceOnly=True)
    closed = trader.place("Sell", "5", reduceOnly=True)
    assert (closed["qty"], closed["orderStatus"]) == ("0.100", "Filled")
    assert trader.position()["size"] == "0"
    dropped = trader.order(waiting["orderId"])
    assert (dropped["orderStatus"], dropped["cancelType"]) == ("Cancelled", "CancelByReduceOnly")


def test_size_zero_closes_the_whole_position(trader):
    trader.place("Buy", "0.123")
    trader.place("Sell", "0", reduceOnly=True, closeOnTrigger=True)
    assert trader.position()["size"] == "0"


def test_amending_keeps_the_id_and_can_cross(trader):
    order = trader.place("Buy", "0.1", price="59000")
    where = {"orderId": order["orderId"]}
    trader.ask("order/amend", **where, qty="0.2")
    trader.ask("order/amend", **where, price="60001", takeProfit="61000")
    amended = trader.order(order["orderId"])
    assert (amended["orderStatus"], amended["qty"], amended["avgPrice"]) == ("Filled", "0.200", "60000.1")
    assert trader.position()["takeProfit"] == "61000.00"
    assert trader.refused("order/amend", **where, qty="0.3")[0] == 110001
    again = trader.place("Buy", "0.1", price="59000")
    code, message = trader.refused("order/amend", orderId=again["orderId"], price="59000", qty="0.1")
    assert (code, message.split()[:4]) == (10001, ["The", "order", "remains", "unchanged"])


def test_cancelling(trader):
    resting = trader.place("Buy", "0.1", price="59000", orderLinkId="resting")
    stop = trader.place("Buy", "0.1", triggerPrice="61000", triggerDirection=1)
    trader.ask("order/cancel", orderLinkId="resting")
    assert trader.order(resting["orderId"])["orderStatus"] == "Cancelled"
    answer = trader.ask("order/cancel-all")
    assert [row["orderId"] for row in answer["list"]] == [stop["orderId"]]
    assert trader.order(stop["orderId"])["orderStatus"] == "Deactivated"
    assert trader.refused("order/cancel", orderLinkId="resting")[0] == 110001
    assert trader.open_orders() == []


def test_an_order_link_id_is_taken_once_for_ever(trader):
    trader.place("Buy", "0.1", price="59000", orderLinkId="mine")
    trader.ask("order/cancel", orderLinkId="mine")
    again = {"side": "Buy", "qty": "0.1", "orderType": "Market", "orderLinkId": "mine"}
    assert trader.refused("order/create", **again) == (110072, "OrderLinkedID is duplicate")
    [found] = trader.ask("order/history", orderLinkId="mine")["list"]
    assert found["orderStatus"] == "Cancelled"


@pytest.mark.parametrize(
    ("asked", "code", "named"),
    [
        ({"category": "spot"}, 10001, "category"),
        ({"symbol": "NOPEUSDT"}, 10001, "symbol invalid"),
        ({"side": "Up"}, 10001, "Side invalid"),
        ({"orderType": "Fast"}, 10001, "OrderType invalid"),
        ({"qty": "0.0001"}, 10001, "minimum"),
        ({"qty": "0.0015"}, 10001, "Qty invalid"),
        ({"qty": "x"}, 10001, "qty"),
        ({"qty": "-1"}, 10001, "qty"),
        ({"qty": "NaN"}, 10001, "qty"),
        ({"qty": "120"}, 10001, "maximum"),
        ({"price": "60000.05", "orderType": "Limit"}, 10001, "Price invalid"),
        ({"orderType": "Limit"}, 10001, "Price invalid"),
        ({"price": "62000", "orderType": "Limit"}, 110121, "higher than"),
        ({"price": "58000", "orderType": "Limit", "side": "Sell"}, 110120, "smaller than"),
        ({"price": "1000", "orderType": "Limit", "qty": "0.001"}, 110094, "minimum order value"),
        ({"qty": "20"}, 110007, "not enough"),
        ({"positionIdx": 1}, 10001, "position idx"),
        ({"stopLoss": "59000", "tpslMode": "Partial"}, 10001, "Full only"),
        ({"stopLoss": "59000", "slOrderType": "Limit"}, 10001, "market orders only"),
        ({"orderLinkId": "x" * 37}, 10001, "longer than 36"),
        ({"orderLinkId": "a b"}, 10001, "orderLinkId"),
        ({"triggerPrice": "61000"}, 10001, "TriggerDirection"),
        ({"triggerPrice": "59000", "triggerDirection": 1}, 110092, "expect Rising"),
        ({"triggerPrice": "61000", "triggerDirection": 2}, 110093, "expect Falling"),
        ({"stopLoss": "60500"}, 10001, "StopLoss:60500 set for Buy position should lower than"),
        ({"takeProfit": "59500"}, 10001, "TakeProfit:59500 set for Buy position should higher than"),
        ({"timeInForce": "DAY", "orderType": "Limit", "price": "60000"}, 10001, "timeInForce"),
    ],
)
def test_what_cannot_be_ordered_is_refused_and_leaves_nothing(trader, asked, code, named):
    order = {"side": "Buy", "qty": "0.1", "orderType": "Market", **asked}
    refused_with, message = trader.refused("order/create", **order)
    assert (refused_with, named in message) == (code, True), message
    assert trader.executions() == []
    assert trader.open_orders() == []
    assert trader.wallet()["walletBalance"] == "10000"


def test_a_batch_gives_each_order_its_own_verdict(trader):
    good = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "59000"}
    bad = {**good, "qty": "0"}
    with trader.desk.at_now() as quotes:
        asked = {"category": "linear", "request": [good, bad]}
        result, more = PRIVATE_PATHS["/v5/order/create-batch"].do(trader.state, asked, quotes, None)
    assert [row["orderId"] != "" for row in result["list"]] == [True, False]
    assert [verdict["code"] for verdict in more["list"]] == [0, 10001]
    assert len(trader.open_orders()) == 1


def test_an_order_can_be_acknowledged_and_then_rejected(trader):
    order = trader.place("Buy", "0.1", fault=AcceptedThenRejected())
    assert (order["orderStatus"], order["cumExecQty"]) == ("Rejected", "0.000")
    assert trader.told("order")[-1]["orderStatus"] == "Rejected"
    assert trader.position()["size"] == "0"


def test_an_order_can_be_seen_nowhere_for_a_while(trader):
    order = {"side": "Buy", "qty": "0.1", "orderType": "Market", "orderLinkId": "slow"}
    ids = trader.ask("order/create", fault=DelayedOrder(500), **order)
    assert trader.ask("order/realtime", orderLinkId="slow")["list"] == []
    assert trader.ask("order/history", orderLinkId="slow")["list"] == []
    assert trader.refused("order/create", **order)[0] == 110072
    trader.clock.step(499)
    assert trader.position()["size"] == "0"
    trader.clock.step(1)
    assert trader.order(ids["orderId"])["orderStatus"] == "Filled"
    assert int(trader.executions()[0]["execTime"]) == START + 500


def test_a_delayed_order_is_rejected_if_it_comes_too_late(trader):
    trader.place("Buy", "0.1")
    close = {"side": "Sell", "qty": "0.1", "orderType": "Market", "reduceOnly": True}
    late = trader.ask("order/create", fault=DelayedOrder(500), **close)
    trader.place("Sell", "0.1")
    trader.clock.step(500)
    assert trader.order(late["orderId"])["orderStatus"] == "Rejected"
    assert trader.position()["size"] == "0"


def test_a_market_order_can_be_filled_in_part(trader):
    order = trader.place("Buy", "0.1", fault=PartialFill(0.4))
    assert (order["orderStatus"], order["cumExecQty"], order["rejectReason"]) == (
        "Cancelled",
        "0.040",
        "EC_NoImmediateQtyToFill",
    )


def test_a_resting_order_can_be_filled_in_two_parts(tmp_path):
    falling = [(60_000, 60_000, 59_900, 59_900)]
    trader = Trader(recorded(tmp_path / "market", flat(60_000, 1) + falling + flat(59_900, 3)))
    order = trader.place("Buy", "0.1", price="59950", fault=PartialFill(0.4))
    trader.wait(2)
    part = trader.order(order["orderId"])
    assert (part["orderStatus"], part["cumExecQty"], part["leavesQty"]) == (
        "PartiallyFilled",
        "0.040",
        "0.060",
    )
    trader.wait(2)
    assert trader.order(order["orderId"])["orderStatus"] == "Filled"
    assert [row["execQty"] for row in trader.executions()] == ["0.040", "0.060"]


def test_nothing_is_traded_in_a_halt(tmp_path):
    market = recorded(tmp_path / "market", flat(60_000, 2))
    trader = Trader(market)
    trader.wait(3)
    assert trader.refused("order/create", side="Buy", qty="0.1", orderType="Market")[0] == 110066
