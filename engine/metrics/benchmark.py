"""The run against holding the coin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.metrics.described import Better, Unit, described


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


def benchmark_metrics(close: NDArray[np.float64], *, net_return_pct: float) -> BenchmarkMetrics:
    """Return the family of the closes of a run (float64 array of shape (bars,)).

    Buy and hold is `last close / first close - 1`: a run can act on the first close at the earliest. The
    excess is the plain difference of the two returns, in percentage points. NaN without bars.
    """
    held = float(close[-1] / close[0] - 1) * 100 if len(close) else math.nan
    return BenchmarkMetrics(buy_and_hold_return_pct=held, excess_return_pct=net_return_pct - held)


def buy_and_hold_equity(close: NDArray[np.float64], *, starting_equity_usdt: float) -> NDArray[np.float64]:
    """Return the equity at each close of an account that bought at the first: `start * close / close[0]`."""
    return starting_equity_usdt * close / close[0] if len(close) else np.empty(0)
