"""The answers to requests for orders: /v5/order/…

Parameters, limits and answers are those of bybit-exchange/docs, `docs/v5/order`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.sandbox.faults import DelayedOrder, HttpFault
from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.book import amend, cancel, delay, place
from engine.sandbox.private.order import Order
from engine.sandbox.private.paging import page_of, time_window
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.refusal import Refusal, parameter_error
from engine.sandbox.private.rows import order_row
from engine.sandbox.private.terms import OrderStatus
from engine.sandbox.private.tickets import Parameters, amended, read_symbol, read_ticket
from engine.timeframes import DAY_MS

Answer = dict[str, Any]
BatchAnswer = tuple[Answer, Answer]

_MOST_IN_BATCH = 20
_CLOSED_SHOWN = 500


def create(state: AccountState, parameters: Parameters, quotes: Quotes, fault: HttpFault | None) -> Answer:
    """Take an order; the answer holds its ids only, the stream and the lists tell what becomes of it."""
    ticket = read_ticket(parameters, quotes)
    if isinstance(fault, DelayedOrder):
        return {
            "orderId": delay(state, ticket, quotes, fault.delay_ms),
            "orderLinkId": ticket.link_id,
        }
    return _ids(place(state, ticket, quotes, fault))


def amend_one(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Change an open order."""
    order = _named(state, parameters, quotes, "order not exists or too late to replace")
    if order.ticket.is_tied:
        raise parameter_error("the stop of a position is changed by trading-stop")
    amend(state, order, amended(order.ticket, parameters, quotes), quotes)
    return _ids(order)


