"""Bybit's words on orders, fills, positions and balances, read strictly: REST answers and stream messages.

A row that cannot be read is a `RequestFault`: what is not understood must not be taken for "nothing". Bybit
writes "" for what is absent and "0" or "0.00" for a price that is not set.
"""

from __future__ import annotations

from engine.errors import ExchangeError
from engine.exchange.faults import FaultKind, RequestFault
from engine.exchange.trading.account_records import AccountInfo, MarginMode, Transaction
from engine.exchange.trading.fields import Row, moment, name, number, number_or_zero, one_of, price, text
from engine.exchange.trading.orders import (
    ZERO,
    ClosedPnl,
    ExecutionKind,
    ExecutionReport,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    PositionReport,
    WalletReport,
)

_NO_REASON = frozenset({"", "EC_NoError"})
# REST says UNKNOWN of an order that is no stop, the stream says nothing
_NO_STOP = frozenset({"", "UNKNOWN"})


def order_report(row: Row) -> OrderReport:
    """Return an order of order/realtime, order/history or the stream's topic `order`.

    Raises
    ------
    RequestFault
        If it cannot be read.
    """
    reason = text(row, "rejectReason")
    stop = text(row, "stopOrderType")
    return OrderReport(
        symbol=name(row, "symbol"),
        order_id=name(row, "orderId"),
        order_link_id=text(row, "orderLinkId"),
        side=one_of(OrderSide, row, "side"),
        kind=one_of(OrderKind, row, "orderType"),
        status=_status(row),
        size=number(row, "qty"),
        filled_size=number_or_zero(row, "cumExecQty"),
        price=price(row, "price") if row.get("orderType") == OrderKind.LIMIT else None,
        average_price=price(row, "avgPrice"),
        trigger_price=price(row, "triggerPrice"),
        reduce_only=row.get("reduceOnly") is True,
        created_ms=moment(row, "createdTime"),
        updated_ms=moment(row, "updatedTime"),
        reject_reason="" if reason in _NO_REASON else reason,
        stop_loss=price(row, "stopLoss"),
        take_profit=price(row, "takeProfit"),
        stop_order_type="" if stop in _NO_STOP else stop,
    )


def _status(row: Row) -> OrderStatus:
    status = one_of(OrderStatus, row, "orderStatus")
    # an order on the book that was refused after a part of it had traded ends like a cancelled one
    if status is OrderStatus.REJECTED and number_or_zero(row, "cumExecQty") > 0:
        return OrderStatus.CANCELLED
    return status


def execution_report(row: Row) -> ExecutionReport:
    """Return a fill or funding payment of execution/list or the stream's topic `execution`.

    Raises
    ------
    RequestFault
        If it cannot be read.
    """
    kind = str(row.get("execType"))
    return ExecutionReport(
        symbol=name(row, "symbol"),
        execution_id=name(row, "execId"),
        order_id=text(row, "orderId"),
        order_link_id=text(row, "orderLinkId"),
        side=one_of(OrderSide, row, "side"),
        price=number(row, "execPrice"),
        size=number(row, "execQty"),
        fee=number_or_zero(row, "execFee"),
        fee_rate=number_or_zero(row, "feeRate"),
        is_maker=row.get("isMaker") is True,
        kind=ExecutionKind(kind) if kind in set(ExecutionKind) else ExecutionKind.OTHER,
        ts_ms=moment(row, "execTime"),
        closed_size=number_or_zero(row, "closedSize"),
    )


