"""Placing orders so that one decision becomes one order: never two, and none lost without a word.

The answer to an order may be lost after the exchange has taken it. Then the order's own name is looked up,
and only if it is not there it is sent again, under the same name, which the exchange takes once. What has
not arrived within the signature's window never will, so after it a last look tells for certain.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import batched
from typing import Any

from engine.errors import ExchangeError, ExchangeUnavailable, OutcomeUnknown, TradeError
from engine.exchange.faults import FaultKind, RequestFault, kind_of_ret_code
from engine.exchange.trading.account_reader import LINEAR, AccountReader
from engine.exchange.trading.contract_rules import wire_text
from engine.exchange.trading.fields import text
from engine.exchange.trading.orders import OrderAck, OrderKind, OrderReport, OrderRequest, TimeInForce
from engine.exchange.trading.refusals import DUPLICATE_LINK_ID, refusal_of
from engine.exchange.trading.signed_session import CHANGE_PATIENCE_S, RECV_WINDOW_MS, SignedSession

_LOG = logging.getLogger(__name__)

BATCH = 10
_ONE_WAY = 0

_SENDS = 4
_FIRST_WAIT_S = 0.25
# Beyond the window of the signature: the time for an order that was taken to be shown.
_SHOWN_S = 1.0
_LOOKS = 3

type Verdict = OrderAck | TradeError


def order_parameters(request: OrderRequest) -> dict[str, object]:
    """Return an order as Bybit's create takes it: every number a text, what is not set left out."""
    parameters: dict[str, object] = {
        "symbol": request.symbol,
        "side": request.side.value,
        "orderType": request.kind.value,
        "qty": wire_text(request.size),
        "orderLinkId": request.order_link_id,
        "positionIdx": _ONE_WAY,
        "reduceOnly": request.reduce_only,
        "timeInForce": request.time_in_force.value,
    }
    if request.kind is OrderKind.MARKET:
        parameters["timeInForce"] = TimeInForce.IOC.value  # the only one Bybit knows for it
    if request.price is not None:
        parameters["price"] = wire_text(request.price)
    if request.trigger_price is not None and request.trigger_direction is not None:
        parameters["triggerPrice"] = wire_text(request.trigger_price)
        parameters["triggerDirection"] = request.trigger_direction.value
        parameters["triggerBy"] = request.trigger_by.value
    if request.close_on_trigger:
        parameters["closeOnTrigger"] = True
    if request.stop_loss is not None:
        parameters["stopLoss"] = wire_text(request.stop_loss)
        parameters["slTriggerBy"] = request.stop_loss_trigger_by.value
    if request.take_profit is not None:
        parameters["takeProfit"] = wire_text(request.take_profit)
        parameters["tpTriggerBy"] = request.take_profit_trigger_by.value
    if request.stop_loss is not None or request.take_profit is not None:
        parameters["tpslMode"] = "Full"
    return parameters


