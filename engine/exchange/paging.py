"""Whole ranges of a series on a grid: pages fetched side by side, and looked at twice where a row lacks.

Every endpoint serves the newest rows of a window. Windows are cut so that no page can overflow, and
walked from the newest to the oldest. A page that holds a row for every step of its window is believed.
Any other may be the truth (a listing, a delisting, a halt) or a fault of the exchange: it is asked for
again until two answers in a row agree. An empty one is checked by another question: what is the newest
row before the end of this window? The answer also leads across years without any row in one request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from engine.errors import ExchangeUnavailable
from engine.exchange.rows import Page
from engine.timeframes import format_utc

# Pages that are asked for ahead of the one that is wanted next.
_AHEAD = 12
# How often an incomplete page is asked for until two answers in a row agree.
_LOOKS = 4


@dataclass(frozen=True)
class GridSource:
    """A series whose rows lie on a grid, as one endpoint serves it.

    Parameters
    ----------
    name : str
        What it is, for messages.
    ask : callable
        Returns the newest rows of a window: `ask(first_ts, last_ts, limit)`, both ends inclusive, ascending.
    step_ms : int
        From one row to the next.
    rows_per_page : int
        The most that one answer holds.
    is_sound : callable
        Whether the rows of a page can be right; one that is not sound is looked at twice.
    """

    name: str
    ask: Callable[[int, int, int], Page]
    step_ms: int
    rows_per_page: int
    is_sound: Callable[[Page], bool]


def fetch_grid(source: GridSource, first_ts: int, last_ts: int, executor: Executor) -> list[Page]:
    """Return the pages of [first_ts, last_ts], oldest first; both are on the grid.

    Raises
    ------
    ExchangeUnavailable
        If the exchange gives another answer to the same question each time.
    ExchangeError
        As `source.ask`. Nothing is returned then: no part of a range is taken for the whole.
    """
    newest_first: list[Page] = []
    at = last_ts
    belied = 0
    while at >= first_ts:
        page = _settled(source, *_window(source, first_ts, at))
        if len(page) == 0:
            newest = source.ask(first_ts, at, 1)
            if len(newest) == 0:
                newest = source.ask(first_ts, at, 1)  # that there is nothing at all is worth a second look
            if len(newest) == 0:
                break
            # inside the window it belies the empty answer, which is asked for again; before it, it leads on
            belied += newest[0, 0] == at
            if belied == _LOOKS:
                raise _undecided(source, first_ts, last_ts)
            at = int(newest[0, 0])
            continue
        newest_first.append(page)
        at = _window(source, first_ts, at)[0] - source.step_ms
        at = _fetch_on(source, first_ts, at, executor, newest_first)
    return newest_first[::-1]


def _fetch_on(
    source: GridSource, first_ts: int, at: int, executor: Executor, newest_first: list[Page]
) -> int:
    """Fetch pages side by side from `at` backwards until one is empty; return where to go on."""
    asked: deque[tuple[int, Future[Page]]] = deque()
    next_at = at
    try:
        while asked or next_at >= first_ts:
            while next_at >= first_ts and len(asked) < _AHEAD:
                window = _window(source, first_ts, next_at)
                asked.append((next_at, executor.submit(_settled, source, *window)))
                next_at = window[0] - source.step_ms
            at, future = asked.popleft()
            page = future.result()
            if len(page) == 0:
                return at
            newest_first.append(page)
    finally:
        for _, future in asked:
            future.cancel()
    return next_at


def _window(source: GridSource, first_ts: int, last_ts: int) -> tuple[int, int]:
    """Return the window of the page that ends with `last_ts`."""
    return max(first_ts, last_ts - (source.rows_per_page - 1) * source.step_ms), last_ts


def _settled(source: GridSource, first_ts: int, last_ts: int) -> Page:
    """Return the rows of one window, once all are there or the exchange has said the same thing twice."""
    wanted = (last_ts - first_ts) // source.step_ms + 1
    before: Page | None = None
    for _ in range(_LOOKS):
        page = source.ask(first_ts, last_ts, wanted)
        if len(page) == wanted and source.is_sound(page):
            return page
        if len(page) == 0 and before is None:
            return page  # the caller asks about it in another way
        if before is not None and np.array_equal(page, before):
            return page
        before = page
    raise _undecided(source, first_ts, last_ts)


def _undecided(source: GridSource, first_ts: int, last_ts: int) -> ExchangeUnavailable:
    return ExchangeUnavailable(
        f"{source.name} from {format_utc(first_ts)} to {format_utc(last_ts)}: the exchange gave {_LOOKS}"
        " answers to the same question that do not fit together",
        way_out="nothing of it was kept; try again in a minute",
    )
