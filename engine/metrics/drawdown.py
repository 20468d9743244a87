"""How far and how long the equity was below its highest point so far.

The starting equity is the first point of the curve, so a loss from the first bar on is a drawdown too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.metrics.described import Better, Unit, described
from engine.timeframes import DAY_MS


@dataclass(frozen=True, kw_only=True)
class DrawdownMetrics:
    """Depth and length of the falls from the highest equity so far."""

    family: ClassVar[str] = "Drawdown"

    max_drawdown_pct: float = described(
        "Max drawdown", Unit.PERCENT, Better.LOWER, "Deepest fall, as a share of the peak before it."
    )
    max_drawdown_usdt: float = described(
        "Max drawdown in USDT",
        Unit.USDT,
        Better.LOWER,
        "Largest fall in money; need not be the deepest share.",
    )
    average_drawdown_pct: float = described(
        "Average drawdown", Unit.PERCENT, Better.LOWER, "Mean distance below the peak, over all bars."
    )
    longest_drawdown_bars: int = described(
        "Longest drawdown", Unit.BARS, Better.LOWER, "Most bars from a peak until it was reached again."
    )
    longest_drawdown_days: float = described(
        "Longest drawdown in days", Unit.DAYS, Better.LOWER, "The longest drawdown in bars, as time."
    )
    calmar: float = described(
        "Calmar ratio", Unit.RATIO, Better.HIGHER, "CAGR over max drawdown, both of the whole window."
    )


def drawdown_metrics(
    equity: NDArray[np.float64], *, starting_equity_usdt: float, bar_ms: float, cagr_pct: float
) -> DrawdownMetrics:
    """Return the family of one equity curve (USDT at each close, float64 array of shape (bars,))."""
    deepest, largest_usdt, total, longest = _falls(np.ascontiguousarray(equity), starting_equity_usdt)
    deepest_pct = deepest * 100
    return DrawdownMetrics(
        max_drawdown_pct=deepest_pct,
        max_drawdown_usdt=largest_usdt,
        average_drawdown_pct=total / len(equity) * 100 if len(equity) else 0.0,
        longest_drawdown_bars=longest,
        longest_drawdown_days=longest * bar_ms / DAY_MS,
        calmar=calmar(cagr_pct, deepest_pct),
    )


@compiled
def _falls(equity: NDArray[np.float64], starting_equity_usdt: float) -> tuple[float, float, float, int]:
    """Return the deepest share, the largest fall in money, the sum of the shares, and the longest fall."""
    peak, last_peak = starting_equity_usdt, -1  # the starting equity stands before the first bar
    deepest, largest, total, longest = 0.0, 0.0, 0.0, 0
    for bar in range(equity.size):
        value = equity[bar]
        if value >= peak:
            # from one peak to the next there is no drawdown
            if bar - last_peak > max(longest, 1):
                longest = bar - last_peak
            peak, last_peak = value, bar
        else:
            below = peak - value
            share = below / peak
            deepest, largest, total = max(deepest, share), max(largest, below), total + share
    # a drawdown that has not ended is counted to the last bar
    return deepest, largest, total, max(longest, equity.size - 1 - last_peak)


def drawdown_pct(equity: NDArray[np.float64], *, starting_equity_usdt: float) -> NDArray[np.float64]:
    """Return the distance below the highest equity so far at each close, `(peak - E) / peak`, in percent."""
    peak = np.maximum(np.maximum.accumulate(equity), starting_equity_usdt)
    return (peak - equity) / peak * 100


def calmar(cagr_pct: float, max_drawdown_pct: float) -> float:
    """Return `CAGR / max drawdown` over the whole window (Young, 1991, used 36 months).

    NaN where there was no drawdown or where the CAGR is not defined.
    """
    return cagr_pct / max_drawdown_pct if max_drawdown_pct > 0 else math.nan
