"""How far and how long the equity was below its highest point so far.

The starting equity is the first point of the curve, so a loss from the first bar on is a drawdown too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.metrics.described import Better, Unit, described
from engine.timeframes import DAY_MS

if TYPE_CHECKING:
    import pandas as pd


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
    ulcer_index_pct: float = described(
        "Ulcer index", Unit.PERCENT, Better.LOWER, "Root of the mean squared drawdown, over all bars."
    )
    underwater_pct: float = described(
        "Time under water", Unit.PERCENT, Better.LOWER, "Share of the bars that close below the peak."
    )
    recovery_factor: float = described(
        "Recovery factor", Unit.RATIO, Better.HIGHER, "Net profit over the largest fall in money."
    )
    martin: float = described(
        "Martin ratio", Unit.RATIO, Better.HIGHER, "CAGR over the ulcer index (ulcer performance index)."
    )
    calmar: float = described(
        "Calmar ratio", Unit.RATIO, Better.HIGHER, "CAGR over max drawdown, both of the whole window."
    )


def drawdown_metrics(
    equity: NDArray[np.float64], *, starting_equity_usdt: float, bar_ms: float, cagr_pct: float
) -> DrawdownMetrics:
    """Return the family of one equity curve (USDT at each close, float64 array of shape (bars,))."""
    falls = _falls(np.ascontiguousarray(equity), starting_equity_usdt)
    deepest, largest_usdt, total, squared, below, longest = falls
    deepest_pct, bars = deepest * 100, len(equity)
    ulcer_pct = math.sqrt(squared / bars) * 100 if bars else 0.0
    profit = float(equity[-1]) - starting_equity_usdt if bars else 0.0
    return DrawdownMetrics(
        max_drawdown_pct=deepest_pct,
        max_drawdown_usdt=largest_usdt,
        average_drawdown_pct=total / bars * 100 if bars else 0.0,
        longest_drawdown_bars=longest,
        longest_drawdown_days=longest * bar_ms / DAY_MS,
        ulcer_index_pct=ulcer_pct,
        underwater_pct=below / bars * 100 if bars else 0.0,
        recovery_factor=profit / largest_usdt if largest_usdt > 0 else math.nan,
        martin=cagr_pct / ulcer_pct if ulcer_pct > 0 else math.nan,
        calmar=calmar(cagr_pct, deepest_pct),
    )


@compiled
def _falls(
    equity: NDArray[np.float64], starting_equity_usdt: float
) -> tuple[float, float, float, float, int, int]:
    """Return the falls of a curve.

    The deepest share, the largest in money, the sum of the shares, of their squares, how many bars are below
    the peak, and the most from one peak to the next.
    """
    peak, last_peak = starting_equity_usdt, -1  # the starting equity stands before the first bar
    deepest, largest, total, squared, bars_below, longest = 0.0, 0.0, 0.0, 0.0, 0, 0
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
            deepest, largest = max(deepest, share), max(largest, below)
            total, squared, bars_below = total + share, squared + share * share, bars_below + 1
    # a drawdown that has not ended is counted to the last bar
    return deepest, largest, total, squared, bars_below, max(longest, equity.size - 1 - last_peak)


def drawdown_table(
    ts_close: NDArray[np.int64],
    equity: NDArray[np.float64],
    *,
    starting_equity_usdt: float,
    deepest: int = 10,
) -> pd.DataFrame:
    """Return the deepest drawdowns of an equity curve, the deepest first.

    A drawdown begins at the last close on the peak and ends at the first that reaches it again; one that
    begins with the run begins at its first close.

    Parameters
    ----------
    ts_close : int64 array of shape (bars,)
        UTC milliseconds, ascending.
    equity : float64 array of shape (bars,)
        USDT.
    starting_equity_usdt : float
    deepest : int
        Rows at most.

    Returns
    -------
    DataFrame
        ts_peak, ts_trough, ts_recovered int64 (-1 where it has not been recovered), depth_pct, depth_usdt
        float64, bars, bars_to_trough, bars_to_recovery int64 (-1 where not recovered).
    """
    import pandas as pd

    peak = np.maximum(np.maximum.accumulate(equity), starting_equity_usdt)
    edges = np.flatnonzero(np.diff(equity < peak, prepend=False, append=False)).reshape(-1, 2)
    rows = []
    for first, after in edges:
        trough = first + int(np.argmax(peak[first:after] - equity[first:after]))
        depth, recovered = float(peak[trough] - equity[trough]), after < len(equity)
        begin = max(int(first) - 1, 0)
        rows.append(
            (
                int(ts_close[begin]),
                int(ts_close[trough]),
                int(ts_close[after]) if recovered else -1,
                depth / float(peak[trough]) * 100,
                depth,
                int(after - first),
                int(trough - begin),
                int(after - trough) if recovered else -1,
            )
        )
    rows.sort(key=lambda row: (-row[3], row[0]))
    return pd.DataFrame(rows[:deepest], columns=list(_TABLE)).astype(_TABLE)


_TABLE = {
    "ts_peak": "int64",
    "ts_trough": "int64",
    "ts_recovered": "int64",
    "depth_pct": "float64",
    "depth_usdt": "float64",
    "bars": "int64",
    "bars_to_trough": "int64",
    "bars_to_recovery": "int64",
}


def drawdown_pct(equity: NDArray[np.float64], *, starting_equity_usdt: float) -> NDArray[np.float64]:
    """Return the distance below the highest equity so far at each close, `(peak - E) / peak`, in percent."""
    peak = np.maximum(np.maximum.accumulate(equity), starting_equity_usdt)
    return (peak - equity) / peak * 100


def calmar(cagr_pct: float, max_drawdown_pct: float) -> float:
    """Return `CAGR / max drawdown` over the whole window (Young, 1991, used 36 months).

    NaN where there was no drawdown or where the CAGR is not defined.
    """
    return cagr_pct / max_drawdown_pct if max_drawdown_pct > 0 else math.nan
