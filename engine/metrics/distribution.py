"""The shape of the daily returns: their tails, their asymmetry, and the good against the bad.

Days are those of `engine.metrics.returns`. Returns are fractions inside, percent in the figures. Quantiles
are interpolated linearly (NumPy's default, as in empyrical). A figure of too few days is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.metrics.described import Better, Unit, described

_TAIL = 0.05

# A spread below this fraction of the largest return is rounding: the series is constant.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class DistributionMetrics:
    """How daily returns are spread."""

    family: ClassVar[str] = "Daily returns"

    best_day_pct: float = described("Best day", Unit.PERCENT, Better.HIGHER, "Highest daily return.")
    worst_day_pct: float = described("Worst day", Unit.PERCENT, Better.HIGHER, "Lowest daily return.")
    winning_days: int = described("Winning days", Unit.COUNT, Better.HIGHER, "Days with a return above zero.")
    losing_days: int = described("Losing days", Unit.COUNT, Better.LOWER, "Days with a return below zero.")
    value_at_risk_95_pct: float = described(
        "Value at risk, 95 %, one day",
        Unit.PERCENT,
        Better.LOWER,
        "Loss of a day that one day in twenty exceeds, from the returns as they were.",
    )
    expected_shortfall_95_pct: float = described(
        "Expected shortfall, 95 %, one day",
        Unit.PERCENT,
        Better.LOWER,
        "Average loss of the days at or beyond the value at risk (CVaR).",
    )
    skewness: float = described(
        "Skewness", Unit.RATIO, Better.HIGHER, "Third standardised moment: below zero, losses are the larger."
    )
    excess_kurtosis: float = described(
        "Excess kurtosis", Unit.RATIO, Better.LOWER, "Fourth standardised moment less three: fat tails."
    )
    tail_ratio: float = described(
        "Tail ratio", Unit.RATIO, Better.HIGHER, "95th percentile over the size of the 5th."
    )
    omega: float = described(
        "Omega ratio", Unit.RATIO, Better.HIGHER, "Sum of the gains over the sum of the losses of days."
    )


def distribution_metrics(returns: NDArray[np.float64]) -> DistributionMetrics:
    """Return the family of daily returns (fractions, float64 array of shape (days,))."""
    return DistributionMetrics(
        best_day_pct=float(returns.max()) * 100 if len(returns) else math.nan,
        worst_day_pct=float(returns.min()) * 100 if len(returns) else math.nan,
        winning_days=int((returns > 0).sum()),
        losing_days=int((returns < 0).sum()),
        value_at_risk_95_pct=value_at_risk(returns) * 100,
        expected_shortfall_95_pct=expected_shortfall(returns) * 100,
        skewness=skewness(returns),
        excess_kurtosis=excess_kurtosis(returns),
        tail_ratio=tail_ratio(returns),
        omega=omega(returns),
    )


def value_at_risk(returns: NDArray[np.float64], tail: float = _TAIL) -> float:
    """Return `-quantile(r, tail)`: a loss is above zero. NaN without returns."""
    return -float(np.quantile(returns, tail)) + 0.0 if len(returns) else math.nan


def expected_shortfall(returns: NDArray[np.float64], tail: float = _TAIL) -> float:
    """Return the mean loss of the returns at or below the `tail` quantile. NaN without returns.

    empyrical averages the lowest `int((n - 1) * tail) + 1` returns instead; the two differ by a return where
    the quantile lies between two of them.
    """
    if not len(returns):
        return math.nan
    return -float(returns[returns <= np.quantile(returns, tail)].mean()) + 0.0


def skewness(returns: NDArray[np.float64]) -> float:
    """Return `m3 / m2^1.5` (population moments, as SciPy's default). NaN for fewer than two or a constant."""
    if is_constant(returns):
        return math.nan
    centred = returns - returns.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def excess_kurtosis(returns: NDArray[np.float64]) -> float:
    """Return `m4 / m2^2 - 3` (population moments). NaN for fewer than two or a constant."""
    if is_constant(returns):
        return math.nan
    centred = returns - returns.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2) - 3.0


def tail_ratio(returns: NDArray[np.float64]) -> float:
    """Return `quantile(r, 0.95) / |quantile(r, 0.05)|`. NaN without returns, and where the 5th is zero."""
    if not len(returns):
        return math.nan
    low, high = np.quantile(returns, [_TAIL, 1 - _TAIL])
    return float(high / abs(low)) if low != 0 else math.nan


def omega(returns: NDArray[np.float64]) -> float:
    """Return `sum(max(r, 0)) / sum(max(-r, 0))`, the Omega ratio at a threshold of zero.

    Source: Keating and Shadwick (2002). NaN where no return is negative.
    """
    lost = -float(returns[returns < 0].sum())
    return float(returns[returns > 0].sum()) / lost if lost > 0 else math.nan


def is_constant(returns: NDArray[np.float64]) -> bool:
    """Return whether there is no spread in `returns` beyond rounding; fewer than two have none."""
    if len(returns) < 2 or np.ptp(returns) <= _ROUNDING * np.max(np.abs(returns)):
        return True
    # the squares of what is very small are zero
    return not np.std(returns) > 0
