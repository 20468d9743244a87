"""The run against holding the coin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.metrics.described import Better, Unit, described
from engine.metrics.distribution import is_constant


@dataclass(frozen=True, kw_only=True)
class BenchmarkMetrics:
    """Buy and hold of the same symbol over the same bars, without leverage, fees or funding."""

    family: ClassVar[str] = "Against buy and hold"

    buy_and_hold_return_pct: float = described(
        "Buy and hold", Unit.PERCENT, Better.NEITHER, "Price change from the first close to the last."
    )
    excess_return_pct: float = described(
        "Excess over buy and hold", Unit.PERCENT, Better.HIGHER, "Net return less the buy-and-hold return."
    )
    beta: float = described(
        "Beta", Unit.RATIO, Better.NEITHER, "How far a day's return follows that of the coin."
    )
    alpha_pct: float = described(
        "Alpha", Unit.PERCENT, Better.HIGHER, "Yearly return that beta does not explain (Jensen)."
    )
    correlation: float = described(
        "Correlation", Unit.RATIO, Better.NEITHER, "Of the daily returns with those of the coin."
    )
    tracking_error_pct: float = described(
        "Tracking error",
        Unit.PERCENT,
        Better.NEITHER,
        "Standard deviation of the daily difference to the coin, annualised.",
    )
    information_ratio: float = described(
        "Information ratio",
        Unit.RATIO,
        Better.HIGHER,
        "Mean daily difference to the coin over its standard deviation, annualised.",
    )
    treynor_pct: float = described(
        "Treynor ratio", Unit.PERCENT, Better.HIGHER, "Yearly mean return for each unit of beta."
    )


def benchmark_metrics(
    close: NDArray[np.float64],
    returns: NDArray[np.float64],
    coin_returns: NDArray[np.float64],
    *,
    net_return_pct: float,
    periods_per_year: float,
) -> BenchmarkMetrics:
    """Return the family of a run.

    Buy and hold is `last close / first close - 1`: a run can act on the first close at the earliest. The
    excess is the plain difference of the two returns, in percentage points. With r and c the daily returns:
    beta = cov(r, c) / var(c); alpha = (mean(r) - beta * mean(c)) * periods; the information ratio is
    mean(r - c) / std(r - c) * sqrt(periods) (Goodwin, 1998), the tracking error std(r - c) * sqrt(periods),
    the Treynor ratio mean(r) * periods / beta. Sample moments (ddof 1). NaN without a spread to divide by.

    Parameters
    ----------
    close : float64 array of shape (bars,)
    returns, coin_returns : float64 arrays of shape (days,)
        Daily returns of the account and of the coin, as fractions. An account that lost everything has fewer
        days than the coin; only those it has are compared.
    net_return_pct : float
    periods_per_year : float
    """
    held = float(close[-1] / close[0] - 1) * 100 if len(close) else math.nan
    coin = coin_returns[: len(returns)]
    beta = alpha = correlation = tracking_error = information_ratio = treynor = math.nan
    difference = returns - coin
    if not is_constant(difference):
        spread = float(np.std(difference, ddof=1))
        tracking_error = spread * math.sqrt(periods_per_year) * 100
        information_ratio = float(difference.mean()) / spread * math.sqrt(periods_per_year)
    if not is_constant(coin):
        (own, both), (_, others) = np.cov(returns, coin)
        beta = float(both / others)
        alpha = float(returns.mean() - beta * coin.mean()) * periods_per_year * 100
        if not is_constant(returns):
            correlation = float(both / math.sqrt(own * others))
        if beta != 0:
            treynor = float(returns.mean()) * periods_per_year / beta * 100
    return BenchmarkMetrics(
        buy_and_hold_return_pct=held,
        excess_return_pct=net_return_pct - held,
        beta=beta,
        alpha_pct=alpha,
        correlation=correlation,
        tracking_error_pct=tracking_error,
        information_ratio=information_ratio,
        treynor_pct=treynor,
    )


def buy_and_hold_equity(close: NDArray[np.float64], *, starting_equity_usdt: float) -> NDArray[np.float64]:
    """Return the equity at each close of an account that bought at the first: `start * close / close[0]`."""
    return starting_equity_usdt * close / close[0] if len(close) else np.empty(0)
