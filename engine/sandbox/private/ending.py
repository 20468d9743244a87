"""What ends orders and positions without anybody's order: a delisting, a client that is gone."""

from __future__ import annotations

from decimal import Decimal

from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.book import cancel
from engine.sandbox.private.executing import execute
from engine.sandbox.private.order import Order, Ticket
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.terms import (
    CancelType,
    CreateType,
    ExecutionType,
    OrderType,
    PriceKind,
)


def settle_delisted(state: AccountState, symbol: str, quotes: Quotes) -> None:
    """Cancel the orders of a delisted contract, and settle its position at the mark, without a fee."""
    for order in state.open_of(symbol):
        cancel(state, order, quotes, CancelType.SETTLED)
    position = state.position(symbol)
    if position.is_flat:
        return
    mark = quotes.price(symbol, PriceKind.MARK)
    ticket = Ticket(
        symbol=symbol,
        side=position.side.opposite,
        kind=OrderType.MARKET,
        size=position.size,
        reduce_only=True,
        created_by=CreateType.SETTLED,
    )
    last = quotes.price(symbol, PriceKind.LAST)
    order = Order(state.next_id(), ticket, quotes.now_ms, last)
    state.orders[order.order_id] = state.open_orders[order.order_id] = order
    execute(
        state,
        order,
        position.size,
        mark,
        quotes,
        is_maker=False,
        kind=ExecutionType.SETTLE,
        fee=Decimal(0),
    )


def cancel_for_absence(state: AccountState, quotes: Quotes) -> None:
    """Cancel the orders of a client whose connections have been gone for too long (disconnection protection).

    The stop loss and take profit of a position belong to it and stay.
    """
    state.gone_since_ms = None
    for order in list(state.open_orders.values()):
        if not order.ticket.is_tied:
            cancel(state, order, quotes, CancelType.DISCONNECTED)
