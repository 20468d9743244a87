"""Orders between their sending and their showing in the account: counted until the account must show them.

An order that was let through counts as if it were open, from before it is sent. It stops counting when the
exchange told its end and the position is as new as that; or, where nothing was told, by two readings of the
account without it, the first 10 seconds after it was sent and the second 10 seconds after the first. Until
then it may count twice, in the position and here: too much, never too little.

10 seconds are the 5 within which Bybit takes a request or refuses it (recv_window), and 5 by which the parts
of one reading, or the pushes of an order and of its position, may be apart. Stamps are milliseconds: of two
fills of one symbol in the same millisecond, with a reading of the account between them, the second is taken
for shown too; it is until the next push, which is on its way by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.exchange.trading.orders import ExecutionReport, OrderReport
from engine.live.risk.exposure import order_price
from engine.live.risk.record import InFlight, RiskRecord
from engine.live.risk.view import AccountView, OrderIntent
from engine.timeframes import MINUTE_MS

SETTLED_AFTER_MS = 10_000


def with_sent(record: RiskRecord, intent: OrderIntent, view: AccountView, now_ms: int) -> RiskRecord:
    """Return the record after an opening order was let through.

    The same name again is the same order, sent again or amended: the larger size and the higher price count
    until the account shows which it has.
    """
    request = intent.request
    before = next((each for each in record.in_flight if each.order_link_id == request.order_link_id), None)
    known = None if before is None else before.price
    prices = (order_price(request), intent.reference_price, view.price_of(request.symbol), known)
    order = InFlight(
        request.order_link_id,
        request.symbol,
        request.side,
        request.size if before is None else max(request.size, before.size),
        max(price for price in prices if price is not None),
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
                # its size may be that of before an amendment: what is seen in the account says more
                yield order
            elif report.filled_size > 0:
                yield replace(order, size=report.filled_size, ended_ms=report.updated_ms)

    return replace(record, in_flight=tuple(told()))


def with_execution(record: RiskRecord, execution: ExecutionReport) -> RiskRecord:
    """Return the record after the exchange told a fill, each once."""
    return replace(
        record,
        in_flight=tuple(
            replace(
                order,
                filled=order.filled + execution.size,
                filled_ms=max(order.filled_ms, execution.ts_ms),
            )
            if order.order_link_id == execution.order_link_id
            else order
            for order in record.in_flight
        ),
    )


def with_view(record: RiskRecord, view: AccountView) -> RiskRecord:
    """Return the record after a look at the account: without the orders that it must show by now."""
    read_ms = view.account_ms
    if read_ms is None or not record.in_flight:
        return record
    seen = {order.order_link_id: order for order in view.open_orders if order.is_open}
    left = tuple(
        known
        for order in record.in_flight
        if (known := _looked_at(order, seen.get(order.order_link_id), view, read_ms)) is not None
    )
    has_settled = len(left) < len(record.in_flight)
    return replace(
        record,
        in_flight=left,
        settled_ms=max(record.settled_ms, read_ms) if has_settled else record.settled_ms,
    )


def _looked_at(order: InFlight, seen: OrderReport | None, view: AccountView, read_ms: int) -> InFlight | None:
    """Return an order after a look at the account; None if the account must show its outcome by now."""
    if order.shown_ms is not None:
        position = view.positions.get(order.symbol)
        if position is not None and position.updated_ms >= order.shown_ms:
            return None
    elif seen is not None:
        # an amendment that does not show by now has not been taken
        is_late = read_ms >= order.sent_ms + SETTLED_AFTER_MS
        return replace(order, size=seen.size if is_late else order.size, missing_ms=None)
    if read_ms < order.sent_ms + SETTLED_AFTER_MS:
        return order
    if order.missing_ms is None:
        return replace(order, missing_ms=read_ms)
    return None if read_ms >= order.missing_ms + SETTLED_AFTER_MS else order


def sent_lately(record: RiskRecord, now_ms: int) -> tuple[int, ...]:
    """Return when orders were let through within the minute before `now_ms`."""
    return tuple(ts_ms for ts_ms in record.sent_ms if ts_ms > now_ms - MINUTE_MS)
