"""Windows of time and pages of rows, as the private endpoints cut them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.sandbox.private.refusal import parameter_error
from engine.sandbox.private.tickets import Parameters
from engine.sandbox.windows import ParameterError
from engine.sandbox.wire import read_cursor, write_cursor
from engine.timeframes import DAY_MS

_LONGEST_WINDOW_MS = 7 * DAY_MS


def time_window(parameters: Parameters, now_ms: int, *, default_ms: int = _LONGEST_WINDOW_MS) -> range:
    """Return the moments asked for: at most seven days, the last `default_ms` if none are named.

    Raises
    ------
    Refusal
        If the window is longer, or ends before it starts.
    """
    start, end = _moment(parameters, "startTime"), _moment(parameters, "endTime")
    if start is None and end is None:
        return range(now_ms - default_ms, now_ms + 1)
    if start is None:
        start = (end or 0) - default_ms
    if end is None:
        end = start + default_ms
    if end < start:
        raise parameter_error("params error: startTime must be less than endTime")
    if end - start > _LONGEST_WINDOW_MS:
        raise parameter_error("The time range between startTime and endTime cannot exceed 7 days")
    return range(start, end + 1)


def page_of[Item](
    newest_first: Sequence[Item],
    parameters: Parameters,
    name_of: Callable[[Item], str],
    *,
    default: int,
    most: int,
) -> tuple[list[Item], str]:
    """Return the page a request asks for and the cursor to the next one; "" after the last.

    A cursor names the last item of the page before, so that newer items do not shift the pages.

    Raises
    ------
    Refusal
        If the limit or the cursor is none.
    """
    limit = _limit(parameters, default, most)
    items = list(newest_first)
    if parameters.get("cursor"):
        try:
            last = read_cursor(str(parameters["cursor"]), "last")
        except ParameterError as error:
            raise parameter_error(str(error)) from None
        places = [place for place, item in enumerate(items) if name_of(item) == last]
        items = items[places[0] + 1 :] if places else []
    page = items[:limit]
    if len(items) <= limit:
        return page, ""
    return page, write_cursor(first=name_of(page[0]), last=name_of(page[-1]))


def _limit(parameters: Parameters, default: int, most: int) -> int:
    text = str(parameters.get("limit") or default)
    if not text.isdecimal() or int(text) == 0:
        raise parameter_error("params error: limit is invalid")
    return min(int(text), most)


def _moment(parameters: Parameters, name: str) -> int | None:
    text = str(parameters.get(name) or "")
    if not text:
        return None
    if not text.isdecimal():
        raise parameter_error(f"params error: {name} is invalid")
    return int(text)
