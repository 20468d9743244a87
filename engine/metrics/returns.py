"""Returns and their spread, from the equity curve.

Sharpe, Sortino and volatility use daily returns, whatever the timeframe of the run: the equity at the end
of each UTC day against the end of the day before, the first day against the starting equity. Per-bar
returns would make a 1m run and a 4h run of the same trades incomparable (and a bar-to-bar figure is not a
daily one). The market never closes, so a year has 365.25 periods. Bars longer than a day are one period
each, and a year has as many as the timeframe says. The first and last day count although they may be
partial. The risk-free rate is zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.metrics.described import Better, Unit, described
from engine.metrics.distribution import is_constant
from engine.timeframes import DAY_MS

DAYS_PER_YEAR = 365.25

# A downside below this fraction of the largest return is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class ReturnMetrics:
    """What the run earned, and how evenly."""

    family: ClassVar[str] = "Returns"

    final_equity_usdt: float = described(
        "Final equity", Unit.USDT, Better.HIGHER, "Equity at the last close, open positions at market."
    )
    net_profit_usdt: float = described(
        "Net profit", Unit.USDT, Better.HIGHER, "Final equity less starting equity, after all costs."
    )
    net_return_pct: float = described(
        "Net return", Unit.PERCENT, Better.HIGHER, "Net profit as a share of the starting equity."
    )
    lowest_equity_usdt: float = described(
        "Lowest equity", Unit.USDT, Better.HIGHER, "Lowest equity at a close, or the starting equity."
    )
    highest_equity_usdt: float = described(
        "Highest equity", Unit.USDT, Better.HIGHER, "Highest equity at a close, or the starting equity."
    )
    cagr_pct: float = described(
        "CAGR", Unit.PERCENT, Better.HIGHER, "Yearly growth that gives the net return when compounded."
    )
    volatility_pct: float = described(
        "Volatility", Unit.PERCENT, Better.LOWER, "Standard deviation of daily returns, annualised."
    )
    sharpe: float = described(
        "Sharpe ratio",
        Unit.RATIO,
        Better.HIGHER,
        "Mean over standard deviation of daily returns, annualised.",
    )
    sortino: float = described(
        "Sortino ratio",
        Unit.RATIO,
        Better.HIGHER,
        "Mean over downside deviation of daily returns, annualised.",
    )


def return_metrics(
    returns: NDArray[np.float64],
    equity: NDArray[np.float64],
    *,
    starting_equity_usdt: float,
    bars_per_year: float,
) -> ReturnMetrics:
    """Return the family of one equity curve.

    Parameters
    ----------
    returns : float64 array of shape (days,)
        From `daily_returns`.
    equity : float64 array of shape (bars,)
        Equity in USDT at each close.
    starting_equity_usdt : float
        Equity before the first bar.
    bars_per_year : float
        `Timeframe.bars_per_year()` of the run.
    """
    final = float(equity[-1]) if len(equity) else starting_equity_usdt
    periods = periods_per_year(bars_per_year)
    return ReturnMetrics(
        final_equity_usdt=final,
        net_profit_usdt=final - starting_equity_usdt,
        net_return_pct=(final / starting_equity_usdt - 1) * 100 if starting_equity_usdt > 0 else math.nan,
        lowest_equity_usdt=min(starting_equity_usdt, float(equity.min(initial=math.inf))),
        highest_equity_usdt=max(starting_equity_usdt, float(equity.max(initial=-math.inf))),
        cagr_pct=cagr_pct(starting_equity_usdt, final, years=len(equity) / bars_per_year),
        volatility_pct=volatility_pct(returns, periods),
        sharpe=sharpe(returns, periods),
        sortino=sortino(returns, periods),
    )


def periods_per_year(bars_per_year: float) -> float:
    """Return how many daily returns a year has: 365.25, or fewer where a bar is longer than a day."""
    return min(DAYS_PER_YEAR, bars_per_year)


def daily_returns(
    ts: NDArray[np.int64],
    equity: NDArray[np.float64],
    *,
    starting_equity_usdt: float,
    bar_ms: int = 0,
) -> NDArray[np.float64]:
    """Return the returns of successive UTC days, as fractions: `E(day) / E(day before) - 1`.

    E(day) is the equity at the last bar that closes within the day; a bar that closes at 00:00 belongs to
    the day that ends there. The first day is measured against the starting equity. A day in which no bar
    closes gives no return. Once the equity is zero or less there is nothing to earn on: the day of the
    loss is the last.

    Parameters
    ----------
    ts : int64 array of shape (bars,)
        UTC milliseconds, ascending; bars close at `ts + bar_ms`.
    equity : float64 array of shape (bars,)
    starting_equity_usdt : float
    bar_ms : int
        0 where `ts` are the closes.
    """
    return returns_between(equity[last_bars_of_days(ts, bar_ms)], starting_equity_usdt=starting_equity_usdt)


def last_bars_of_days(ts: NDArray[np.int64], bar_ms: int = 0) -> NDArray[np.int64]:
    """Return the last bar that closes in each UTC day, rising: int64[days].

    A bar that closes at 00:00 belongs to the day that ends there; a day in which no bar closes has none.

    Parameters
    ----------
    ts : int64 array of shape (bars,)
        UTC milliseconds, ascending; bars close at `ts + bar_ms`.
    bar_ms : int
        0 where `ts` are the closes.
    """
    if not len(ts):
        return np.empty(0, np.int64)
    first_end = ((int(ts[0]) + bar_ms - 1) // DAY_MS + 1) * DAY_MS
    day_ends = np.arange(first_end, int(ts[-1]) + bar_ms + DAY_MS, DAY_MS)
    if bar_ms and int(ts[-1]) - int(ts[0]) == (len(ts) - 1) * bar_ms:
        # without a hole the places are known, and the times need not be looked through
        at_ends = np.minimum((day_ends - bar_ms - ts[0]) // bar_ms, len(ts) - 1)
    else:
        at_ends = np.searchsorted(ts, day_ends - bar_ms, side="right") - 1
    return np.unique(at_ends)


def returns_between(day_equity: NDArray[np.float64], *, starting_equity_usdt: float) -> NDArray[np.float64]:
    """Return the returns from day to day as fractions, of the equity at their ends (float64[days])."""
    points = np.concatenate(([starting_equity_usdt], day_equity))
    blown = np.flatnonzero(points <= 0)
    if len(blown):
        points = points[: blown[0] + 1]
    return points[1:] / points[:-1] - 1


def cagr_pct(start: float, final: float, *, years: float) -> float:
    """Return the compound annual growth rate in percent: `(final / start) ^ (1 / years) - 1`.

    A window shorter than a year is extrapolated. A final equity of zero or less is -100 %. NaN without
    bars, and where the extrapolation leaves the range of a float.
    """
    if years <= 0 or start <= 0:
        return math.nan
    if final <= 0:
        return -100.0
    try:
        return ((final / start) ** (1 / years) - 1) * 100
    except OverflowError:
        return math.nan


def volatility_pct(returns: NDArray[np.float64], periods_per_year: float) -> float:
    """Return `std(r, ddof=1) * sqrt(periods_per_year)` in percent; NaN with fewer than two returns."""
    if len(returns) < 2:
        return math.nan
    return float(np.std(returns, ddof=1)) * math.sqrt(periods_per_year) * 100


def sharpe(returns: NDArray[np.float64], periods_per_year: float) -> float:
    """Return `mean(r) / std(r, ddof=1) * sqrt(periods_per_year)`, with a risk-free rate of zero.

    Source: Sharpe (1994), "The Sharpe Ratio". NaN with fewer than two returns and for a constant series,
    whose ratio is not defined.
    """
    if is_constant(returns):
        return math.nan
    return float(np.mean(returns) / np.std(returns, ddof=1)) * math.sqrt(periods_per_year)


def rolling_sharpe(returns: NDArray[np.float64], length: int, periods_per_year: float) -> NDArray[np.float64]:
    """Return `sharpe` of the last `length` returns at each of them: float64[returns], NaN before."""
    found = np.full(len(returns), math.nan)
    if len(returns) >= length:
        windows = np.lib.stride_tricks.sliding_window_view(returns, length)
        found[length - 1 :] = [sharpe(each, periods_per_year) for each in windows]
    return found


def sortino(returns: NDArray[np.float64], periods_per_year: float) -> float:
    """Return `mean(r) / sqrt(mean(min(r, 0)^2)) * sqrt(periods_per_year)`, with a target return of zero.

    The downside deviation is taken over all returns, not over the losing ones only (Sortino and Price,
    1994). NaN with fewer than two returns and where no return is negative.
    """
    if len(returns) < 2:
        return math.nan
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    if downside <= _ROUNDING * float(np.max(np.abs(returns))):
        return math.nan
    return float(np.mean(returns)) / downside * math.sqrt(periods_per_year)
