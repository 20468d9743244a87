"""Answers in Bybit's envelope, and what the faults of a plan make of an answer on its way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from engine.sandbox.connections import OpenConnections
from engine.sandbox.fault_answers import MESSAGES, PacedResponse, html_page
from engine.sandbox.faults import (
    DroppedConnection,
    HtmlPage,
    HttpFault,
    HttpStatus,
    LostAnswer,
    RetCode,
    SlowBody,
    TimeOut,
    TruncatedJson,
)

RATE_LIMIT_ERROR = 10006
LIMIT_HEADER = "X-Bapi-Limit"
STATUS_HEADER = "X-Bapi-Limit-Status"
RESET_HEADER = "X-Bapi-Limit-Reset-Timestamp"


def enveloped(
    code: int,
    message: str,
    result: Mapping[str, Any],
    now_ms: int,
    headers: Mapping[str, str],
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Return an answer; `more` is what retExtInfo holds."""
    content = {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": more or {},
        "time": now_ms,
    }
    return json_response(json.dumps(content, separators=(",", ":")).encode(), headers)


def json_response(body: bytes, headers: Mapping[str, str]) -> Response:
    """Return an answer of this body, whether or not it is JSON."""
    return Response(body, media_type="application/json", headers=dict(headers))


async def instead_of_answer(
    fault: HttpFault | None, now_ms: int, headers: Mapping[str, str], connections: OpenConnections
) -> Response | None:
    """Return what comes in place of an answer, the request not carried out; None if nothing does."""
    match fault:
        case HttpStatus(status=status):
            return html_page(status)
        case HtmlPage():
            return html_page(200)
        case TimeOut(seconds=seconds):
            await asyncio.sleep(seconds)
            return PacedResponse(b"", {}, DroppedConnection(0.0), connections)
        case RetCode(code=code, reset_in_ms=reset_in_ms):
            changed = {name: value for name, value in headers.items() if name != RESET_HEADER}
            if reset_in_ms is not None:
                changed[RESET_HEADER] = str(now_ms + reset_in_ms)
            return enveloped(code, MESSAGES.get(code, "error"), {}, now_ms, changed)
    return None


async def as_sent(
    fault: HttpFault | None, answer: Response, headers: Mapping[str, str], connections: OpenConnections
) -> Response:
    """Return the answer to a request that was carried out as the fault lets it through."""
    body = bytes(answer.body)
    match fault:
        case TruncatedJson(share=share):
            return json_response(body[: int(len(body) * share)], headers)
        case LostAnswer(seconds=seconds):
            await asyncio.sleep(seconds)
            return PacedResponse(b"", {}, DroppedConnection(0.0), connections)
        case SlowBody() | DroppedConnection():
            return PacedResponse(body, headers, fault, connections)
    return answer
