"""What a client does with orders, and how an order meets the market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.sandbox.faults import AcceptedThenRejected, HttpFault, PartialFill
from engine.sandbox.private.accepting import acceptable, refuse_passed_trigger, refuse_unaffordable
from engine.sandbox.private.account_state import AccountState, DelayedTicket, end
from engine.sandbox.private.accounting import ZERO, round_to_tick
from engine.sandbox.private.executing import execute
from engine.sandbox.private.order import Order, Ticket
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.refusal import Refusal
from engine.sandbox.private.telling import tell_order, tell_position
from engine.sandbox.private.terms import (
    CancelType,
    CreateType,
    OrderStatus,
    OrderType,
    PriceKind,
    RejectReason,
    Side,
    StopOrderType,
    TimeInForce,
)
from engine.timeframes import MINUTE_MS

_PROTECTION = Decimal("0.01")  # how far from the mark a market order may reach


def place(state: AccountState, ticket: Ticket, quotes: Quotes, spoil: HttpFault | None = None) -> Order:
    """Take an order: wait for its trigger, stand in the book, or be filled at once.

    Raises
    ------
    Refusal
        If the account cannot have it.
    """
    ticket = acceptable(state, ticket, quotes)
    return _take(state, state.next_id(), ticket, quotes, spoil)


def delay(state: AccountState, ticket: Ticket, quotes: Quotes, delay_ms: int) -> str:
    """Acknowledge an order that meets the market later; returns its id, by which nothing is found before.

    Raises
    ------
    Refusal
        If the account cannot have it.
    """
    delayed = DelayedTicket(state.next_id(), acceptable(state, ticket, quotes), quotes.now_ms + delay_ms)
    state.delayed.append(delayed)
    return delayed.order_id


def arrive(state: AccountState, delayed: DelayedTicket, quotes: Quotes) -> None:
    """Let a delayed order meet the market; it is rejected if the account cannot have it any more."""
    state.delayed.remove(delayed)
    ticket = delayed.ticket
    try:
        ticket = acceptable(state, ticket, quotes)
    except Refusal:
        spoil: HttpFault | None = AcceptedThenRejected()
    else:
        spoil = None
    _take(state, delayed.order_id, ticket, quotes, spoil)


def _take(
    state: AccountState, order_id: str, ticket: Ticket, quotes: Quotes, spoil: HttpFault | None
) -> Order:
    order = Order(
        order_id=order_id,
        ticket=ticket,
        created_ms=quotes.now_ms,
        updated_ms=quotes.now_ms,
        last_price_on_created=quotes.price(ticket.symbol, PriceKind.LAST),
    )
    state.orders[order.order_id] = state.open_orders[order.order_id] = order
    if ticket.link_id:
        state.by_link[ticket.link_id] = order
    if isinstance(spoil, AcceptedThenRejected):
        order.reject_reason = RejectReason.OTHERS
        end(state, order, OrderStatus.REJECTED, quotes.now_ms)
        tell_order(state, order, quotes)
    elif ticket.trigger_price is not None:
        order.status = OrderStatus.UNTRIGGERED
        tell_order(state, order, quotes)
    else:
        share = Decimal(str(spoil.share)) if isinstance(spoil, PartialFill) else None
        enter(state, order, quotes, share=share)
    tell_position(state, ticket.symbol, quotes)
    return order


def enter(state: AccountState, order: Order, quotes: Quotes, *, share: Decimal | None = None) -> None:
    """Let an order meet the market: it takes what it can, the rest stands in the book or is cancelled."""
    ticket = order.ticket
    best = quotes.best(ticket.symbol, ticket.side)
    if ticket.kind is OrderType.MARKET:
        order.market_price_limit = _protection_price(ticket, quotes)
    if ticket.kind is OrderType.LIMIT and not crosses(ticket, best):
        if ticket.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            _cancel_unfilled(state, order, RejectReason.NOTHING_TO_FILL, quotes)
        else:
            order.status = OrderStatus.PARTIALLY_FILLED if order.filled else OrderStatus.NEW
            order.is_in_book, order.fill_share = True, share
            tell_order(state, order, quotes)
        return
    if ticket.time_in_force is TimeInForce.POST_ONLY:
        _cancel_unfilled(state, order, RejectReason.WOULD_TAKE, quotes)
        return
    size = fillable(state, order)
    if share is not None:
        step = Decimal(quotes.instruments[ticket.symbol].qty_step)
        size = max(step, round_to_tick(size * share, step, up=False))
    if size < order.leaves and ticket.time_in_force is TimeInForce.FOK:
        _cancel_unfilled(state, order, RejectReason.NO_ENOUGH_QUANTITY, quotes)
        return
    if size:
        execute(state, order, size, best, quotes, is_maker=False)
    if order.status.is_open:
        if ticket.time_in_force is TimeInForce.GTC and ticket.kind is OrderType.LIMIT:
            order.is_in_book, order.waits_until_ms = True, quotes.now_ms + MINUTE_MS
        else:
            _cancel_unfilled(state, order, RejectReason.NOTHING_TO_FILL, quotes)


def crosses(ticket: Ticket, best: Decimal) -> bool:
    """Whether a limit order would take at the best price."""
    if ticket.price is None:
        return True
    return ticket.price >= best if ticket.side is Side.BUY else ticket.price <= best


def fillable(state: AccountState, order: Order) -> Decimal:
    """Return how much of an order may be filled: what is left, of a reduce-only one at most the position."""
    if not order.ticket.reduce_only:
        return order.leaves
    position = state.position(order.ticket.symbol)
    if position.is_flat or position.side is order.ticket.side:
        return ZERO
    return min(order.leaves, position.size)


def fill_resting(state: AccountState, order: Order, quotes: Quotes) -> None:
    """Fill an order in the book, through whose price the market has traded."""
    size, price = fillable(state, order), order.ticket.price
    if not size or price is None:
        order.cancel_type = CancelType.REDUCE_ONLY
        end(state, order, OrderStatus.CANCELLED, quotes.now_ms)
        tell_order(state, order, quotes)
        return
    if order.fill_share is not None:
        step = Decimal(quotes.instruments[order.ticket.symbol].qty_step)
        size = min(size, max(step, round_to_tick(size * order.fill_share, step, up=False)))
        order.fill_share = None
        order.waits_until_ms = quotes.now_ms + MINUTE_MS
    execute(state, order, size, price, quotes, is_maker=True)


def trigger(state: AccountState, order: Order, quotes: Quotes) -> None:
    """Let a conditional order whose price was reached meet the market, if the account can still afford it."""
    ticket = order.ticket
    order.status, order.updated_ms = OrderStatus.TRIGGERED, quotes.now_ms
    tell_order(state, order, quotes)
    if ticket.reduce_only and not fillable(state, order):
        order.cancel_type = CancelType.REDUCE_ONLY
        end(state, order, OrderStatus.CANCELLED, quotes.now_ms)
        tell_order(state, order, quotes)
        return
    if ticket.reduce_only:
        order.ticket = replace(ticket, size=fillable(state, order))
    if ticket.created_by is CreateType.USER:
        order.ticket = replace(order.ticket, created_by=CreateType.STOP_ORDER)
    try:
        refuse_unaffordable(state, order.ticket, quotes)
    except Refusal:
        order.cancel_type = CancelType.CANNOT_AFFORD
        end(state, order, OrderStatus.CANCELLED, quotes.now_ms)
        tell_order(state, order, quotes)
        return
    enter(state, order, quotes)


def cancel(
    state: AccountState, order: Order, quotes: Quotes, cancel_type: CancelType = CancelType.USER
) -> None:
    """Cancel an open order; a conditional one is deactivated, the stop of a position leaves its bracket."""
    status = OrderStatus.CANCELLED
    if order.status is OrderStatus.UNTRIGGERED:
        status = OrderStatus.DEACTIVATED
    order.cancel_type = cancel_type
    end(state, order, status, quotes.now_ms)
    tell_order(state, order, quotes)
    if order.ticket.is_tied:
        position = state.position(order.ticket.symbol)
        bracket = (
            replace(position.bracket, stop_loss=None)
            if order.ticket.stop_type is StopOrderType.STOP_LOSS
            else replace(position.bracket, take_profit=None)
        )
        state.positions[order.ticket.symbol] = replace(position, bracket=bracket)
    tell_position(state, order.ticket.symbol, quotes)


def amend(state: AccountState, order: Order, ticket: Ticket, quotes: Quotes) -> None:
    """Give an open order another size, price, trigger or bracket.

    Raises
    ------
    Refusal
        If nothing changes, the size is not above what is filled, or the account cannot have it.
    """
    before = order.ticket
    if ticket == before:
        raise Refusal(10001, "The order remains unchanged as the parameters entered match the existing ones.")
    if ticket.size <= order.filled:
        raise Refusal(110064, "The modified contract quantity cannot be less than or equal to the filled one")
    if order.is_in_book:
        order.is_in_book = False
        try:
            refuse_unaffordable(state, replace(ticket, size=ticket.size - order.filled), quotes)
        except Refusal:
            order.is_in_book = True
            raise
    else:
        refuse_passed_trigger(ticket, quotes)
    order.ticket, order.updated_ms = ticket, quotes.now_ms
    if order.status is OrderStatus.UNTRIGGERED:
        tell_order(state, order, quotes)
    else:
        enter(state, order, quotes)
    tell_position(state, ticket.symbol, quotes)


def _protection_price(ticket: Ticket, quotes: Quotes) -> Decimal:
    mark = quotes.price(ticket.symbol, PriceKind.MARK)
    is_buy = ticket.side is Side.BUY
    return round_to_tick(
        mark * (1 + ticket.side.sign * _PROTECTION), quotes.tick(ticket.symbol), up=not is_buy
    )


def _cancel_unfilled(state: AccountState, order: Order, reason: RejectReason, quotes: Quotes) -> None:
    order.reject_reason = reason
    end(state, order, OrderStatus.CANCELLED, quotes.now_ms)
    tell_order(state, order, quotes)
