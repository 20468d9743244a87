"""What the charts of a report are drawn from, packed small.

Series travel as little-endian 32-bit numbers inside one gzip of JSON: seven digits, which is more than a
chart shows. Of more than `MOST_POINTS` bars a series is thinned to its extremes first, and candles are put
together; below that the browser gets every bar and thins what is in view itself (drawing.js).
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.backtest.result import BacktestResult
from engine.metrics.calendar import monthly_returns
from engine.metrics.compute import Metrics
from engine.metrics.returns import last_bars_of_days, periods_per_year, returns_between, rolling_sharpe
from engine.reports.thinning import extremes
from engine.timeframes import format_utc

MOST_POINTS = 100_000
MOST_TRADES = 20_000
ROLLING_DAYS = 90


def packed(text: str) -> str:
    """Return text as base64 of its gzip, the same bytes for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def chart_data(result: BacktestResult, metrics: Metrics, candles: pd.DataFrame) -> dict[str, Any]:
    """Return the plain data that report.js draws.

    Parameters
    ----------
    result : BacktestResult
    metrics : Metrics
    candles : DataFrame
        Those the run was made on: ts_open (UTC ms, ascending), open, high, low, close. Of those outside its
        window nothing is drawn.
    """
    ts_close = result.equity["ts_close"].to_numpy(dtype=np.int64)
    step_ms = result.exec_timeframe.ms
    first_ms = int(ts_close[0])
    bar = (ts_close - first_ms) // step_ms
    drawn = result.trades.iloc[:: max(1, -(-len(result.trades) // MOST_TRADES))]
    reasons = sorted(set(drawn["exit_reason"]))
    return {
        "first_ms": first_ms,
        "step_ms": step_ms,
        "starting_equity": result.starting_equity_usdt,
        "equity": _series(bar, result.equity["equity_usdt"]),
        "candles": _candles(candles, first_ms, step_ms, int(bar[-1])),
        "trade_count": len(result.trades),
        "trades": _trades(drawn, reasons, opened_ms=first_ms - step_ms),
        "reasons": [html.escape(reason) for reason in reasons],
        "rolling": _rolling_sharpe(result),
        "months": _months(result.equity, result.starting_equity_usdt),
        "costs": _costs(metrics),
    }


def packed_chart_data(data: dict[str, Any]) -> str:
    """Return chart data as the text that goes into the page."""
    return packed(json.dumps(data, separators=(",", ":"), allow_nan=False))


def _series(bar: NDArray[np.int64], column: pd.Series[float]) -> dict[str, str | None]:
    values = np.asarray(column, dtype=np.float64)
    kept = extremes(values, MOST_POINTS)
    every_bar = len(kept) == int(bar[-1]) + 1
    return {"at": None if every_bar else _base64(bar[kept], "<u4"), "values": _base64(values[kept], "<f4")}


def _candles(candles: pd.DataFrame, first_ms: int, step_ms: int, last_bar: int) -> dict[str, Any]:
    """Pack the candles of bars 0 to `last_bar`, several in one where there are more than `MOST_POINTS`."""
    of_all = (candles["ts_open"].to_numpy(np.int64) + step_ms - first_ms) // step_ms
    inside = (of_all >= 0) & (of_all <= last_bar)
    bar = of_all[inside]
    size = -(-(last_bar + 1) // MOST_POINTS)
    starts = np.flatnonzero(np.diff(bar // size, prepend=-1))
    ends = np.append(starts[1:], len(bar)) - 1
    values = {name: candles[name].to_numpy(np.float64)[inside] for name in ("open", "high", "low", "close")}
    columns = {
        "open": values["open"][starts],
        "high": np.maximum.reduceat(values["high"], starts),
        "low": np.minimum.reduceat(values["low"], starts),
        "close": values["close"][ends],
    }
    return {
        "size": size,
        "at": None if len(starts) == last_bar + 1 else _base64(bar[ends], "<u4"),
        **{name: _base64(column, "<f4") for name, column in columns.items()},
    }


def _rolling_sharpe(result: BacktestResult) -> dict[str, list[Any]]:
    """Return the Sharpe ratio of the last `ROLLING_DAYS` days, day by day from when there are so many."""
    ts = result.equity["ts_close"].to_numpy(np.int64)
    last = last_bars_of_days(ts)
    returns = returns_between(
        result.equity["equity_usdt"].to_numpy(np.float64)[last],
        starting_equity_usdt=result.starting_equity_usdt,
    )
    values = rolling_sharpe(returns, ROLLING_DAYS, periods_per_year(result.exec_timeframe.bars_per_year()))
    days = [format_utc(int(each) - 1)[:10] for each in ts[last][: len(returns)]]
    kept = range(ROLLING_DAYS - 1, len(returns))
    return {
        "days": [days[number] for number in kept],
        "values": [
            round(float(values[number]), 3) if np.isfinite(values[number]) else None for number in kept
        ],
    }


def _trades(trades: pd.DataFrame, reasons: list[str], *, opened_ms: int) -> dict[str, tuple[str, str]]:
    """Pack each column with the type report.js reads it as: f float32, u uint32, b uint8."""
    return_pct = trades["net_pnl_usdt"] / trades["notional_usdt"] * 100
    columns = {
        "id": ("u", trades["trade_id"]),
        "is_long": ("b", trades["direction"] == "long"),
        "entry_s": ("u", (trades["ts_entry"] - opened_ms) // 1000),
        "exit_s": ("u", (trades["ts_exit"] - opened_ms) // 1000),
        "stop_price": ("f", trades["stop_price"]),
        "target_price": ("f", trades["target_price"]),
        "entry_price": ("f", trades["entry_price"]),
        "exit_price": ("f", trades["exit_price"]),
        "net": ("f", trades["net_pnl_usdt"]),
        "return_pct": ("f", return_pct),
        "bars_held": ("u", trades["bars_held"]),
        "reason": ("b", trades["exit_reason"].map(reasons.index)),
    }
    dtypes = {"f": "<f4", "u": "<u4", "b": "<u1"}
    return {
        name: (kind, _base64(column.to_numpy(), dtypes[kind])) for name, (kind, column) in columns.items()
    }


def _months(equity: pd.DataFrame, starting_equity_usdt: float) -> dict[str, list[Any]]:
    """Return one row of cells a year: twelve months and the year, in percent, None where there is nothing."""
    returns = monthly_returns(equity, starting_equity_usdt=starting_equity_usdt)
    years = sorted(set(returns["year"]))
    cells: list[list[float | None]] = []
    for year in years:
        months = returns[returns["year"] == year]
        row: list[float | None] = [None] * 13
        for month, value in zip(months["month"], months["return_pct"], strict=True):
            row[month - 1] = round(value, 4) if np.isfinite(value) else None
        whole = (float((1 + months["return_pct"] / 100).prod(skipna=False)) - 1) * 100
        row[12] = round(whole, 4) if np.isfinite(whole) else None
        cells.append(row)
    return {"years": [int(year) for year in years], "cells": cells}


def _costs(metrics: Metrics) -> dict[str, list[Any]]:
    """Return the way from the PnL at reference prices to the net PnL; its parts add up to the last."""
    before = metrics.gross_pnl_usdt + metrics.slippage_usdt
    parts = {
        "Before costs": before,
        "Slippage": -metrics.slippage_usdt,
        "Taker fees": -metrics.taker_fees_usdt,
        "Maker fees": -metrics.maker_fees_usdt,
        "Funding": metrics.funding_usdt,
    }
    parts["Net"] = sum(parts.values())
    return {"labels": list(parts), "values": [round(value, 4) + 0.0 for value in parts.values()]}


def _base64(values: Any, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode()
