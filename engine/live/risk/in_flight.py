"""Orders between their sending and their showing in the account: counted until the account must show them.

An order that was let through counts as if it were open, from before it is sent. It stops counting when the
exchange told its end and the position is as new as that, or when it has been neither seen open nor reported
and the account was read at least 10 seconds later: twice the time Bybit takes a request within
(recv_window, 5 s). Until then it may count twice, in the book or position and here: too much, never too
little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.exchange.trading.orders import OrderReport
from engine.live.risk.exposure import order_price
from engine.live.risk.record import InFlight, RiskRecord
from engine.live.risk.view import AccountView, OrderIntent
from engine.timeframes import MINUTE_MS

SETTLED_AFTER_MS = 10_000
# how old the note of an order's last sighting may become, so that not every look at it is written down
_SIGHTING_MS = 1_000


def with_sent(record: RiskRecord, intent: OrderIntent, view: AccountView, now_ms: int) -> RiskRecord:
    """Return the record after an opening order was let through; the same name again is the same order."""
    request = intent.request
    prices = (order_price(request), intent.reference_price, view.price_of(request.symbol))
    order = InFlight(
        request.order_link_id,
        request.symbol,
        request.side,
        request.size,
        max(price for price in prices if price is not None),
        now_ms,
        now_ms,
    )
    record = without_order(record, request.order_link_id)
    return replace(
        record, in_flight=(*record.in_flight, order), sent_ms=(*sent_lately(record, now_ms), now_ms)
    )


def without_order(record: RiskRecord, order_link_id: str) -> RiskRecord:
    """Return the record without the order in flight of this name."""
    others = tuple(each for each in record.in_flight if each.order_link_id != order_link_id)
    return replace(record, in_flight=others)


def with_report(record: RiskRecord, report: OrderReport) -> RiskRecord:
    """Return the record after the exchange told what became of an order."""

    def told() -> Iterator[InFlight]:
        for order in record.in_flight:
            if order.order_link_id != report.order_link_id:
                yield order
            elif report.is_open:
                yield replace(order, size=report.size)
            elif report.filled_size > 0:
                yield replace(order, size=report.filled_size, ended_ms=report.updated_ms)

    return replace(record, in_flight=tuple(told()))


def with_view(record: RiskRecord, view: AccountView) -> RiskRecord:
    """Return the record after a look at the account: without the orders that it must show by now."""
    read_ms = view.account_ms
    if read_ms is None or not record.in_flight:
        return record
    seen = {order.order_link_id: order for order in view.open_orders if order.is_open}

    def left() -> Iterator[InFlight]:
        for order in record.in_flight:
            position = view.positions.get(order.symbol)
            if order.order_link_id in seen and order.ended_ms is None:
                sighted = max(order.seen_ms, read_ms)
                # an amendment that has not shown by now has not been taken
                size = seen[order.order_link_id].size if read_ms >= _settled(order.sent_ms) else order.size
                if size != order.size or sighted - order.seen_ms >= _SIGHTING_MS:
                    yield replace(order, size=size, seen_ms=sighted)
                else:
                    yield order
            elif order.ended_ms is not None and position and position.updated_ms >= order.ended_ms:
                continue
            elif read_ms < _settled(order.seen_ms):
                yield order

    return replace(record, in_flight=tuple(left()))


def _settled(ts_ms: int) -> int:
    return ts_ms + SETTLED_AFTER_MS + _SIGHTING_MS


def sent_lately(record: RiskRecord, now_ms: int) -> tuple[int, ...]:
    """Return when orders were let through within the minute before `now_ms`."""
    return tuple(ts_ms for ts_ms in record.sent_ms if ts_ms > now_ms - MINUTE_MS)