def cancel_one(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Cancel an open order."""
    order = _named(state, parameters, quotes, "order not exists or too late to cancel")
    cancel(state, order, quotes)
    return _ids(order)


def cancel_all(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Cancel all open orders of a symbol, a base coin or a settle coin."""
    chosen = _chosen(state, parameters, quotes)
    for order in chosen:
        cancel(state, order, quotes)
    return {"list": [_ids(order) for order in chosen], "success": "1"}


def realtime(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return the open orders, newest first; with openOnly=1 the last 500 that have ended."""
    if parameters.get("orderId") or parameters.get("orderLinkId"):
        found = _find(state, parameters)
        orders = [found] if found is not None else []
    elif str(parameters.get("openOnly") or "0") != "0":
        every = state.orders.values()
        orders = [order for order in _of_scope(every, parameters, quotes) if not order.status.is_open]
        orders = orders[::-1][:_CLOSED_SHOWN]
    else:
        orders = _of_scope(state.open_orders.values(), parameters, quotes)[::-1]
    wanted = str(parameters.get("orderFilter") or "")
    return _listed([order for order in orders if _passes(order, wanted)], parameters, quotes, most=50)


def history(state: AccountState, parameters: Parameters, quotes: Quotes) -> Answer:
    """Return orders that have ended, newest first: of seven days at most; of a day where nothing filled."""
    if parameters.get("orderId") or parameters.get("orderLinkId"):
        found = _find(state, parameters)
        return _listed([found] if found is not None else [], parameters, quotes, most=50)
    window = time_window(parameters, quotes.now_ms)
    orders = [
        order
        for order in reversed(state.orders.values())
        if not order.status.is_open
        and order.created_ms in window
        and parameters.get("symbol") in (None, "", order.ticket.symbol)
        and not _is_forgotten(order, quotes.now_ms)
    ]
    return _listed(orders, parameters, quotes, most=50)


def create_batch(
    state: AccountState, parameters: Parameters, quotes: Quotes, fault: HttpFault | None
) -> BatchAnswer:
    """Take orders one by one; each has a verdict of its own."""
    done = _each(parameters, lambda one: create(state, one, quotes, fault))
    for row, _ in done:
        row["createAt"] = str(quotes.now_ms) if row["orderId"] else ""
    return _batch(done)


def amend_batch(state: AccountState, parameters: Parameters, quotes: Quotes) -> BatchAnswer:
    """Change orders one by one; each has a verdict of its own."""
    return _batch(_each(parameters, lambda one: amend_one(state, one, quotes)))


def cancel_batch(state: AccountState, parameters: Parameters, quotes: Quotes) -> BatchAnswer:
    """Cancel orders one by one; each has a verdict of its own."""
    return _batch(_each(parameters, lambda one: cancel_one(state, one, quotes)))


def _each(
    parameters: Parameters, do: Callable[[Parameters], Answer]
) -> list[tuple[Answer, Mapping[str, Any]]]:
    requests = parameters.get("request")
    if not isinstance(requests, list) or not 0 < len(requests) <= _MOST_IN_BATCH:
        raise parameter_error(f"params error: request holds 1 to {_MOST_IN_BATCH} orders")
    done: list[tuple[Answer, Mapping[str, Any]]] = []
    for request in requests:
        one = {**request, "category": parameters.get("category")} if isinstance(request, dict) else {}
        row: Answer = {"category": str(parameters.get("category", "")), "symbol": str(one.get("symbol", ""))}
        try:
            row |= do(one)
            verdict = {"code": 0, "msg": "OK"}
        except Refusal as refusal:
            row |= {"orderId": "", "orderLinkId": str(one.get("orderLinkId") or "")}
            verdict = {"code": refusal.code, "msg": refusal.message}
        done.append((row, verdict))
    return done


def _batch(done: list[tuple[Answer, Mapping[str, Any]]]) -> BatchAnswer:
    return {"list": [row for row, _ in done]}, {"list": [verdict for _, verdict in done]}


def _ids(order: Order) -> Answer:
    return {"orderId": order.order_id, "orderLinkId": order.ticket.link_id}


def _find(state: AccountState, parameters: Parameters) -> Order | None:
    if parameters.get("orderId"):
        return state.orders.get(str(parameters["orderId"]))
    return state.by_link.get(str(parameters.get("orderLinkId") or ""))


def _named(state: AccountState, parameters: Parameters, quotes: Quotes, missing: str) -> Order:
    """Return the open order a request names."""
    instrument = read_symbol(parameters, quotes)
    if not parameters.get("orderId") and not parameters.get("orderLinkId"):
        raise parameter_error("params error: orderId or orderLinkId is required")
    order = _find(state, parameters)
    if order is None or not order.status.is_open or order.ticket.symbol != instrument.symbol:
        raise Refusal(110001, missing)
    return order


def _of_scope(orders: Iterable[Order], parameters: Parameters, quotes: Quotes) -> list[Order]:
    """Return those orders that are of a symbol, a base coin or a settle coin: one of them is required."""
    if parameters.get("category") != "linear":
        raise parameter_error("params error: category is invalid, the sandbox serves linear only")
    symbol, base = str(parameters.get("symbol") or ""), str(parameters.get("baseCoin") or "")
    settle = str(parameters.get("settleCoin") or "")
    if not (symbol or base or settle):
        raise parameter_error(
            "Missing some parameters that must be filled in, symbol or baseCoin or settleCoin"
        )
    return [
        order
        for order in orders
        if symbol in ("", order.ticket.symbol)
        and base in ("", quotes.instruments[order.ticket.symbol].base_coin)
        and settle in ("", quotes.instruments[order.ticket.symbol].settle_coin)
    ]


def _chosen(state: AccountState, parameters: Parameters, quotes: Quotes) -> list[Order]:
    wanted = str(parameters.get("orderFilter") or "")
    # of the conditional orders those that belong to no position
    is_without_brackets = wanted == "StopOrder" and parameters.get("stopOrderType") == "Stop"
    return [
        order
        for order in _of_scope(state.open_orders.values(), parameters, quotes)
        if _passes(order, wanted) and not (is_without_brackets and order.ticket.is_tied)
    ]


def _passes(order: Order, wanted: str) -> bool:
    """Whether an order is of the kind `orderFilter` asks for: Order, StopOrder, tpslOrder."""
    is_conditional = order.status is OrderStatus.UNTRIGGERED
    match wanted:
        case "Order":
            return not is_conditional
        case "StopOrder":
            return is_conditional
        case "tpslOrder":
            return is_conditional and order.ticket.is_tied
    return True


def _listed(orders: list[Order], parameters: Parameters, quotes: Quotes, *, most: int) -> Answer:
    page, cursor = page_of(orders, parameters, lambda order: order.order_id, default=20, most=most)
    rows = [order_row(order, quotes) for order in page]
    return {"list": rows, "nextPageCursor": cursor, "category": "linear"}


def _is_forgotten(order: Order, now_ms: int) -> bool:
    """Whether an order is no longer shown: one that ended without a fill is kept for a day."""
    return order.status is not OrderStatus.FILLED and not order.filled and order.updated_ms < now_ms - DAY_MS
