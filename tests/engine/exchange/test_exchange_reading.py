"""Bybit's own examples, read; and what cannot be read is never taken for nothing."""

from decimal import Decimal

import pytest

from engine.errors import ExchangeError
from engine.exchange.faults import RequestFault
from engine.exchange.trading import reading
from engine.exchange.trading.orders import ExecutionKind, OrderKind, OrderSide, OrderStatus

# The fields that are read of the examples in bybit-exchange/docs at 072c197d: order/order-list,
# websocket/private/execution, position/position and websocket/private/position, position/close-pnl,
# account/transaction-log.
ORDER = {
    "orderId": "14bad3a1-6454-43d8-bcf2-5345896cf74d",
    "orderLinkId": "YLxaWKMiHU",
    "symbol": "BTCUSDT",
    "price": "26864.40",
    "qty": "0.003",
    "side": "Buy",
    "orderStatus": "Cancelled",
    "rejectReason": "EC_PostOnlyWillTakeLiquidity",
    "avgPrice": "0",
    "cumExecQty": "0.000",
    "orderType": "Limit",
    "stopOrderType": "UNKNOWN",
    "triggerPrice": "0.00",
    "takeProfit": "0.00",
    "stopLoss": "0.00",
    "reduceOnly": False,
    "createdTime": "1684476068369",
    "updatedTime": "1684476068372",
}
EXECUTION = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "closedSize": "0.5",
    "execFee": "26.3725275",
    "execId": "0ab1bdf7-4219-438b-b30a-32ec863018f7",
    "execPrice": "95900.1",
    "execQty": "0.5",
    "execType": "Trade",
    "feeRate": "0.00055",
    "orderId": "9aac161b-8ed6-450d-9cab-c5cc67c21784",
    "orderLinkId": "",
    "side": "Sell",
    "execTime": "1746270400353",
    "isMaker": False,
}
FLAT = {
    "positionIdx": 0,
    "symbol": "BTCUSDT",
    "side": "",
    "size": "0",
    "entryPrice": "0",
    "leverage": "10",
    "markPrice": "28184.5",
    "positionIM": "0",
    "positionMM": "0",
    "takeProfit": "0",
    "stopLoss": "0",
    "unrealisedPnl": "0",
    "curRealisedPnl": "1.26",
    "updatedTime": "1697682317038",
    "liqPrice": "0",
}
CLOSED = {
    "symbol": "ETHPERP",
    "updatedTime": "1672214887236",
    "side": "Sell",
    "orderId": "5a373bfe-188d-4913-9c81-d57ab5be8068",
    "closedPnl": "-47.4065323",
    "avgEntryPrice": "1194.97516667",
    "cumEntryValue": "3584.9255",
    "closedSize": "3",
    "avgExitPrice": "1180.59833333",
    "cumExitValue": "3541.795",
}
SETTLEMENT = {
    "id": "592324_XRPUSDT_161440249321",
    "symbol": "XRPUSDT",
    "side": "Buy",
    "funding": "-0.003676",
    "fee": "0.00000000",
    "change": "-0.003676",
    "cashFlow": "0",
    "transactionTime": "1672128000000",
    "type": "SETTLEMENT",
    "qty": "100",
    "cashBalance": "5086.55825002",
    "tradePrice": "0.3676",
}


def test_an_order_of_the_documentation():
    order = reading.order_report(ORDER)
    assert (order.side, order.kind, order.status) == (
        OrderSide.BUY,
        OrderKind.LIMIT,
        OrderStatus.CANCELLED,
    )
    assert (order.size, order.filled_size) == (Decimal("0.003"), 0)
    assert order.price == Decimal("26864.4")
    # "0", "0.00" and UNKNOWN are Bybit's ways to write that there is none
    assert (order.average_price, order.trigger_price, order.stop_loss, order.stop_order_type) == (
        None,
        None,
        None,
        "",
    )
    assert order.reject_reason == "EC_PostOnlyWillTakeLiquidity"