class OrderPlacer:
    """Sends orders of one account.

    Parameters
    ----------
    session : SignedSession
        Who is asked.
    reader : AccountReader
        Who looks orders up.
    """

    def __init__(self, session: SignedSession, reader: AccountReader) -> None:
        self._session = session
        self._reader = reader
        self._timing = session.timing

    def place(self, request: OrderRequest) -> OrderAck:
        """Place an order, once.

        Raises
        ------
        OrderRefused, InsufficientMargin, AuthenticationFailed, ExchangeError, ExchangeUnavailable
            If there is no such order, for certain.
        OutcomeUnknown
            If that could not be found out. The order may be there: look it up by its name before anything
            else is decided.
        """
        began_s = self._timing.monotonic_s()
        unclear_s: float | None = None
        wait_s = _FIRST_WAIT_S
        for send in range(1, _SENDS + 1):
            try:
                answer = self._session.change(
                    "place_order", {"category": LINEAR, **order_parameters(request)}, repeatable=False
                )
            except OutcomeUnknown as error:
                reason: ExchangeError = error
                unclear_s = self._timing.monotonic_s()
            except ExchangeError as error:
                if error.ret_code == DUPLICATE_LINK_ID:
                    return self._there_already(request)
                if unclear_s is None:
                    raise
                # an attempt before this one may have got through: then it is what stands in the way of this
                reason = error
                break
            else:
                return self._ack(request, answer["result"])
            _LOG.warning("%s: %s", request.order_link_id, reason.problem)
            found = self._look(request)
            if found is not None:
                return _there(found)
            if self._timing.monotonic_s() - began_s + wait_s > CHANGE_PATIENCE_S or send == _SENDS:
                break
            self._timing.sleep(wait_s)
            wait_s *= 2
        return self._settle(request, reason, unclear_s if unclear_s is not None else began_s)

    def place_batch(self, requests: Sequence[OrderRequest]) -> tuple[Verdict, ...]:
        """Place several orders; return what became of each, in their order.

        What became of an order whose answer was lost is found out as by `place`.
        """
        verdicts: list[Verdict] = []
        for part in batched(requests, BATCH):
            verdicts += self._place_part(part)
        return tuple(verdicts)

    def _place_part(self, requests: Sequence[OrderRequest]) -> list[Verdict]:
        try:
            answer = self._session.change(
                "place_batch_order",
                {"category": LINEAR, "request": [order_parameters(request) for request in requests]},
                repeatable=False,
                orders=len(requests),
            )
        except OutcomeUnknown:
            return [self._verdict(request) for request in requests]
        except ExchangeError as error:
            return [error] * len(requests)
        rows, words = listed(answer["result"]), listed(answer.get("retExtInfo"))
        if not len(rows) == len(words) == len(requests):
            return [self._verdict(request) for request in requests]
        return [
            self._verdict_of(request, row, said)
            for request, row, said in zip(requests, rows, words, strict=True)
        ]

    def _verdict_of(self, request: OrderRequest, row: dict[str, Any], said: dict[str, Any]) -> Verdict:
        code = said.get("code")
        if code == 0:
            return self._ack(request, row)
        if code == DUPLICATE_LINK_ID:
            return self._there_already(request)
        kind = kind_of_ret_code(code) if isinstance(code, int) else FaultKind.SERVER
        if kind is not FaultKind.REFUSED:
            return self._verdict(request)
        fault = RequestFault(kind, str(said.get("msg")), ret_code=code)
        problem = f"{request.order_link_id} in a batch: {fault.said} (retCode {code})"
        return refusal_of(fault, problem) or ExchangeError(problem, ret_code=code)

    def _verdict(self, request: OrderRequest) -> Verdict:
        """Return what becomes of an order of which nothing is known: its name makes it safe to place it."""
        try:
            found = self._look(request)
            return self.place(request) if found is None else _there(found)
        except ExchangeError as error:
            return error

    def _settle(self, request: OrderRequest, reason: ExchangeError, last_sent_s: float) -> OrderAck:
        """Find out for certain whether an order is there, once nothing can be under way any more."""
        until_s = last_sent_s + RECV_WINDOW_MS / 1000 + _SHOWN_S
        self._timing.sleep(max(0.0, until_s - self._timing.monotonic_s()))
        for look in range(_LOOKS):
            try:
                found = self._reader.order(request.symbol, request.order_link_id)
            except ExchangeError as error:
                _LOG.warning("%s cannot be looked up: %s", request.order_link_id, error.problem)
                self._timing.sleep(_FIRST_WAIT_S * 2**look)
                continue
            if found is not None:
                return _there(found)
            if not isinstance(reason, OutcomeUnknown):
                raise reason
            raise ExchangeUnavailable(
                f"{request.order_link_id} was not placed, the exchange does not have it: {reason.problem}",
                way_out="decide anew: the order was never there",
                ret_code=reason.ret_code,
            )
        raise OutcomeUnknown(
            f"whether {request.order_link_id} ({request.side} {wire_text(request.size)} {request.symbol}) "
            f"was placed is not known: {reason.problem}",
            way_out="look it up by its name when the exchange answers again; it can be placed again only "
            "under the same name",
            ret_code=reason.ret_code,
            order_link_id=request.order_link_id,
        )

    def _look(self, request: OrderRequest) -> OrderReport | None:
        """Return the order if it is there; None if it is not, or cannot be looked up now."""
        try:
            return self._reader.order(request.symbol, request.order_link_id)
        except ExchangeError as error:
            _LOG.warning("%s cannot be looked up: %s", request.order_link_id, error.problem)
            return None

    def _there_already(self, request: OrderRequest) -> OrderAck:
        """Return the order whose name the exchange says it has; it may take a moment to be shown."""
        for look in range(_LOOKS):
            found = self._look(request)
            if found is not None:
                return _there(found)
            self._timing.sleep(_FIRST_WAIT_S * 2**look)
        return OrderAck(request.symbol, "", request.order_link_id, was_there=True)

    def _ack(self, request: OrderRequest, row: dict[str, Any]) -> OrderAck:
        return OrderAck(request.symbol, text(row, "orderId"), request.order_link_id)


def _there(report: OrderReport) -> OrderAck:
    return OrderAck(report.symbol, report.order_id, report.order_link_id, was_there=True)


def listed(section: object) -> list[dict[str, Any]]:
    """Return the objects of the list in a part of an answer; none if it has no list."""
    rows = section.get("list") if isinstance(section, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