def position_report(row: Row) -> PositionReport:
    """Return a position of position/list or the stream's topic `position`, which name the entry differently.

    Raises
    ------
    RequestFault
        If it cannot be read.
    ExchangeError
        If it is one of the two of hedge mode.
    """
    if row.get("positionIdx", 0) != 0:
        raise ExchangeError(
            f"the account is in hedge mode for {row.get('symbol')}: it has a long and a short position apart",
            way_out="close both, then set one-way mode with `trade account prepare`",
        )
    size = number(row, "size")
    side = None if size == 0 else one_of(OrderSide, row, "side")
    return PositionReport(
        symbol=name(row, "symbol"),
        side=side,
        size=size,
        entry_price=number_or_zero(row, "avgPrice" if "avgPrice" in row else "entryPrice"),
        mark_price=number_or_zero(row, "markPrice"),
        liquidation_price=price(row, "liqPrice") if side is not None else None,
        leverage=number_or_zero(row, "leverage"),
        stop_loss=price(row, "stopLoss"),
        take_profit=price(row, "takeProfit"),
        initial_margin=number_or_zero(row, "positionIM"),
        maintenance_margin=number_or_zero(row, "positionMM"),
        unrealised_pnl=number_or_zero(row, "unrealisedPnl"),
        realised_pnl=number_or_zero(row, "curRealisedPnl"),
        updated_ms=moment(row, "updatedTime") if row.get("updatedTime") else 0,
    )


def wallet_report(row: Row, updated_ms: int) -> WalletReport | None:
    """Return the USDT of an account of wallet-balance or the stream's topic `wallet`; None if it has none.

    In isolated margin what orders may use is the balance less the margin of positions and orders, what is
    locked and what is a bonus (bybit-exchange/docs, account/wallet-balance); the account-wide fields do not
    apply.

    Raises
    ------
    RequestFault
        If it cannot be read.
    """
    coins = row.get("coin")
    if not isinstance(coins, list):
        raise RequestFault(FaultKind.UNSOUND, "the answer has no list of coins")
    for coin in coins:
        if isinstance(coin, dict) and coin.get("coin") == "USDT":
            break
    else:
        return None
    balance = number(coin, "walletBalance")
    position_margin, order_margin = (
        number_or_zero(coin, "totalPositionIM"),
        number_or_zero(coin, "totalOrderIM"),
    )
    reserved = number_or_zero(coin, "locked") + number_or_zero(coin, "bonus")
    return WalletReport(
        equity=number(coin, "equity"),
        wallet_balance=balance,
        available_balance=max(ZERO, balance - position_margin - order_margin - reserved),
        position_margin=position_margin,
        order_margin=order_margin,
        unrealised_pnl=number_or_zero(coin, "unrealisedPnl"),
        updated_ms=updated_ms,
    )


def closed_pnl(row: Row) -> ClosedPnl:
    """Return a row of closed-pnl.

    Raises
    ------
    RequestFault
        If it cannot be read.
    """
    side = one_of(OrderSide, row, "side")
    pnl = number(row, "closedPnl")
    gain = number(row, "cumExitValue") - number(row, "cumEntryValue")
    return ClosedPnl(
        symbol=name(row, "symbol"),
        order_id=text(row, "orderId"),
        side=side,
        size=number(row, "closedSize"),
        entry_price=number(row, "avgEntryPrice"),
        exit_price=number(row, "avgExitPrice"),
        pnl=pnl,
        fees=(gain if side is OrderSide.SELL else -gain) - pnl,
        ts_ms=moment(row, "updatedTime"),
    )


def transaction(row: Row) -> Transaction:
    """Return a row of transaction-log.

    Raises
    ------
    RequestFault
        If it cannot be read.
    """
    return Transaction(
        transaction_id=name(row, "id"),
        symbol=text(row, "symbol"),
        kind=name(row, "type"),
        side=text(row, "side"),
        size=number_or_zero(row, "qty"),
        price=number_or_zero(row, "tradePrice"),
        fee=number_or_zero(row, "fee"),
        funding=number_or_zero(row, "funding"),
        cash_flow=number_or_zero(row, "cashFlow"),
        change=number_or_zero(row, "change"),
        balance=number_or_zero(row, "cashBalance"),
        order_link_id=text(row, "orderLinkId"),
        trade_id=text(row, "tradeId"),
        ts_ms=moment(row, "transactionTime"),
    )


def account_info(row: Row) -> AccountInfo:
    """Return the answer of account/info.

    Raises
    ------
    RequestFault
        If it cannot be read.
    """
    return AccountInfo(
        margin_mode=one_of(MarginMode, row, "marginMode"),
        unified_status=int(number_or_zero(row, "unifiedMarginStatus")),
        disconnect_cancel=row.get("dcpStatus") == "ON",
        updated_ms=moment(row, "updatedTime") if row.get("updatedTime") else 0,
    )
