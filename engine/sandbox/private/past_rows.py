"""Closed positions and changes of the wallet as rows of Bybit v5's answers."""

from __future__ import annotations

from typing import Any

from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.accounting import ZERO
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.records import ClosedPosition, Execution
from engine.sandbox.private.rows import price_text, size_text, text
from engine.sandbox.private.terms import ExecutionType

Row = dict[str, Any]


def closed_row(closed: ClosedPosition, quotes: Quotes) -> Row:
    """Return what an order closed as a row of position/closed-pnl."""
    closing = closed.closing
    return {
        "symbol": closed.symbol,
        "orderType": closed.kind.value,
        "leverage": text(closed.leverage),
        "updatedTime": str(closed.updated_ms),
        "side": closed.side.value,
        "orderId": closed.order_id,
        "closedPnl": text(closing.net_pnl),
        "openFee": text(closing.open_fee),
        "closeFee": text(closing.close_fee),
        "avgEntryPrice": text(closing.entry_value / closing.size),
        "qty": size_text(closed.order_size, quotes, closed.symbol),
        "cumEntryValue": text(closing.entry_value),
        "createdTime": str(closed.created_ms),
        "orderPrice": price_text(closed.order_price, quotes, closed.symbol),
        "closedSize": size_text(closing.size, quotes, closed.symbol),
        "avgExitPrice": text(closing.exit_value / closing.size),
        "execType": closed.execution_kind.value,
        "fillCount": str(closed.fill_count),
        "cumExitValue": text(closing.exit_value),
    }


def transaction_row(state: AccountState, execution: Execution, quotes: Quotes) -> Row:
    """Return an execution or a funding payment as a row of account/transaction-log.

    `funding` is above 0 when it was received, the other way round than the fee of a funding execution.
    """
    is_funding = execution.kind is ExecutionType.FUNDING
    fee = ZERO if is_funding else execution.fee
    return {
        "transSubType": "",
        "id": f"{state.user_id}_{execution.symbol}_{execution.sequence}",
        "symbol": execution.symbol,
        "side": execution.side.value,
        "funding": text(-execution.fee) if is_funding else "",
        "orderLinkId": "" if is_funding else execution.order.ticket.link_id,
        "orderId": execution.order.order_id,
        "fee": f"{fee:.8f}",
        "change": text(execution.change),
        "cashFlow": text(execution.closing.pnl),
        "transactionTime": str(execution.ts_ms),
        "type": transaction_type(execution.kind),
        "feeRate": text(execution.fee_rate),
        "bonusChange": "",
        "size": text(execution.position_size),
        "qty": size_text(execution.size, quotes, execution.symbol),
        "cashBalance": text(execution.cash),
        "currency": "USDT",
        "category": "linear",
        "tradePrice": text(execution.price),
        "tradeId": execution.execution_id,
        "extraFees": "",
    }


def transaction_type(kind: ExecutionType) -> str:
    """Return what the transaction log calls an execution of this kind."""
    if kind is ExecutionType.FUNDING:
        return "SETTLEMENT"
    if kind is ExecutionType.SETTLE:
        return "DELIVERY"
    return "LIQUIDATION" if kind is ExecutionType.BUST_TRADE else "TRADE"
