"""The sandbox's own addresses, beside Bybit's: who it is, its clock, accounts, faults and what it was asked.

    GET  /sandbox/identity
    GET  /sandbox/requests?last=100
    GET  /sandbox/clock
    POST /sandbox/clock    {"step_ms": 60000} or {"set": "2025-07-01T12:00"} or {"speed": 60}
    GET  /sandbox/accounts
    POST /sandbox/accounts {"key": "second", "secret": "hidden", "balance_usdt": "500"}
                           also "margin_mode": "REGULAR_MARGIN", in which real accounts start
    POST /sandbox/signing  {"offset_ms": -3000}: the clock that judges signed requests runs so far ahead
    GET  /sandbox/faults
    PUT  /sandbox/faults   a plan, in the form of `fault_plan_file`; {} ends all faults

A change of the clock is answered when all has happened up to its new time and every stream has told of it.
What changes something is refused unless its body is sent as application/json: a page in a browser cannot do
that to another address without asking first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.errors import ConfigurationError
from engine.sandbox.clock import SandboxClock
from engine.sandbox.exchange_state import ExchangeState
from engine.sandbox.fault_plan_file import fault_plan_of, fault_plan_to_plain
from engine.sandbox.private.account_control import accounts_shown, open_account
from engine.timeframes import parse_utc

Plain = dict[str, Any]

_LAST = 100


def control_routes(state: ExchangeState) -> list[Route]:
    """Return the routes of the control addresses of `state`."""

    def identity(request: Request) -> Response:  # noqa: ARG001 - Starlette passes it
        return JSONResponse(state.endpoints.identity())

    def requests(request: Request) -> Response:
        text = request.query_params.get("last", str(_LAST))
        last = int(text) if text.isdecimal() else _LAST
        logged = state.log.last()
        return JSONResponse(
            {
                "counts": state.log.counts(),
                "faults": state.log.faults(),
                "last": [entry.to_plain() for entry in logged[len(logged) - min(last, len(logged)) :]],
            }
        )

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            answer = await _changed(request, lambda plain: _change_clock(state, plain))
            await run_in_threadpool(state.catch_up)
            return answer
        return JSONResponse(_clock(state))

    async def accounts(request: Request) -> Response:
        if request.method == "POST":
            return await _changed(request, lambda plain: open_account(state.desk, plain))
        return JSONResponse(await run_in_threadpool(accounts_shown, state.desk))

    async def signing(request: Request) -> Response:
        return await _changed(request, lambda plain: _change_signing(state, plain))

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            return await _changed(request, lambda plain: _change_faults(state, plain))
        return JSONResponse(fault_plan_to_plain(state.faults))

    return [
        Route("/sandbox/identity", identity, methods=["GET"]),
        Route("/sandbox/requests", requests, methods=["GET"]),
        Route("/sandbox/clock", clock, methods=["GET", "POST"]),
        Route("/sandbox/accounts", accounts, methods=["GET", "POST"]),
        Route("/sandbox/signing", signing, methods=["POST"]),
        Route("/sandbox/faults", faults, methods=["GET", "PUT"]),
    ]


async def _changed(request: Request, change: Callable[[object], Plain]) -> Response:
    if request.headers.get("Content-Type", "").partition(";")[0] != "application/json":
        return _refused("the body is not sent as application/json", "set the header Content-Type")
    try:
        return JSONResponse(change(json.loads(await request.body())))
    except ValueError:
        return _refused("the body is not JSON", "send an object")
    except ConfigurationError as error:
        return _refused(error.problem, error.way_out)


def _change_faults(state: ExchangeState, plain: object) -> Plain:
    state.put_in_force(fault_plan_of(plain))
    return fault_plan_to_plain(state.faults)


def _change_clock(state: ExchangeState, plain: object) -> Plain:
    clock = state.clock
    if not isinstance(clock, SandboxClock):
        raise ConfigurationError(
            "this sandbox's clock cannot be changed",
            way_out="start it with a SandboxClock, or `trade sandbox`",
        )
    match plain:
        case {"step_ms": int(step_ms), **rest} if not rest:
            clock.step(step_ms)
        case {"set": str(moment), **rest} if not rest:
            clock.set(parse_utc(moment))
        case {"speed": int(speed) | float(speed), **rest} if not rest:
            clock.run(speed)
        case _:
            raise ConfigurationError(
                f"the clock cannot be told {plain!r}",
                way_out='send {"step_ms": 60000}, {"set": "2025-07-01T12:00"} or {"speed": 60}',
            )
    return _clock(state)


def _change_signing(state: ExchangeState, plain: object) -> Plain:
    match plain:
        case {"offset_ms": int(offset_ms), **rest} if not rest:
            state.signing_offset_ms = offset_ms
        case _:
            raise ConfigurationError(
                f"signing cannot be told {plain!r}", way_out='send {"offset_ms": -3000}, 0 for the right time'
            )
    return {"offset_ms": state.signing_offset_ms}


def _clock(state: ExchangeState) -> Plain:
    clock = state.clock
    return {"now_ms": clock(), "speed": clock.speed if isinstance(clock, SandboxClock) else None}


def _refused(problem: str, way_out: str) -> Response:
    return JSONResponse({"problem": problem, "way_out": way_out}, status_code=400)