def test_an_order_refused_after_a_part_of_it_traded_keeps_that_part():
    # a recorded push of NautilusTrader's (ws_account_order_partially_filled_rejected) has both
    order = reading.order_report({**ORDER, "orderStatus": "Rejected", "cumExecQty": "0.001"})
    assert (order.status, order.filled_size) == (OrderStatus.CANCELLED, Decimal("0.001"))


def test_an_execution_of_the_documentation():
    execution = reading.execution_report(EXECUTION)
    assert execution.fee == execution.size * execution.price * execution.fee_rate
    assert (execution.kind, execution.closed_size) == (ExecutionKind.TRADE, Decimal("0.5"))
    assert reading.execution_report({**EXECUTION, "execType": "Novel"}).kind is ExecutionKind.OTHER


def test_a_position_names_its_entry_in_two_ways():
    flat = reading.position_report(FLAT)
    assert (flat.side, flat.liquidation_price, flat.is_flat) == (None, None, True)
    held = {**FLAT, "size": "2", "side": "Sell", "liqPrice": "31000", "stopLoss": "29000.5"}
    over_rest = {name: value for name, value in held.items() if name != "entryPrice"} | {"avgPrice": "28000"}
    assert reading.position_report({**held, "entryPrice": "28000"}) == reading.position_report(over_rest)
    short = reading.position_report(over_rest)
    assert (short.signed_size, short.stop_loss) == (-2, Decimal("29000.5"))
    assert short.notional == Decimal("56369.0")


def test_hedge_mode_is_refused():
    with pytest.raises(ExchangeError, match="hedge mode") as refused:
        reading.position_report({**FLAT, "positionIdx": 1})
    assert "one-way" in refused.value.way_out


def test_a_closed_position_of_the_documentation():
    closed = reading.closed_pnl(CLOSED)
    # both fees at 0.06 %: (3584.9255 + 3541.795) * 0.0006
    assert closed.fees == Decimal("4.2760323")
    assert closed.pnl == Decimal("3541.795") - Decimal("3584.9255") - closed.fees


def test_a_settlement_of_the_documentation():
    paid = reading.transaction(SETTLEMENT)
    assert paid.funding == -paid.size * paid.price * Decimal("0.0001")
    assert paid.change == paid.cash_flow + paid.funding - paid.fee


def test_what_isolated_orders_may_use_leaves_out_margin_locks_and_bonus():
    coin = {
        "coin": "USDT",
        "equity": "1010",
        "walletBalance": "1000",
        "totalPositionIM": "300",
        "totalOrderIM": "50",
        "locked": "20",
        "bonus": "5",
        "unrealisedPnl": "10",
    }
    wallet = reading.wallet_report({"coin": [{"coin": "BTC"}, coin]}, 7)
    assert (wallet.available_balance, wallet.updated_ms) == (625, 7)
    overdrawn = reading.wallet_report({"coin": [{**coin, "totalPositionIM": "2000"}]}, 7)
    assert overdrawn.available_balance == 0
    assert reading.wallet_report({"coin": [{"coin": "BTC"}]}, 7) is None


@pytest.mark.parametrize(
    ("read", "row", "changes"),
    [
        (reading.order_report, ORDER, {"qty": ""}),
        (reading.order_report, ORDER, {"orderStatus": "Novel"}),
        (reading.order_report, ORDER, {"orderId": None}),
        (reading.order_report, ORDER, {"updatedTime": "soon"}),
        (reading.execution_report, EXECUTION, {"execQty": "NaN"}),
        (reading.execution_report, EXECUTION, {"side": ""}),
        (reading.position_report, FLAT, {"size": None}),
        (reading.position_report, FLAT, {"size": "1"}),
        (reading.position_report, FLAT, {"liqPrice": "x", "size": "1", "side": "Buy"}),
        (reading.closed_pnl, CLOSED, {"closedPnl": "Infinity"}),
        (reading.transaction, SETTLEMENT, {"change": "abc"}),
    ],
)
def test_a_row_that_cannot_be_read_is_a_fault(read, row, changes):
    with pytest.raises(RequestFault, match=next(iter(changes)) if "size" not in changes else "size|side|liq"):
        read({**row, **changes})
