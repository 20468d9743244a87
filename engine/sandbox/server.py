"""The sandbox's application: Bybit's paths, with its envelope, headers and limits, and with faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from engine.sandbox.answers import (
    LIMIT_HEADER,
    RATE_LIMIT_ERROR,
    RESET_HEADER,
    STATUS_HEADER,
    as_sent,
    enveloped,
    instead_of_answer,
)
from engine.sandbox.connections import OpenConnections
from engine.sandbox.control import control_routes
from engine.sandbox.endpoints import MARKET_PATHS, Ask
from engine.sandbox.exchange_state import ExchangeState
from engine.sandbox.fault_answers import MESSAGES, html_page, spoiled
from engine.sandbox.faults import PRIVATE_STREAM_PATH, PUBLIC_STREAM_PATH
from engine.sandbox.private.private_stream import PrivateStream
from engine.sandbox.private.routes import private_routes
from engine.sandbox.public_topics import Feed, public_feed
from engine.sandbox.rate_limit import Admission
from engine.sandbox.stream import Stream
from engine.sandbox.windows import ParameterError
from engine.timeframes import Timeframe

PARAMETER_ERROR = 10001


def build_app(state: ExchangeState, connections: OpenConnections) -> Starlette:
    """Return the server's application over `state`.

    Requests whose Host header is not a loopback name are refused with 400: a web page cannot reach the
    sandbox under a name of its own.
    """
    return Starlette(
        routes=[
            *(_market_route(state, connections, path, ask) for path, ask in MARKET_PATHS.items()),
            *private_routes(state, connections),
            WebSocketRoute(PUBLIC_STREAM_PATH, _public_stream(state, connections)),
            WebSocketRoute(PRIVATE_STREAM_PATH, _private_stream(state, connections)),
            *control_routes(state),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={405: _bad_method},
    )


def _market_route(state: ExchangeState, connections: OpenConnections, path: str, ask: Ask) -> Route:
    async def endpoint(request: Request) -> Response:
        fault = state.next_request(path, request.url.query)
        admission = state.limiter.admit()
        now_ms = state.clock()
        headers = _limit_headers(state, admission, now_ms)
        if admission.is_banned or await request.body():
            # a ban, and Bybit's answer to a GET with a body
            return html_page(403)
        if not admission.is_admitted:
            return enveloped(RATE_LIMIT_ERROR, MESSAGES[RATE_LIMIT_ERROR], {}, now_ms, headers)
        instead = await instead_of_answer(fault, now_ms, headers, connections)
        if instead is not None:
            return instead
        try:
            result = await run_in_threadpool(ask, state.endpoints, request.query_params)
        except ParameterError as error:
            return enveloped(PARAMETER_ERROR, str(error), {}, now_ms, headers)
        newest_closed = _newest_closed(request.query_params, now_ms)
        result = spoiled(fault, result, newest_closed_open_ms=newest_closed)
        return await as_sent(fault, enveloped(0, "OK", result, now_ms, headers), headers, connections)

    return Route(path, endpoint, methods=["GET"])


def _public_stream(
    state: ExchangeState, connections: OpenConnections
) -> Callable[[WebSocket], Awaitable[None]]:
    def open_feed(topic: str, now_ms: int) -> Feed:
        return public_feed(topic, lambda: state.market, now_ms)

    async def endpoint(websocket: WebSocket) -> None:
        await Stream(websocket, PUBLIC_STREAM_PATH, state, connections, open_feed).run()

    return endpoint


def _private_stream(
    state: ExchangeState, connections: OpenConnections
) -> Callable[[WebSocket], Awaitable[None]]:
    async def endpoint(websocket: WebSocket) -> None:
        await PrivateStream(websocket, state, connections).run()

    return endpoint


def _limit_headers(state: ExchangeState, admission: Admission, now_ms: int) -> dict[str, str]:
    return {
        LIMIT_HEADER: str(state.limiter.requests),
        STATUS_HEADER: str(admission.remaining),
        RESET_HEADER: str(now_ms + admission.reset_in_ms),
    }


def _newest_closed(parameters: Mapping[str, str], now_ms: int) -> int | None:
    codes = {timeframe.bybit_code: timeframe for timeframe in Timeframe}
    timeframe = codes.get(parameters.get("interval", ""))
    return None if timeframe is None else timeframe.last_closed(now_ms)


async def _bad_method(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette passes them
    """Answer a method the path does not have: Bybit says 400 where HTTP says 405."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return Response("Bad request", status_code=400, headers=headers)
