"""What each fault makes of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from engine.sandbox.connections import OpenConnections
from engine.sandbox.faults import (
    DisorderedRows,
    DroppedConnection,
    DuplicateRows,
    HttpFault,
    MissingPage,
    SlowBody,
    TrailingCursor,
    UnfinishedCandle,
)
from engine.sandbox.wire import write_cursor

Result = dict[str, Any]

MESSAGES: Mapping[int, str] = {
    10000: "Server Timeout",
    10001: "params error",
    10002: "invalid request, please check your server timestamp or recv_window param",
    10006: "Too many visits!",
    10016: "Server error",
}

_PIECES = 10
_LEAVING_S = 0.01


def html_page(status: int) -> Response:
    """Return what a gateway answers with: HTML, whatever was asked for."""
    title = {403: "403 Forbidden", 429: "429 Too Many Requests"}.get(status, f"{status}")
    reason = "access too frequent" if status == 403 else title
    page = f"<html><head><title>{title}</title></head><body><center><h1>{reason}</h1></center></body></html>"
    return HTMLResponse(page, status_code=status)


def spoiled(fault: HttpFault | None, result: Result, *, newest_closed_open_ms: int | None) -> Result:
    """Return the result as the fault leaves it; the same if the fault is not of rows.

    Parameters
    ----------
    newest_closed_open_ms : int, optional
        Of an answer of candles: when the newest candle that is closed opened.
    """
    rows = result.get("list")
    if not isinstance(rows, list):
        return result
    match fault:
        case DuplicateRows(count=count):
            twice = [row for row in rows[:count] for _ in range(2)]
            return {**result, "list": twice + rows[count:]}
        case DisorderedRows():
            pairs = [rows[place : place + 2][::-1] for place in range(0, len(rows), 2)]
            return {**result, "list": [row for pair in pairs for row in pair]}
        case MissingPage():
            return {**result, "list": []} | ({"nextPageCursor": ""} if "nextPageCursor" in result else {})
        case UnfinishedCandle():
            newest = str(newest_closed_open_ms)
            shown = [_at_open(row) if isinstance(row, list) and row[0] == newest else row for row in rows]
            return {**result, "list": shown}
        case TrailingCursor() if result.get("nextPageCursor") == "" and rows:
            return {**result, "nextPageCursor": _trailing_cursor(rows)}
    return result


class PacedResponse(Response):
    """An answer that comes slowly, or whose connection breaks on the way."""

    def __init__(
        self,
        body: bytes,
        headers: Mapping[str, str],
        fault: SlowBody | DroppedConnection,
        connections: OpenConnections,
    ) -> None:
        super().__init__(body, media_type="application/json", headers=dict(headers))
        self._fault = fault
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it, or a part of it."""
        body = bytes(self.body)
        seconds = 0.0
        if isinstance(self._fault, SlowBody):
            seconds = self._fault.seconds / _PIECES
        else:
            body = body[: int(len(body) * self._fault.share)]
        if body:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            size = -(-len(body) // _PIECES)
            for place in range(0, len(body), size):
                await asyncio.sleep(seconds)
                piece = body[place : place + size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if isinstance(self._fault, DroppedConnection):
            # what was written must leave before the connection goes
            await asyncio.sleep(_LEAVING_S)
            self._connections.drop(scope)
            # and the server must learn of it before it misses the rest of the answer
            await asyncio.sleep(_LEAVING_S)
        else:
            await send({"type": "http.response.body", "body": b""})


def _at_open(row: list[str]) -> list[str]:
    """Return a candle as it stood at its open: flat, with no volume."""
    return [row[0], *[row[1]] * 4, *["0"] * (len(row) - 5)]


def _trailing_cursor(rows: list[Any]) -> str:
    if "symbol" in rows[0]:
        return write_cursor(first=rows[0]["symbol"], last=rows[-1]["symbol"])
    oldest_s = int(rows[-1]["timestamp"]) // 1000
    return write_cursor(lastid=oldest_s // 300, lasttime=oldest_s)
