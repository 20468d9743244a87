"""All metrics of a run, from its frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from engine.errors import CorruptData
from engine.metrics.benchmark import BenchmarkMetrics, benchmark_metrics
from engine.metrics.certainty import CertaintyMetrics, certainty_metrics
from engine.metrics.costs import CostMetrics, cost_metrics
from engine.metrics.distribution import DistributionMetrics, distribution_metrics
from engine.metrics.drawdown import DrawdownMetrics, drawdown_metrics
from engine.metrics.exposure import ExposureMetrics, exposure_metrics, nearest_liquidation_pct
from engine.metrics.returns import (
    DAYS_PER_YEAR,
    ReturnMetrics,
    daily_returns,
    periods_per_year,
    return_metrics,
)
from engine.metrics.trades import TradeMetrics, trade_metrics
from engine.timeframes import DAY_MS

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = (
    ReturnMetrics,
    DistributionMetrics,
    BenchmarkMetrics,
    DrawdownMetrics,
    TradeMetrics,
    CostMetrics,
    ExposureMetrics,
    CertaintyMetrics,
)


class RunCounts(Protocol):
    """What the simulator counted and the frames do not show (`RunCounters` of a backtest is one)."""

    @property
    def filled_bars(self) -> int:
        """Bars that were filled by healing."""

    @property
    def rejected_orders(self) -> Mapping[str, int]:
        """Refused orders by reason."""

    @property
    def capped_entries(self) -> int:
        """Entries cut down to what the balance or the card's cap allows."""


@dataclass(frozen=True, kw_only=True)
class Metrics(
    ReturnMetrics,
    DistributionMetrics,
    BenchmarkMetrics,
    DrawdownMetrics,
    TradeMetrics,
    CostMetrics,
    ExposureMetrics,
    CertaintyMetrics,
):
    """Every metric of a run, flat: the fields of all families, and two counts by name.

    A number that is not defined (a ratio without a divisor, an average of nothing) is NaN; none is ever
    infinite. What each means is in `engine.metrics.catalogue`.
    """

    exit_reasons: Mapping[str, int]
    rejection_reasons: Mapping[str, int]

    def to_plain(self) -> dict[str, Any]:
        """Return plain data that JSON can hold, in the order of the catalogue: NaN becomes None."""
        ordered = [field.name for family in FAMILIES for field in fields(family)]
        values = {name: getattr(self, name) for name in ordered}
        plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
        return plain | {
            "exit_reasons": dict(sorted(self.exit_reasons.items())),
            "rejection_reasons": dict(sorted(self.rejection_reasons.items())),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the metrics of a plain form; None becomes NaN.

        Raises
        ------
        CorruptData
            If a metric is missing or one is there that does not exist.
        """
        known = {field.name for field in fields(cls)}
        if plain.keys() != known:
            raise CorruptData(
                f"these are not the metrics of this version: {sorted(plain.keys() ^ known)} do not match",
                way_out="compute the metrics again (materialize the metrics asset)",
            )
        values: dict[str, Any] = {name: math.nan if given is None else given for name, given in plain.items()}
        return cls(**values)


def compute_metrics(
    equity: pd.DataFrame,
    trades: pd.DataFrame,
    fills: pd.DataFrame,
    funding: pd.DataFrame,
    *,
    starting_equity_usdt: float,
    bars_per_year: float,
    counters: RunCounts,
) -> Metrics:
    """Return every metric of a run. Pure, and defined for any run: see `Metrics` on NaN.

    Parameters
    ----------
    equity : DataFrame
        One row per exec bar: ts_close int64 (UTC ms, ascending), equity_usdt, close, position_size (signed,
        base coin), used_margin_usdt float64.
    trades, fills, funding : DataFrame
        As a backtest gives them; each may be empty.
    starting_equity_usdt : float
        Equity before the first bar.
    bars_per_year : float
        `Timeframe.bars_per_year()` of the exec timeframe: the market never closes.
    counters : RunCounts
        What only the simulator can count.
    """
    ts_close = equity["ts_close"].to_numpy(dtype=np.int64)
    curve, close, position_size, used_margin = (
        equity[name].to_numpy(dtype=np.float64)
        for name in ("equity_usdt", "close", "position_size", "used_margin_usdt")
    )
    reasons = trades["exit_reason"].value_counts()
    exit_reasons = {str(reason): int(count) for reason, count in reasons.items()}

    with np.errstate(over="ignore", invalid="ignore"):  # a recovery from dust may overflow: NaN below
        by_day = daily_returns(ts_close, curve, starting_equity_usdt=starting_equity_usdt)
        returns = return_metrics(
            by_day, curve, starting_equity_usdt=starting_equity_usdt, bars_per_year=bars_per_year
        )
        distribution = distribution_metrics(by_day)
        benchmark = benchmark_metrics(
            close,
            by_day,
            daily_returns(ts_close, close, starting_equity_usdt=float(close[0]) if len(close) else 1.0),
            net_return_pct=returns.net_return_pct,
            periods_per_year=periods_per_year(bars_per_year),
        )
    drawdown = drawdown_metrics(
        curve,
        starting_equity_usdt=starting_equity_usdt,
        bar_ms=DAYS_PER_YEAR * DAY_MS / bars_per_year,
        cagr_pct=returns.cagr_pct,
    )
    exposure = exposure_metrics(
        curve,
        close,
        position_size,
        used_margin,
        bars_held=int(trades["bars_held"].sum()),
        nearest_liquidation_pct=nearest_liquidation_pct(trades),
        liquidations=exit_reasons.get("liquidation", 0),
    )
    certainty = certainty_metrics(
        bars=len(curve),
        filled_bars=counters.filled_bars,
        trades=len(trades),
        ambiguous_trades=int(trades["ambiguous"].to_numpy(dtype=bool).sum()),
        rejected_orders=sum(counters.rejected_orders.values()),
        capped_entries=counters.capped_entries,
    )
    families = (
        returns,
        distribution,
        benchmark,
        drawdown,
        trade_metrics(trades),
        cost_metrics(fills, funding),
        exposure,
        certainty,
    )
    numbers: dict[str, Any] = {
        name: math.nan if math.isinf(value) else value
        for family in families
        for name, value in vars(family).items()
    }
    return Metrics(**numbers, exit_reasons=exit_reasons, rejection_reasons=dict(counters.rejected_orders))
