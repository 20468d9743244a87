"""How much of the time and of the account was in the market."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.metrics.described import Better, Unit, described

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class ExposureMetrics:
    """Time in the market, leverage, margin and liquidations."""

    family: ClassVar[str] = "Exposure"

    time_in_market_pct: float = described(
        "Time in market", Unit.PERCENT, Better.NEITHER, "Share of the bars in which a position was held."
    )
    average_leverage: float = described(
        "Average leverage",
        Unit.RATIO,
        Better.NEITHER,
        "Mean position value over equity, over the closes with a position.",
    )
    peak_leverage: float = described(
        "Peak leverage", Unit.RATIO, Better.LOWER, "Highest position value over equity at a close."
    )
    peak_margin_use_pct: float = described(
        "Peak margin use", Unit.PERCENT, Better.LOWER, "Highest used margin over equity at a close."
    )
    nearest_liquidation_pct: float = described(
        "Nearest to liquidation",
        Unit.PERCENT,
        Better.HIGHER,
        "Least distance of a trade's worst price to its liquidation price, among those not liquidated.",
    )
    liquidations: int = described("Liquidations", Unit.COUNT, Better.LOWER, "Trades ended by liquidation.")


def exposure_metrics(
    equity: NDArray[np.float64],
    close: NDArray[np.float64],
    position_size: NDArray[np.float64],
    used_margin: NDArray[np.float64],
    *,
    bars_held: int,
    nearest_liquidation_pct: float,
    liquidations: int,
) -> ExposureMetrics:
    """Return the family; the arrays are the columns of the equity frame, float64 of shape (bars,).

    Leverage is `|size| * close / equity` and margin use `used margin / equity`; closes at which the equity
    is zero or less are left out. Time in market is `sum of bars held / bars`, so a trade that opens and
    closes inside one bar counts there and has no part in the leverage. Without any position at a close the
    average leverage is NaN and the peaks are zero.
    """
    total, held, peak, margin = _leverage(
        *(np.ascontiguousarray(column) for column in (equity, close, position_size, used_margin))
    )
    return ExposureMetrics(
        time_in_market_pct=time_in_market_pct(bars_held, len(equity)),
        average_leverage=total / held if held else math.nan,
        peak_leverage=peak,
        peak_margin_use_pct=margin * 100,
        nearest_liquidation_pct=nearest_liquidation_pct,
        liquidations=liquidations,
    )


def nearest_liquidation_pct(trades: pd.DataFrame) -> float:
    """Return `min |worst price - liquidation price| / worst price` over the trades, in percent.

    The worst last price of a trade follows from its adverse excursion; the liquidation price is that of the
    entry. Trades that were liquidated are counted, not measured. 0 where the worst price was beyond it: the
    mark decides, and may stay behind the last price. NaN where no trade is left.
    """
    names = ("entry_price", "size", "mae_usdt", "liquidation_price")
    entry, size, mae, liquidation = (trades[name].to_numpy(dtype=np.float64) for name in names)
    side = np.where((trades["direction"] == "long").to_numpy(dtype=bool), 1.0, -1.0)
    worst = entry + side * mae / size
    distance = np.maximum(side * (worst - liquidation), 0.0) / worst
    survived = (trades["exit_reason"] != "liquidation").to_numpy(dtype=bool)
    known = distance[np.isfinite(distance) & (liquidation > 0) & survived]
    return float(known.min()) * 100 if len(known) else math.nan


@compiled
def _leverage(
    equity: NDArray[np.float64],
    close: NDArray[np.float64],
    position_size: NDArray[np.float64],
    used_margin: NDArray[np.float64],
) -> tuple[float, int, float, float]:
    """Return the sum of the leverages, how many there are, the highest, and the highest use of margin."""
    total, held, peak, margin = 0.0, 0, 0.0, 0.0
    for bar in range(equity.size):
        if equity[bar] > 0.0 and position_size[bar] != 0.0:
            leverage = abs(position_size[bar]) * close[bar] / equity[bar]
            total, held, peak = total + leverage, held + 1, max(peak, leverage)
            if used_margin[bar] > margin * equity[bar]:
                margin = used_margin[bar] / equity[bar]
    return total, held, peak, margin


def time_in_market_pct(bars_held: int, bars: int) -> float:
    """Return `bars held / bars`, at most 1, in percent; NaN without bars."""
    return min(bars_held / bars, 1.0) * 100 if bars else math.nan
