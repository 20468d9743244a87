"""Whole ranges of events, which lie on no grid: pages that overlap, so that none can be missing between two.

An endpoint serves the newest events of a window. Each page is asked for up to and with the oldest event
of the one before, which must come back as it was: what lies between two pages cannot be lost. The walk
ends when nothing older than that event comes back, which is the second answer that says so. A page whose
events are not evenly spaced may tell of a new interval or of a lost row: it is asked for until two
answers in a row agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.errors import ExchangeUnavailable
from engine.exchange.rows import Page
from engine.timeframes import format_utc

# How often a page that may lack a row is asked for until two answers in a row agree.
_LOOKS = 4


def fetch_events(name: str, ask: Callable[[int, int], Page], first_ts: int, last_ts: int) -> list[Page]:
    """Return the pages of the events in [first_ts, last_ts], oldest first.

    Parameters
    ----------
    name : str
        What it is, for messages.
    ask : callable
        Returns the newest events of a window, both ends inclusive, ascending, the time in column 0.
    first_ts, last_ts : int
        The window.

    Raises
    ------
    ExchangeUnavailable
        If the exchange gives another answer to the same question each time.
    ExchangeError
        As `ask`. Nothing is returned then: no part of a range is taken for the whole.
    """
    newest_first: list[Page] = []
    newer: Page = np.zeros((0, 2))
    at = last_ts
    while at >= first_ts:
        page = _settled(name, ask, first_ts, at, newer)
        older = page[:-1] if len(newer) else page
        newest_first.append(older)
        if len(older) == 0 or page[0, 0] == first_ts:
            break
        newer, at = page, int(page[0, 0])
    return newest_first[::-1]


def _settled(name: str, ask: Callable[[int, int], Page], first_ts: int, last_ts: int, newer: Page) -> Page:
    """Return the page of a window, once nothing is odd about it or the exchange has said it twice."""
    before: Page | None = None
    for _ in range(_LOOKS):
        page = ask(first_ts, last_ts)
        if len(newer) and not np.array_equal(page[-1:], newer[:1]):
            before = None  # it lacks what was there a moment ago
        elif _is_even(page, first_ts, last_ts, newer) or (
            before is not None and np.array_equal(page, before)
        ):
            return page
        else:
            before = page
    raise ExchangeUnavailable(
        f"{name} from {format_utc(first_ts)} to {format_utc(last_ts)}: the exchange gave {_LOOKS} answers to"
        " the same question that do not fit together",
        way_out="nothing of it was kept; try again in a minute",
    )


def _is_even(page: Page, first_ts: int, last_ts: int, newer: Page) -> bool:
    """Whether the events of a page, and of the newer one, lie at one distance, none to come."""
    times = page[:, 0]
    if len(times) < 2:
        return len(times) == 1 and times[0] in (first_ts, last_ts)
    steps = np.diff(np.concatenate([times, newer[1:2, 0]]))
    return bool((steps == steps[0]).all() and last_ts - times[-1] < steps[0])
