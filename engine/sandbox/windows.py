"""Which rows a request asks for: Bybit's rules for `start`, `end` and `limit`, per endpoint.

Measured on Bybit: a start is floored to the interval and the end is inclusive; with both, and more rows than
`limit`, the newest are served; with a start alone the window runs forward from it; funding refuses a start
alone, open interest ignores it. A start after the end is no error: it leaves an empty list.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.sandbox.protocol import RowWindow


class ParameterError(Exception):
    """A request Bybit would answer with retCode 10001. Never leaves the server."""


def kline_window(
    floor: Callable[[int], int], start: int | None, end: int | None, limit: int, now_ms: int
) -> RowWindow:
    """Return the rows of a kline request, by `ts_open`; `floor` gives the open of the bar a time lies in."""
    first = 0 if start is None else floor(start)
    last = now_ms if end is None else min(end, now_ms)
    return RowWindow(first, last, limit, oldest=start is not None and end is None)


def funding_window(start: int | None, end: int | None, limit: int, now_ms: int) -> RowWindow:
    """Return the rows of a funding history request: always the newest up to the end.

    Raises
    ------
    ParameterError
        If there is a start and no end.
    """
    if start is not None and end is None:
        raise ParameterError("endTime is required with startTime")
    return RowWindow(start or 0, now_ms if end is None else min(end, now_ms), limit)


def open_interest_window(start: int | None, end: int | None, limit: int, now_ms: int) -> RowWindow:
    """Return the rows of an open interest request: the newest up to the end; a start alone is ignored."""
    if end is None:
        return RowWindow(0, now_ms, limit)
    return RowWindow(start or 0, min(end, now_ms), limit)
