"""Which windows a sync must ask the exchange for, worked out before it asks."""

from __future__ import annotations

from collections.abc import Sequence

from engine.market_data.gaps import Gap
from engine.market_data.sync_rows import SeriesStatus
from engine.market_data.sync_state import Window

# Holes that lie closer than this are asked for together: it is the page of Bybit's kline endpoints, so the
# candles between them cost no request of their own.
BARS_PER_PAGE = 1000


def plan_windows(
    status: SeriesStatus, wanted: Window, *, chunk_ms: int, bar_ms: int | None = None
) -> tuple[Window, ...]:
    """Return the windows to fetch, in the order in which they must be stored.

    First the holes, then what lies before the known range, then what lies after it. Each is cut into chunks
    that are stored one after the other, always growing the known range at its edge (backwards before it,
    forwards after it): a sync that ends half-way leaves no hole.

    Parameters
    ----------
    status : SeriesStatus
        What is stored and known.
    wanted : Window
        What shall be known afterwards.
    chunk_ms : int
        The longest window.
    bar_ms : int, optional
        Length of a candle; None for events. Candles are resumed from the last one stored, whose holes show
        by themselves. Of events only what was asked for counts, from the last one stored in it.
    """
    holes = hole_windows(status.open_gaps(bar_ms), bar_ms, chunk_ms) if bar_ms else ()
    span, asked = status.span, status.asked
    if bar_ms and span:
        known = asked or Window(span.first_ts, span.last_ts + bar_ms)
        resume_ms = span.last_ts
        is_current = known.end_ms >= wanted.end_ms
    elif asked:
        known = asked
        resume_ms = min(span.last_ts, asked.end_ms) if span else asked.end_ms
        is_current = asked.end_ms >= wanted.end_ms
    else:
        return tuple(_chunks(wanted, chunk_ms))
    before = _chunks(Window(wanted.start_ms, min(known.start_ms, wanted.end_ms)), chunk_ms)
    after = [] if is_current else _chunks(Window(resume_ms, wanted.end_ms), chunk_ms)
    return (*holes, *reversed(before), *after)


def hole_windows(gaps: Sequence[Gap], bar_ms: int, chunk_ms: int) -> tuple[Window, ...]:
    """Return windows that cover `gaps` (oldest first), near ones together, none longer than `chunk_ms`."""
    joined: list[Window] = []
    for gap in gaps:
        window = Window(gap.first_ts_open, gap.last_ts_open + bar_ms)
        if joined and window.end_ms - joined[-1].start_ms <= BARS_PER_PAGE * bar_ms:
            joined[-1] = joined[-1].joined(window)
        else:
            joined.append(window)
    return tuple(chunk for window in joined for chunk in _chunks(window, chunk_ms))


def _chunks(window: Window, chunk_ms: int) -> list[Window]:
    starts = range(window.start_ms, window.end_ms, chunk_ms)
    return [Window(start, min(start + chunk_ms, window.end_ms)) for start in starts]
