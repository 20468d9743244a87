"""Regimes: which kinds of market a result was made in, by trend and by volatility.

A day's regime is what the `WINDOW_DAYS` days before it were like, so that what a day itself did does not
decide in which one it counts. The first `WINDOW_DAYS` days have none and count nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_DAYS = 30
# Of the spread that so many independent days of the same volatility would have: beyond it is a trend.
_TREND_SPREADS = 0.5

TRENDS = ("down", "sideways", "up")
VOLATILITIES = ("calm", "volatile")


@dataclass(frozen=True)
class RegimeResult:
    """What a run did in one regime.

    Attributes
    ----------
    kind : str
        By what days are told apart: "trend" or "volatility".
    regime : str
        One of `TRENDS` or `VOLATILITIES`.
    days : int
    net_pnl_usdt : float
        The change of equity over these days.
    """

    kind: str
    regime: str
    days: int
    net_pnl_usdt: float


def regime_results(
    day_close: NDArray[np.float64], day_equity: NDArray[np.float64], *, starting_equity_usdt: float
) -> tuple[RegimeResult, ...]:
    """Return what a run did in each regime, by trend and then by volatility.

    Parameters
    ----------
    day_close : float64[days]
        The last close of each day, USDT.
    day_equity : float64[days] or shorter
        The equity at the same moments; a run that ended early has fewer.
    starting_equity_usdt : float
    """
    net = np.diff(day_equity, prepend=starting_equity_usdt)
    trend, volatility = (labels[: len(net)] for labels in day_regimes(day_close))
    return tuple(
        RegimeResult(kind, name, int((labels == number).sum()), float(net[labels == number].sum()))
        for kind, names, labels in (("trend", TRENDS, trend), ("volatility", VOLATILITIES, volatility))
        for number, name in enumerate(names)
    )


def day_regimes(day_close: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the place of each day in `TRENDS` and in `VOLATILITIES`: int64[days], -1 for none.

    A trend is a logarithmic return of the window that is larger than half of its daily standard deviation
    times the root of its days. Volatile are the days whose window has a standard deviation above the median
    of all windows.
    """
    trend = np.full(len(day_close), -1, np.int64)
    volatility = trend.copy()
    if len(day_close) <= WINDOW_DAYS + 1:
        return trend, volatility
    returns = np.diff(np.log(day_close))
    # the window of day d ends with the close of day d - 1
    windows = np.lib.stride_tricks.sliding_window_view(returns, WINDOW_DAYS)[:-1]
    spread = windows.std(axis=1, ddof=1)
    moved = windows.sum(axis=1)
    reach = _TREND_SPREADS * spread * math.sqrt(WINDOW_DAYS)
    trend[WINDOW_DAYS + 1 :] = 1 + (moved > reach).astype(np.int64) - (moved < -reach)
    volatility[WINDOW_DAYS + 1 :] = spread > np.median(spread)
    return trend, volatility


def largest_share_of_profit(results: Sequence[RegimeResult]) -> float:
    """Return which part of the profit the best regime of either kind brought.

    1 says that all others together brought nothing, more that they lost. NaN where the days that have a
    regime brought no profit.
    """
    shares = []
    for kind in {result.kind for result in results}:
        of_kind = [result.net_pnl_usdt for result in results if result.kind == kind]
        profit = sum(of_kind)
        shares.append(max(of_kind) / profit if profit > 0 else math.nan)
    return max(shares, default=math.nan)
