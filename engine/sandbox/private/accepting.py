"""Which orders an account can have."""

from __future__ import annotations

from dataclasses import replace

from engine.sandbox.private import accounting
from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.accounting import ZERO, tier_of
from engine.sandbox.private.order import Ticket
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.refusal import Refusal
from engine.sandbox.private.terms import MarginMode, OrderStatus

_MOST_ACTIVE = 500
_MOST_CONDITIONAL = 10


def acceptable(state: AccountState, ticket: Ticket, quotes: Quotes) -> Ticket:
    """Return an order as the account can have it: a reduce-only one is cut to the position.

    Raises
    ------
    Refusal
        If the account cannot have it.
    """
    if state.margin_mode is not MarginMode.ISOLATED:
        raise Refusal(10001, "params error: the sandbox takes orders in ISOLATED_MARGIN only")
    delayed = {delayed.ticket.link_id for delayed in state.delayed}
    if ticket.link_id and (ticket.link_id in state.by_link or ticket.link_id in delayed):
        raise Refusal(110072, "OrderLinkedID is duplicate")
    ticket = _reducible(state, ticket)
    _refuse_too_many(state, ticket)
    refuse_passed_trigger(ticket, quotes)
    if ticket.trigger_price is None:
        refuse_unaffordable(state, ticket, quotes)
    return ticket


def refuse_unaffordable(state: AccountState, ticket: Ticket, quotes: Quotes) -> None:
    """Refuse an order that would open more than the balance or the risk limit allows."""
    if ticket.reduce_only:
        return
    opening = state.opening_part(ticket.symbol, ticket.side, ticket.size)
    if not opening:
        return
    price = ticket.price or quotes.best(ticket.symbol, ticket.side)
    position = state.position(ticket.symbol)
    held = position.size if position.side is ticket.side else ZERO
    ladder = quotes.instruments[ticket.symbol].ladder
    value = (held + opening) * price
    if value > ladder[-1].risk_limit_value:
        raise Refusal(110089, "Exceeds the maximum risk limit level")
    most = tier_of(ladder, value).max_leverage
    if position.leverage > most:
        raise Refusal(
            110090,
            "Order placement failed as your position may exceed the max limit. Please adjust your leverage "
            f"to {most} or below to increase the max. position limit",
        )
    cost = accounting.order_cost(ticket.side, opening, price, position.leverage, state.rates.taker)
    if cost > state.available():
        raise Refusal(110007, "ab not enough for new order")


def _reducible(state: AccountState, ticket: Ticket) -> Ticket:
    """Return a reduce-only order cut to its position."""
    if not ticket.reduce_only or ticket.trigger_price is not None:
        return ticket
    position = state.position(ticket.symbol)
    if position.is_flat:
        raise Refusal(110017, "current position is zero, cannot fix reduce-only order qty")
    if position.side is ticket.side:
        raise Refusal(110017, "Reduce-only rule not satisfied")
    return replace(ticket, size=min(ticket.size, position.size))


def _refuse_too_many(state: AccountState, ticket: Ticket) -> None:
    open_ones = [order for order in state.open_of(ticket.symbol) if not order.ticket.is_tied]
    conditional = [order for order in open_ones if order.status is OrderStatus.UNTRIGGERED]
    if ticket.trigger_price is not None and len(conditional) >= _MOST_CONDITIONAL:
        raise Refusal(110009, "The number of stop orders exceeds the maximum allowable limit")
    if len(open_ones) - len(conditional) >= _MOST_ACTIVE:
        raise Refusal(110020, f"Not allowed to have more than {_MOST_ACTIVE} active orders")


def refuse_passed_trigger(ticket: Ticket, quotes: Quotes) -> None:
    """Refuse a conditional order whose trigger lies on the wrong side of the price."""
    if ticket.trigger_price is None:
        return
    now = quotes.price(ticket.symbol, ticket.trigger_by)
    shown = f"trigger_price[{ticket.trigger_price}]"
    if ticket.triggers_above and ticket.trigger_price <= now:
        raise Refusal(110092, f"expect Rising, but {shown} <= current[{now}]??{ticket.trigger_by}")
    if not ticket.triggers_above and ticket.trigger_price >= now:
        raise Refusal(110093, f"expect Falling, but {shown} >= current[{now}]??{ticket.trigger_by}")
