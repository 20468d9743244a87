"""What the account would hold if every open order filled: the exposure that is compared with the limits.

Orders that reduce only are left out: they may be cancelled. Of the others any may fill and any may not, so
the longest a symbol can become is its position and all its buys, and the shortest its position and all its
sells; the larger of the two counts. Sizes are valued at the greatest price in question: last, mark, and
those of the symbol's opening orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.exchange.trading.orders import ZERO, OrderReport, OrderRequest, OrderSide, PositionReport
from engine.live.risk.record import InFlight
from engine.live.risk.view import AccountView


@dataclass(frozen=True, slots=True)
class OpeningOrder:
    """An order that may make a position larger: what is left of it, and the price it names (USDT), if any."""

    symbol: str
    side: OrderSide
    size: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class SymbolExposure:
    """What a symbol may come to.

    Parameters
    ----------
    longest, shortest : Decimal
        Base coin, never below 0: the largest long and the largest short position.
    price : Decimal
        USDT: what they are valued at.
    """

    symbol: str
    longest: Decimal
    shortest: Decimal
    price: Decimal

    @property
    def long_notional(self) -> Decimal:
        """Of the largest long position, USDT."""
        return self.longest * self.price

    @property
    def short_notional(self) -> Decimal:
        """Of the largest short position, USDT."""
        return self.shortest * self.price

    @property
    def notional(self) -> Decimal:
        """Of the larger of the two, USDT."""
        return max(self.long_notional, self.short_notional)


def order_price(order: OrderRequest | OrderReport) -> Decimal | None:
    """Return the greatest price an order names, in USDT; None of a market order without trigger."""
    return max((price for price in (order.price, order.trigger_price) if price), default=None)


def opening_orders(
    view: AccountView, in_flight: Sequence[InFlight], *, without: str = ""
) -> tuple[OpeningOrder, ...]:
    """Return every order that may open: those seen open, and those in flight that are not seen.

    Parameters
    ----------
    view : AccountView
        With the orders that are seen.
    in_flight : sequence of InFlight
        What was sent and may not be seen yet.
    without : str, optional
        The order link id of an order that is to be left out, because another takes its place.
    """
    standing = [
        _standing(order, sent, view)
        for order in view.open_orders
        for sent in [next((each for each in in_flight if each.order_link_id == order.order_link_id), None)]
        if not order.reduce_only and order.is_open and not (without and order.order_link_id == without)
    ]
    seen = {order.order_link_id for order in view.open_orders if order.is_open}
    unseen = [
        OpeningOrder(sent.symbol, sent.side, sent.size, sent.price)
        for sent in in_flight
        if sent.order_link_id not in seen and sent.order_link_id != without
    ]
    return (*standing, *unseen)


def _standing(order: OrderReport, sent: InFlight | None, view: AccountView) -> OpeningOrder:
    """Return what an order that is seen may still open, whatever else is on its way."""
    price = max((each for each in (order_price(order), sent and sent.price) if each), default=None)
    position = view.positions.get(order.symbol)
    is_counted = position is not None and position.updated_ms >= order.updated_ms
    left = order.size - order.filled_size if is_counted else order.size
    # an amendment to a larger size may be on its way
    coming = sent.size - order.filled_size if sent is not None and sent.size > order.size else ZERO
    return OpeningOrder(order.symbol, order.side, max(left, coming), price)


def exposures(
    positions: Mapping[str, PositionReport], orders: Iterable[OpeningOrder], view: AccountView
) -> dict[str, SymbolExposure] | None:
    """Return what each symbol with a position or an opening order may come to; None if a price is unknown.

    Parameters
    ----------
    positions : mapping of PositionReport
        By symbol.
    orders : iterable of OpeningOrder
        All that may open.
    view : AccountView
        With the prices.
    """
    sizes = {symbol: report.signed_size for symbol, report in positions.items() if not report.is_flat}
    buys: dict[str, Decimal] = {}
    sells: dict[str, Decimal] = {}
    named: dict[str, Decimal] = {}
    for order in orders:
        side = buys if order.side is OrderSide.BUY else sells
        side[order.symbol] = side.get(order.symbol, ZERO) + order.size
        named[order.symbol] = max(named.get(order.symbol, ZERO), order.price or ZERO)
    found: dict[str, SymbolExposure] = {}
    for symbol in sorted({*sizes, *buys, *sells}):
        price = view.price_of(symbol)
        if price is None:
            return None
        held = sizes.get(symbol, ZERO)
        found[symbol] = SymbolExposure(
            symbol,
            max(ZERO, held + buys.get(symbol, ZERO)),
            max(ZERO, sells.get(symbol, ZERO) - held),
            max(price, named.get(symbol, ZERO)),
        )
    return found
