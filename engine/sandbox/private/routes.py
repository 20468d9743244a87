"""The private paths over HTTP: signed requests in Bybit's envelope, with limits and faults."""

from __future__ import annotations

import json

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.sandbox.answers import (
    LIMIT_HEADER,
    RATE_LIMIT_ERROR,
    RESET_HEADER,
    STATUS_HEADER,
    as_sent,
    enveloped,
    instead_of_answer,
)
from engine.sandbox.clock import wall_clock_ms
from engine.sandbox.connections import OpenConnections
from engine.sandbox.exchange_state import ExchangeState
from engine.sandbox.fault_answers import MESSAGES, html_page, spoiled
from engine.sandbox.faults import HttpFault
from engine.sandbox.private.authentication import Signed, refuse_forged
from engine.sandbox.private.private_paths import PRIVATE_PATHS, Answered, PrivatePath
from engine.sandbox.private.refusal import Refusal, parameter_error
from engine.sandbox.private.tickets import Parameters
from engine.sandbox.rate_limit import Admission


def private_routes(state: ExchangeState, connections: OpenConnections) -> list[Route]:
    """Return the routes of the private paths of `state`."""
    return [_route(state, connections, path, what) for path, what in PRIVATE_PATHS.items()]


def _route(state: ExchangeState, connections: OpenConnections, path: str, what: PrivatePath) -> Route:
    async def endpoint(request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        payload = body if what.method == "POST" else request.url.query
        fault = state.next_request(path, payload)
        now_ms = state.clock()
        admission = state.limiter.admit()
        if admission.is_banned or (what.method == "GET" and body):
            return html_page(403)
        if not admission.is_admitted:
            told = {RESET_HEADER: str(wall_clock_ms() + admission.reset_in_ms)}
            return enveloped(RATE_LIMIT_ERROR, MESSAGES[RATE_LIMIT_ERROR], {}, now_ms, told)
        instead = await instead_of_answer(fault, now_ms, {}, connections)
        if instead is not None:
            return instead
        headers: dict[str, str] = {}
        try:
            signed = Signed.of(request.headers)
            secret = state.desk.secret_of(signed.key)
            refuse_forged(signed, payload, secret, state.signing_clocks_ms)
            parameters = _parameters(request, body, what)
            admission = state.call_limits.admit(signed.key, what.group, _calls(parameters))
            headers = _limit_headers(what, admission)
            if not admission.is_admitted:
                raise Refusal(RATE_LIMIT_ERROR, MESSAGES[RATE_LIMIT_ERROR])
            result, more = await run_in_threadpool(_done, state, signed.key, what, parameters, fault)
        except Refusal as refusal:
            return enveloped(refusal.code, refusal.message, {}, state.clock(), headers)
        if what.method == "GET":
            result = spoiled(fault, result, newest_closed_open_ms=None)
        answer = enveloped(0, "OK", result, state.clock(), headers, more)
        return await as_sent(fault, answer, headers, connections)

    return Route(path, endpoint, methods=[what.method])


def _parameters(request: Request, body: str, what: PrivatePath) -> Parameters:
    if what.method == "GET":
        return dict(request.query_params)
    try:
        plain: object = json.loads(body or "{}")
    except ValueError:
        plain = None
    if not isinstance(plain, dict):
        raise parameter_error("params error: the body is not a JSON object")
    return plain


def _calls(parameters: Parameters) -> int:
    """Return how many calls a request counts as: a batch as many as it has orders."""
    requests = parameters.get("request")
    return max(1, len(requests)) if isinstance(requests, list) else 1


def _limit_headers(what: PrivatePath, admission: Admission) -> dict[str, str]:
    """Return the headers that tell of a limit.

    The reset is told in the time of the wall, by which a client waits, also when the sandbox's own clock is
    moved by hand.
    """
    return {
        LIMIT_HEADER: str(what.group.calls_per_second),
        STATUS_HEADER: str(admission.remaining),
        RESET_HEADER: str(wall_clock_ms() + admission.reset_in_ms),
    }


def _done(
    state: ExchangeState, key: str, what: PrivatePath, parameters: Parameters, fault: HttpFault | None
) -> Answered:
    with state.desk.at_now() as quotes:
        return what.do(state.desk.account(key), parameters, quotes, fault)
