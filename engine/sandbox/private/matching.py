"""What the market does to an account as time passes.

Time goes from event to event: the first moment at which a price reaches an order, a trigger or a liquidation
price, or funding settles. What happens at a moment follows from that moment alone, so that a clock moved in
one step and one moved in a thousand bring about the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.book import fill_resting, trigger
from engine.sandbox.private.liquidating import liquidate
from engine.sandbox.private.order import Order
from engine.sandbox.private.position import Position
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.rows import liquidation_price_of
from engine.sandbox.private.terms import OrderStatus, PriceKind, Side
from engine.sandbox.private.walk import Level, PriceWalks


def symbols_at_work(state: AccountState) -> list[str]:
    """Return the symbols with an open order or a position, sorted."""
    with_orders = {order.ticket.symbol for order in state.open_orders.values()}
    return sorted(with_orders | {position.symbol for position in state.held()})


def next_event(state: AccountState, symbol: str, quotes: Quotes, walks: PriceWalks, to_ms: int) -> int | None:
    """Return the first moment from now to `to_ms` at which a price reaches something of the account."""
    waiting: dict[tuple[PriceKind, int], list[Level]] = {}
    for kind, level, from_ms in _levels(state, symbol, quotes):
        waiting.setdefault((kind, max(from_ms, quotes.now_ms)), []).append(level)
    found = [
        walks.first_reached(symbol, kind, levels, from_ms, to_ms)
        for (kind, from_ms), levels in waiting.items()
        if from_ms <= to_ms
    ]
    return min((ts_ms for ts_ms in found if ts_ms is not None), default=None)


def settle_moment(state: AccountState, symbol: str, quotes: Quotes) -> None:
    """Do all that the prices of this moment bring about: liquidation, then stops, then orders in the book."""
    while (due := _first_due(state, symbol, quotes)) is not None:
        if isinstance(due, Position):
            liquidate(state, symbol, quotes)
        elif due.status is OrderStatus.UNTRIGGERED:
            trigger(state, due, quotes)
        else:
            fill_resting(state, due, quotes)


def _levels(state: AccountState, symbol: str, quotes: Quotes) -> Iterator[tuple[PriceKind, Level, int]]:
    """Yield each price that is waited for, which one it is, and from when on."""
    for order in state.open_of(symbol):
        level = _level_of(order)
        if level is not None:
            kind = order.ticket.trigger_by if order.status is OrderStatus.UNTRIGGERED else PriceKind.LAST
            yield kind, level, order.waits_until_ms
    position = state.position(symbol)
    liquidation = liquidation_price_of(state, position, quotes)
    if liquidation is not None:
        yield PriceKind.MARK, Level(liquidation, position.side is Side.SELL), 0


def _level_of(order: Order) -> Level | None:
    ticket = order.ticket
    if order.status is OrderStatus.UNTRIGGERED and ticket.trigger_price is not None:
        return Level(ticket.trigger_price, ticket.triggers_above)
    if order.is_in_book and ticket.price is not None:
        return Level(ticket.price, ticket.side is Side.SELL, is_through=True)
    return None


def _first_due(state: AccountState, symbol: str, quotes: Quotes) -> Order | Position | None:
    """Return what comes first of all that the prices of this moment reach: liquidation before orders."""
    position = state.position(symbol)
    liquidation = liquidation_price_of(state, position, quotes)
    mark = quotes.price_now(symbol, PriceKind.MARK)
    if liquidation is not None and mark is not None:
        level = Level(liquidation, position.side is Side.SELL)
        if level.is_reached(mark):
            return position
    due = [order for order in state.open_of(symbol) if _is_due(order, quotes)]
    by_rank = sorted(due, key=lambda order: (order.is_in_book, not order.ticket.is_tied))
    return by_rank[0] if by_rank else None


def _is_due(order: Order, quotes: Quotes) -> bool:
    level = _level_of(order)
    if level is None or order.waits_until_ms > quotes.now_ms:
        return False
    kind = order.ticket.trigger_by if order.status is OrderStatus.UNTRIGGERED else PriceKind.LAST
    price = quotes.price_now(order.ticket.symbol, kind)
    return price is not None and level.is_reached(price)
