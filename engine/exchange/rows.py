"""The lists of Bybit's answers as numbers, each row checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.errors import ExchangeError
from engine.exchange.faults import FaultKind, RequestFault
from engine.timeframes import Timeframe, format_utc

OHLCV_COLUMNS = ("ts_open", "open", "high", "low", "close", "volume", "turnover")
PRICE_COLUMNS = OHLCV_COLUMNS[:5]
FUNDING_COLUMNS = ("ts", "funding_rate")
INTEREST_COLUMNS = ("ts", "open_interest")

# A page of an answer: its rows, oldest first, the time in milliseconds in place 0 (exact below 2**53).
Page = npt.NDArray[np.float64]


def list_of(result: Mapping[str, Any]) -> list[Any]:
    """Return the list of an answer.

    Raises
    ------
    RequestFault
        If there is none.
    """
    rows = result.get("list")
    if not isinstance(rows, list):
        raise RequestFault(FaultKind.UNSOUND, "the answer has no list")
    return rows


def objects_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the list of an answer whose rows are objects.

    Raises
    ------
    RequestFault
        If there is no list, or one of its rows is not an object.
    """
    rows = list_of(result)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _bad_row(index, row, "is not an object")
    return rows


def rows_of(result: Mapping[str, Any], names: Sequence[str]) -> list[list[Any]]:
    """Return the fields called `names` of each row of an answer; None where one is missing.

    Raises
    ------
    RequestFault
        As `objects_of`.
    """
    return [[row.get(name) for name in names] for row in objects_of(result)]


def page_of(rows: Sequence[Sequence[Any]], places: int, first_ts: int, last_ts: int) -> Page:
    """Return the rows of an answer, which come newest first, as numbers in ascending order of time.

    Parameters
    ----------
    rows : Sequence[Sequence[Any]]
        Rows of numbers as strings, the time in milliseconds first.
    places : int
        How many numbers a row has.
    first_ts, last_ts : int
        The window that was asked for; both ends belong to it.

    Raises
    ------
    RequestFault
        If a row is not `places` finite numbers, is not older than the row before it, or lies outside the
        window. It names the row.
    """
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != places:
            raise _bad_row(index, row, f"is not a list of {places} numbers")
    try:
        page = np.array(rows, dtype=object).reshape(len(rows), places).astype(np.float64)
    except (TypeError, ValueError):
        index = next(index for index, row in enumerate(rows) if not _all_numbers(row))
        raise _bad_row(index, rows[index], "is not all numbers") from None
    times = page[:, 0]
    _refuse(np.asarray(~np.isfinite(page).all(axis=1)), rows, "is not all finite numbers")
    _refuse(np.diff(times, prepend=np.inf) >= 0, rows, "is not older than the row before it")
    outside = (times < first_ts) | (times > last_ts)
    _refuse(outside, rows, f"lies outside {format_utc(first_ts)} … {format_utc(last_ts)}")
    return page[::-1]


def are_candles(page: Page, timeframe: Timeframe) -> bool:
    """Whether every row opens on the grid, its high and low hold its body, and nothing is below 0.

    What is not so may come from a fault that passes; if it stays, the store keeps the row aside.
    """
    open_, high, low, close = page[:, 1:5].T
    on_grid = (page[:, 0] - timeframe.floor(0)) % timeframe.ms == 0
    held = (high >= np.maximum(open_, close)) & (low <= np.minimum(open_, close)) & (low > 0)
    return bool((on_grid & held).all() and (page[:, 5:] >= 0).all())


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


def _refuse(fault: npt.NDArray[np.bool_], rows: Sequence[object], what: str) -> None:
    if fault.any():
        index = int(np.flatnonzero(fault)[0])
        raise _bad_row(index, rows[index], what)


def _bad_row(index: int, row: object, what: str) -> RequestFault:
    return RequestFault(FaultKind.UNSOUND, f"row {index} of the answer {what}: {row!r}")


def _all_numbers(row: Sequence[Any]) -> bool:
    try:
        [float(value) for value in row]
    except (TypeError, ValueError):
        return False
    return True
