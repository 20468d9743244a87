"""Equity by calendar period."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.timeframes import DAY_MS


class Period(Enum):
    """Calendar periods, in UTC. A week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, eq=False)
class PeriodReturns:
    """What each period came to in which a bar closes, in their order.

    Attributes
    ----------
    numbers : int64[n]
        Days, weeks or months since the epoch; see `period_of` and `start_of`.
    net_pnl_usdt : float64[n]
    return_pct : float64[n]
        NaN once the equity before it is zero or less.
    """

    numbers: NDArray[np.int64]
    net_pnl_usdt: NDArray[np.float64]
    return_pct: NDArray[np.float64]


def period_returns(equity: pd.DataFrame, period: Period, *, starting_equity_usdt: float) -> PeriodReturns:
    """Return what each period of a run came to: `E(its end) / E(the end before) - 1`.

    A bar that closes at 00:00 belongs to the day that ends there. The first period is measured against the
    starting equity; the first and the last may be partial. A period in which no bar closes is left out.

    Parameters
    ----------
    equity : DataFrame
        With `ts_close` (UTC milliseconds, ascending) and `equity_usdt`.
    period : Period
    starting_equity_usdt : float
    """
    numbers = period_of(equity["ts_close"].to_numpy(np.int64) - 1, period)
    last = np.flatnonzero(np.diff(numbers, append=numbers[-1:] + 1))
    ends = equity["equity_usdt"].to_numpy(np.float64)[last]
    before = np.concatenate(([starting_equity_usdt], ends))[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.where(before > 0, ends / before - 1, np.nan) * 100
    return PeriodReturns(numbers[last], ends - before, returns)


def monthly_returns(equity: pd.DataFrame, *, starting_equity_usdt: float) -> pd.DataFrame:
    """Return the return of each UTC month: columns year int64, month int64 (1 to 12), return_pct float64.

    See `period_returns`.
    """
    months = period_returns(equity, Period.MONTH, starting_equity_usdt=starting_equity_usdt)
    return pd.DataFrame(
        {
            "year": 1970 + months.numbers // 12,
            "month": months.numbers % 12 + 1,
            "return_pct": months.return_pct,
        }
    )


def period_of(ts: NDArray[np.int64], period: Period) -> NDArray[np.int64]:
    """Return the number of the period each moment is in: days, weeks or months since the epoch."""
    if period is Period.DAY:
        return ts // DAY_MS
    if period is Period.WEEK:
        # 1 January 1970 was a Thursday
        return (ts // DAY_MS + 3) // 7
    return ts.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)


def start_of(numbers: NDArray[np.int64], period: Period) -> NDArray[np.int64]:
    """Return when each period begins, in UTC milliseconds."""
    if period is Period.DAY:
        return numbers * DAY_MS
    if period is Period.WEEK:
        return (numbers * 7 - 3) * DAY_MS
    return numbers.astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
