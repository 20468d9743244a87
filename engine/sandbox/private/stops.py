"""The stop loss and take profit of a position: conditional orders that are tied to it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.sandbox.private.account_state import AccountState, end
from engine.sandbox.private.order import Order, Ticket
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.telling import tell_order
from engine.sandbox.private.terms import (
    CancelType,
    CreateType,
    OrderStatus,
    OrderType,
    PriceKind,
    Side,
    StopOrderType,
    TimeInForce,
)


def follow_bracket(state: AccountState, symbol: str, quotes: Quotes) -> None:
    """Make the tied orders of a symbol those that its position's bracket asks for.

    They reach over the whole position, whatever its size. Without a position there are none.
    """
    bracket = state.position(symbol).bracket
    wanted = {
        StopOrderType.STOP_LOSS: (bracket.stop_loss, bracket.stop_loss_by),
        StopOrderType.TAKE_PROFIT: (bracket.take_profit, bracket.take_profit_by),
    }
    tied = {order.ticket.stop_type: order for order in state.tied_to(symbol)}
    for stop_type, (price, by) in wanted.items():
        order = tied.get(stop_type)
        if price is None:
            if order is not None and order.status is OrderStatus.UNTRIGGERED:
                order.cancel_type = CancelType.POSITION_CLEARED
                end(state, order, OrderStatus.DEACTIVATED, quotes.now_ms)
                tell_order(state, order, quotes)
        elif order is None:
            _tie(state, symbol, stop_type, price, by, quotes)
        else:
            _adjust(state, order, price, by, quotes)


def _tie(
    state: AccountState, symbol: str, stop_type: StopOrderType, price: Decimal, by: PriceKind, quotes: Quotes
) -> None:
    position = state.position(symbol)
    is_stop = stop_type is StopOrderType.STOP_LOSS
    ticket = Ticket(
        symbol=symbol,
        side=position.side.opposite,
        kind=OrderType.MARKET,
        size=position.size,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
        close_on_trigger=True,
        trigger_price=price,
        triggers_above=(position.side is Side.BUY) != is_stop,
        trigger_by=by,
        stop_type=stop_type,
        created_by=CreateType.STOP_LOSS if is_stop else CreateType.TAKE_PROFIT,
    )
    order = Order(
        order_id=state.next_id(),
        ticket=ticket,
        created_ms=quotes.now_ms,
        updated_ms=quotes.now_ms,
        last_price_on_created=quotes.price(symbol, PriceKind.LAST),
        status=OrderStatus.UNTRIGGERED,
    )
    state.orders[order.order_id] = state.open_orders[order.order_id] = order
    tell_order(state, order, quotes)


def _adjust(state: AccountState, order: Order, price: Decimal, by: PriceKind, quotes: Quotes) -> None:
    """Let a tied order follow its position: in size silently, in its trigger with a message."""
    if order.status is not OrderStatus.UNTRIGGERED:
        return
    position = state.position(order.ticket.symbol)
    is_moved = (order.ticket.trigger_price, order.ticket.trigger_by) != (price, by)
    is_stop = order.ticket.stop_type is StopOrderType.STOP_LOSS
    order.ticket = replace(
        order.ticket,
        side=position.side.opposite,
        size=position.size,
        trigger_price=price,
        trigger_by=by,
        triggers_above=(position.side is Side.BUY) != is_stop,
    )
    if is_moved:
        order.updated_ms = quotes.now_ms
        tell_order(state, order, quotes)
