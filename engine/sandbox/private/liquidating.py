"""Liquidation: what happens when the mark price reaches a position's liquidation price.

Bybit's order of things (help centre, "Liquidation Process"): the contract's orders are cancelled; a position
above the lowest tier is reduced at the market to the tier below; in the lowest tier it is taken over at its
bankruptcy price, and its whole margin is lost.
"""

from __future__ import annotations

from decimal import Decimal

from engine.sandbox.private.account_state import AccountState, end
from engine.sandbox.private.accounting import booked, round_to_tick, tier_of
from engine.sandbox.private.executing import execute
from engine.sandbox.private.order import Order, Ticket
from engine.sandbox.private.position import Position
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.telling import tell_order
from engine.sandbox.private.terms import (
    CancelType,
    CreateType,
    ExecutionType,
    OrderStatus,
    OrderType,
    PriceKind,
    Side,
    TimeInForce,
)


def liquidate(state: AccountState, symbol: str, quotes: Quotes) -> None:
    """Reduce a position by a tier, or take it over."""
    for order in state.open_of(symbol):
        if not order.ticket.is_tied:
            status = OrderStatus.CANCELLED
            if order.status is OrderStatus.UNTRIGGERED:
                status = OrderStatus.DEACTIVATED
            order.cancel_type = CancelType.LIQUIDATION
            end(state, order, status, quotes.now_ms)
            tell_order(state, order, quotes)
    position = state.position(symbol)
    instrument = quotes.instruments[symbol]
    mark = quotes.price(symbol, PriceKind.MARK)
    tier = tier_of(instrument.ladder, position.size * mark)
    best = quotes.best(symbol, position.side.opposite)
    bust = _rounded_bust(position, quotes)
    is_beyond_bust = best <= bust if position.side is Side.BUY else best >= bust
    if tier.tier == 1 or is_beyond_bust:
        _close(state, position, position.size, bust, CreateType.TAKEOVER, quotes)
        return
    below = instrument.ladder[tier.tier - 2]
    step = Decimal(instrument.qty_step)
    kept = round_to_tick(below.risk_limit_value / mark, step, up=False)
    _close(state, position, position.size - kept, best, CreateType.LIQUIDATION, quotes)


def _close(
    state: AccountState,
    position: Position,
    size: Decimal,
    price: Decimal,
    created_by: CreateType,
    quotes: Quotes,
) -> None:
    ticket = Ticket(
        symbol=position.symbol,
        side=position.side.opposite,
        kind=OrderType.LIMIT,
        size=size,
        price=price,
        time_in_force=TimeInForce.FOK,
        reduce_only=True,
        created_by=created_by,
    )
    order = Order(
        order_id=state.next_id(),
        ticket=ticket,
        created_ms=quotes.now_ms,
        last_price_on_created=quotes.price(position.symbol, PriceKind.LAST),
    )
    state.orders[order.order_id] = state.open_orders[order.order_id] = order
    # a takeover costs the whole margin, neither more nor less: the fee is what was held back for it
    fee = None
    if created_by is CreateType.TAKEOVER:
        fee = booked(position.margin(state.rates.taker) + position.unrealised_pnl(price))
    execute(state, order, size, price, quotes, is_maker=False, kind=ExecutionType.BUST_TRADE, fee=fee)


def _rounded_bust(position: Position, quotes: Quotes) -> Decimal:
    """Return the bankruptcy price on the tick grid, rounded against the trader."""
    tick = quotes.tick(position.symbol)
    return round_to_tick(position.bankruptcy_price, tick, up=position.side is Side.BUY)
