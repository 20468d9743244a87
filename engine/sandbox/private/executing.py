"""Executions: what they do to an order, a position and the wallet."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine.sandbox.private import accounting
from engine.sandbox.private.account_state import AccountState, end
from engine.sandbox.private.accounting import ZERO
from engine.sandbox.private.order import Order, Ticket
from engine.sandbox.private.position import Closing, after_fill
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.records import ClosedPosition, Execution
from engine.sandbox.private.stops import follow_bracket
from engine.sandbox.private.telling import tell_execution, tell_order, tell_position, tell_wallet
from engine.sandbox.private.terms import (
    CancelType,
    CreateType,
    ExecutionType,
    OrderStatus,
    OrderType,
    PriceKind,
    Side,
)


def execute(
    state: AccountState,
    order: Order,
    size: Decimal,
    price: Decimal,
    quotes: Quotes,
    *,
    is_maker: bool,
    kind: ExecutionType = ExecutionType.TRADE,
    fee: Decimal | None = None,
) -> None:
    """Execute `size` of an order at `price`, and tell of the execution, the order, the position, the wallet.

    Parameters
    ----------
    fee : Decimal, optional
        USDT, of a takeover; otherwise it follows from the rates.
    """
    ticket, now_ms = order.ticket, quotes.now_ms
    rate = state.rates.maker if is_maker else state.rates.taker
    paid = accounting.fee(size * price, rate) if fee is None else fee
    before = state.position(ticket.symbol)
    position, closing = after_fill(before, ticket.side, size, price, paid, now_ms)
    state.positions[ticket.symbol] = position
    state.cash += closing.pnl - paid
    order.filled += size
    order.filled_value += size * price
    order.paid_fee += paid
    order.closed_pnl += closing.net_pnl
    order.updated_ms = now_ms
    if closing.size:
        _note_closed(state, order, closing, before.leverage, kind, now_ms)
    execution = Execution(
        execution_id=state.next_id(),
        order=order,
        symbol=ticket.symbol,
        side=ticket.side,
        kind=kind,
        price=price,
        size=size,
        fee=paid,
        fee_rate=rate,
        is_maker=is_maker,
        leaves=order.leaves,
        mark_price=quotes.price(ticket.symbol, PriceKind.MARK),
        closing=closing,
        created_by=ticket.created_by,
        cash=state.cash,
        position_size=position.side.sign * position.size,
        sequence=state.sequence,
        ts_ms=now_ms,
    )
    state.executions.append(execution)
    tell_execution(state, execution, quotes)
    if order.leaves == 0:
        end(state, order, OrderStatus.FILLED, now_ms)
    else:
        order.status = OrderStatus.PARTIALLY_FILLED
    tell_order(state, order, quotes)
    _carry_bracket(state, order)
    follow_bracket(state, ticket.symbol, quotes)
    if position.is_flat:
        _drop_reducing(state, ticket.symbol, quotes)
    tell_position(state, ticket.symbol, quotes)
    tell_wallet(state, quotes)


def pay_funding(state: AccountState, symbol: str, rate: Decimal, quotes: Quotes) -> None:
    """Settle funding on the position of a symbol, at the mark of this moment.

    It is paid from the available balance; what that cannot cover comes out of the position's margin, and its
    liquidation price moves (Bybit, "Funding fee").
    """
    position = state.position(symbol)
    mark = quotes.price(symbol, PriceKind.MARK)
    paid = accounting.funding_fee(position.side, position.size, mark, rate)
    short = max(ZERO, paid - state.available())
    state.cash -= paid
    state.positions[symbol] = replace(
        position,
        extra_margin=position.extra_margin - short,
        open_funding=position.open_funding + paid,
        realised=position.realised - paid,
        realised_ever=position.realised_ever - paid,
        updated_ms=quotes.now_ms,
    )
    execution = Execution(
        execution_id=state.next_id(),
        order=_funding_order(state, symbol, position.side, quotes),
        symbol=symbol,
        side=position.side,
        kind=ExecutionType.FUNDING,
        price=mark,
        size=position.size,
        fee=paid,
        fee_rate=position.side.sign * rate,
        is_maker=False,
        leaves=ZERO,
        mark_price=mark,
        closing=Closing(),
        created_by=CreateType.USER,
        cash=state.cash,
        position_size=position.side.sign * position.size,
        sequence=state.sequence,
        ts_ms=quotes.now_ms,
    )
    state.executions.append(execution)
    tell_execution(state, execution, quotes)
    tell_position(state, symbol, quotes)
    tell_wallet(state, quotes)


def _note_closed(
    state: AccountState, order: Order, closing: Closing, leverage: Decimal, kind: ExecutionType, now_ms: int
) -> None:
    """Add what an execution closed to the closed PnL of its order."""
    known = state.closed.get(order.order_id)
    if known is None:
        known = ClosedPosition(
            symbol=order.ticket.symbol,
            order_id=order.order_id,
            kind=order.ticket.kind,
            side=order.ticket.side,
            order_size=order.ticket.size,
            order_price=order.ticket.price or order.market_price_limit or ZERO,
            execution_kind=kind,
            leverage=leverage,
            closing=Closing(),
            fill_count=0,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
    state.closed[order.order_id] = replace(
        known, closing=known.closing.plus(closing), fill_count=known.fill_count + 1, updated_ms=now_ms
    )


def _carry_bracket(state: AccountState, order: Order) -> None:
    """Give the stop loss and take profit of an order to the position it opened or added to."""
    position, bracket = state.position(order.ticket.symbol), order.ticket.bracket
    if bracket.is_empty or position.is_flat or position.side is not order.ticket.side:
        return
    merged = position.bracket
    if bracket.stop_loss is not None:
        merged = replace(merged, stop_loss=bracket.stop_loss, stop_loss_by=bracket.stop_loss_by)
    if bracket.take_profit is not None:
        merged = replace(merged, take_profit=bracket.take_profit, take_profit_by=bracket.take_profit_by)
    state.positions[order.ticket.symbol] = replace(position, bracket=merged)


def _drop_reducing(state: AccountState, symbol: str, quotes: Quotes) -> None:
    """Cancel the reduce-only orders in the book of a position that is gone."""
    for order in state.open_of(symbol):
        if order.is_in_book and order.ticket.reduce_only:
            order.cancel_type = CancelType.REDUCE_ONLY
            end(state, order, OrderStatus.CANCELLED, quotes.now_ms)
            tell_order(state, order, quotes)


def _funding_order(state: AccountState, symbol: str, side: Side, quotes: Quotes) -> Order:
    """Return what stands for the order of a funding payment; it is in no list of orders."""
    ticket = Ticket(symbol=symbol, side=side, kind=OrderType.MARKET, size=ZERO)
    return Order(state.next_id(), ticket, quotes.now_ms, quotes.price(symbol, PriceKind.LAST))
