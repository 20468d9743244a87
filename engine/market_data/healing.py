"""Healing: a candle for every period between the first and the last, the missing ones flat and flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.errors import DataError, DataNotFound
from engine.market_data.gaps import Gap
from engine.timeframes import Timeframe, format_utc

_MARK_PRICES = ("open", "high", "low", "close")

type _Rows = slice | npt.NDArray[np.int64]


@dataclass(frozen=True)
class HealedBars:
    """Candles without a hole.

    Attributes
    ----------
    frame : DataFrame
        ts_open, open, high, low, close, volume, turnover, is_filled (bool), mark_open, mark_high, mark_low,
        mark_close (NaN where there is no mark kline).
    filled_bars : int
        How many rows of `frame` were filled.
    holes : tuple of Gap
        The runs of filled rows, oldest first.
    """

    frame: pd.DataFrame
    filled_bars: int
    holes: tuple[Gap, ...]


def heal(
    ohlcv: pd.DataFrame,
    mark: pd.DataFrame,
    timeframe: Timeframe,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> HealedBars:
    """Fill the holes of `ohlcv` and put the mark prices beside it.

    A missing candle is flat at the close before it, with no volume: what is known at its open, and nothing
    that comes later. Nothing is filled before the first candle or after the last. The window is cut after
    filling, so that a candle has the same values in every window that contains it.

    Parameters
    ----------
    ohlcv : DataFrame
        Raw candles, sorted, one row per key, at least those of the window.
    mark : DataFrame
        Mark klines of the same timeframe; may lack any of them.
    timeframe : Timeframe
        Of both frames.
    start_ms, end_ms : int, optional
        Keep the candles that open in [start_ms, end_ms).

    Raises
    ------
    DataNotFound
        If no candle is left.
    DataError
        If the candles are out of order, repeated or off the grid.
    """
    if ohlcv.empty:
        raise DataNotFound(
            f"there is no {timeframe} candle to heal",
            way_out=f"sync the symbol's {timeframe} candles first, from the first day wanted",
        )
    times = ohlcv["ts_open"].to_numpy()
    _check_grid(times, timeframe)
    grid = np.arange(times[0], times[-1] + 1, timeframe.ms)
    grid = grid[_selected(grid, start_ms, end_ms)]
    if not len(grid):
        raise DataNotFound(
            f"no {timeframe} candle opens in the range asked for"
            f" ({_shown(start_ms, 'the first')} to {_shown(end_ms, 'the last')});"
            f" stored are {format_utc(int(times[0]))} to {format_utc(int(times[-1]))}",
            way_out="ask for a range inside what is stored, or sync the missing part first",
        )

    whole = np.array_equal(times, grid)
    # the last candle that is there, at or before; without a hole that is each itself
    last: _Rows = slice(None) if whole else np.searchsorted(times, grid, side="right") - 1
    is_filled = np.zeros(len(grid), np.bool_) if whole else times[last] != grid
    close = ohlcv["close"].to_numpy()[last]
    columns = {"ts_open": grid}
    for name in ("open", "high", "low"):
        columns[name] = _unless(is_filled, ohlcv[name].to_numpy()[last], close)
    columns["close"] = close
    for name in ("volume", "turnover"):
        columns[name] = _unless(is_filled, ohlcv[name].to_numpy()[last], 0.0)
    columns["is_filled"] = is_filled
    columns |= _mark_columns(mark, grid)
    return HealedBars(pd.DataFrame(columns, copy=False), int(is_filled.sum()), _holes(grid, is_filled))


def _unless(
    is_filled: npt.NDArray[np.bool_], values: npt.NDArray[Any], filling: npt.NDArray[Any] | float
) -> npt.NDArray[Any]:
    return np.where(is_filled, filling, values) if is_filled.any() else values


def _check_grid(times: npt.NDArray[np.int64], timeframe: Timeframe) -> None:
    steps = np.diff(times)
    wrong = np.flatnonzero((steps <= 0) | (steps % timeframe.ms != 0))
    if not timeframe.is_aligned(int(times[0])):
        at = int(times[0])
    elif len(wrong):
        at = int(times[wrong[0] + 1])
    else:
        return
    raise DataError(
        f"the {timeframe} candle at {format_utc(at)} is out of order, repeated or off the grid",
        way_out="read the candles from the store, which keeps them sorted and one per period",
    )


def _selected(grid: npt.NDArray[np.int64], start_ms: int | None, end_ms: int | None) -> slice:
    low = 0 if start_ms is None else int(np.searchsorted(grid, start_ms))
    high = len(grid) if end_ms is None else int(np.searchsorted(grid, end_ms))
    return slice(low, max(low, high))


def _mark_columns(mark: pd.DataFrame, grid: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.float64]]:
    times = mark["ts_open"].to_numpy()
    if not len(times):
        return {f"mark_{name}": np.full(len(grid), np.nan) for name in _MARK_PRICES}
    if np.array_equal(times, grid):
        return {f"mark_{name}": mark[name].to_numpy() for name in _MARK_PRICES}
    at = np.minimum(np.searchsorted(times, grid), len(times) - 1)
    is_there = times[at] == grid
    return {f"mark_{name}": np.where(is_there, mark[name].to_numpy()[at], np.nan) for name in _MARK_PRICES}


def _holes(grid: npt.NDArray[np.int64], is_filled: npt.NDArray[np.bool_]) -> tuple[Gap, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_filled, [False]])))
    return tuple(
        Gap(int(grid[first]), int(grid[after - 1]), int(after - first))
        for first, after in edges.reshape(-1, 2)
    )


def _shown(edge_ms: int | None, otherwise: str) -> str:
    return otherwise if edge_ms is None else format_utc(edge_ms)
