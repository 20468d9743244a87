"""The lists of Bybit's answers as numbers, each row checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.errors import ExchangeError
from engine.timeframes import Timeframe, format_utc

OHLCV_COLUMNS = ("ts_open", "open", "high", "low", "close", "volume", "turnover")
MARK_COLUMNS = OHLCV_COLUMNS[:5]
FUNDING_COLUMNS = ("ts", "funding_rate")
INTEREST_COLUMNS = ("ts", "open_interest")

# A page of an answer: its rows, oldest first, the time in milliseconds in place 0 (exact below 2**53).
Page = npt.NDArray[np.float64]


def list_of(result: Mapping[str, Any], endpoint: str) -> list[Any]:
    """Return the list of an answer.

    Raises
    ------
    ExchangeError
        If there is none.
    """
    rows = result.get("list")
    if not isinstance(rows, list):
        raise ExchangeError(f"{endpoint}: the answer has no list", way_out="report what the exchange changed")
    return rows


def objects_of(result: Mapping[str, Any], endpoint: str) -> list[dict[str, Any]]:
    """Return the list of an answer whose rows are objects.

    Raises
    ------
    ExchangeError
        If there is no list, or one of its rows is not an object.
    """
    rows = list_of(result, endpoint)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ExchangeError(f"{endpoint}: row {index} of the answer is not an object: {row!r}")
    return rows


def rows_of(result: Mapping[str, Any], endpoint: str, names: Sequence[str]) -> list[list[Any]]:
    """Return the fields called `names` of each row of an answer; None where one is missing.

    Raises
    ------
    ExchangeError
        As `objects_of`.
    """
    return [[row.get(name) for name in names] for row in objects_of(result, endpoint)]


def checked_rows(
    rows: Sequence[Sequence[Any]], places: int, endpoint: str, first_ts: int, last_ts: int
) -> Page:
    """Return the rows of an answer, which come newest first, as numbers in ascending order of time.

    Parameters
    ----------
    rows : Sequence[Sequence[Any]]
        Rows of numbers as strings, the time in milliseconds first.
    places : int
        How many numbers a row has.
    endpoint : str
        What was asked, for messages.
    first_ts, last_ts : int
        The window that was asked for; both ends belong to it.

    Raises
    ------
    ExchangeError
        If a row is not `places` finite numbers, is not older than the row before it, or lies outside the
        window. The message names the row.
    """
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != places:
            raise _bad_row(endpoint, index, row, f"is not a list of {places} numbers")
    try:
        page = np.array(rows, dtype=object).reshape(len(rows), places).astype(np.float64)
    except (TypeError, ValueError):
        index = next(index for index, row in enumerate(rows) if not _all_numbers(row))
        raise _bad_row(endpoint, index, rows[index], "is not all numbers") from None
    times = page[:, 0]
    _refuse(np.asarray(~np.isfinite(page).all(axis=1)), rows, endpoint, "is not all finite numbers")
    _refuse(np.diff(times, prepend=np.inf) >= 0, rows, endpoint, "is not older than the row before it")
    outside = (times < first_ts) | (times > last_ts)
    _refuse(outside, rows, endpoint, f"lies outside {format_utc(first_ts)} … {format_utc(last_ts)}")
    return page[::-1]


def checked_candles(
    rows: Sequence[Sequence[Any]],
    places: int,
    endpoint: str,
    timeframe: Timeframe,
    window: tuple[int, int],
) -> Page:
    """Return the rows of a kline answer as numbers, checked as `checked_rows` does and as candles.

    Raises
    ------
    ExchangeError
        Further, if a row does not open on the grid of `timeframe`, if its high or low lies inside its body,
        if a price is not above 0 or a volume is below 0.
    """
    page = checked_rows(rows, places, endpoint, *window)
    newest_first = page[::-1]
    off_grid = (newest_first[:, 0] - timeframe.floor(0)) % timeframe.ms != 0
    _refuse(off_grid, rows, endpoint, f"does not open on the {timeframe} grid")
    open_, high, low, close = newest_first[:, 1:5].T
    torn = (np.maximum(open_, close) > high) | (np.minimum(open_, close) < low) | (low <= 0) | (low > high)
    _refuse(torn, rows, endpoint, "is not a candle: high and low must hold open and close, above 0")
    negative = (newest_first[:, 5:] < 0).any(axis=1)
    _refuse(np.asarray(negative), rows, endpoint, "has a volume below 0")
    return page


def as_frame(pages: Sequence[Page], columns: Sequence[str]) -> pd.DataFrame:
    """Return pages that follow each other in time as one frame; its first column holds the times as int64.

    Raises
    ------
    ExchangeError
        If a page begins before the end of the one before it.
    """
    rows = np.concatenate(pages) if pages else np.zeros((0, len(columns)))
    times = rows[:, 0].astype(np.int64)
    if (np.diff(times) <= 0).any():
        raise ExchangeError("pages of one answer overlap", way_out="ask again; report it if it stays")
    numbers = {name: rows[:, place].copy() for place, name in enumerate(columns) if place > 0}
    return pd.DataFrame({columns[0]: times, **numbers})


def _refuse(fault: npt.NDArray[np.bool_], rows: Sequence[object], endpoint: str, what: str) -> None:
    if fault.any():
        index = int(np.flatnonzero(fault)[0])
        raise _bad_row(endpoint, index, rows[index], what)


def _bad_row(endpoint: str, index: int, row: object, what: str) -> ExchangeError:
    return ExchangeError(
        f"{endpoint}: row {index} of the answer {what}: {row!r}",
        way_out="nothing of this request was kept; ask again, and report it if it stays",
    )


def _all_numbers(row: Sequence[Any]) -> bool:
    try:
        [float(value) for value in row]
    except (TypeError, ValueError):
        return False
    return True
