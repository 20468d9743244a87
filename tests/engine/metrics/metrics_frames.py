"""Frames of a run, built from a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from engine.metrics.compute import Metrics, compute_metrics
from engine.timeframes import Timeframe, parse_utc

START = parse_utc("2024-01-01")


@dataclass(frozen=True)
class Counts:
    """The counters of a run."""

    filled_bars: int = 0
    rejected_orders: Mapping[str, int] = field(default_factory=dict)
    capped_entries: int = 0


def equity_frame(
    equity: Sequence[float],
    timeframe: Timeframe,
    *,
    close: Sequence[float] | None = None,
    position_size: Sequence[float] | None = None,
    used_margin: Sequence[float] | None = None,
    start: int = START,
) -> pd.DataFrame:
    bars = len(equity)
    flat = np.zeros(bars)
    return pd.DataFrame(
        {
            "ts_close": start + timeframe.ms * (1 + np.arange(bars, dtype=np.int64)),
            "equity_usdt": np.asarray(equity, dtype=np.float64),
            "close": np.full(bars, 100.0) if close is None else np.asarray(close, dtype=np.float64),
            "position_size": flat if position_size is None else np.asarray(position_size, dtype=np.float64),
            "used_margin_usdt": flat if used_margin is None else np.asarray(used_margin, dtype=np.float64),
        }
    )


def trades_frame(net_pnl: Sequence[float], **columns: Sequence[object]) -> pd.DataFrame:
    count = len(net_pnl)
    defaults: dict[str, object] = {
        "direction": ["long"] * count,
        "net_pnl_usdt": np.asarray(net_pnl, dtype=np.float64),
        "gross_pnl_usdt": np.asarray(net_pnl, dtype=np.float64),
        "entry_price": np.full(count, 100.0),
        "size": np.ones(count),
        "liquidation_price": np.full(count, 50.0),
        "mae_usdt": np.zeros(count),
        "mfe_usdt": np.zeros(count),
        "r_multiple": np.full(count, np.nan),
        "bars_held": np.ones(count, dtype=np.int64),
        "exit_reason": ["signal"] * count,
        "ambiguous": np.zeros(count, dtype=bool),
    }
    return pd.DataFrame(defaults | columns)


def fills_frame(rows: Sequence[tuple[float, float, float, float, str]] = ()) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["price", "size", "fee_usdt", "slippage_usdt", "liquidity"])


def funding_frame(amounts: Sequence[float] = ()) -> pd.DataFrame:
    return pd.DataFrame({"amount_usdt": np.asarray(amounts, dtype=np.float64)})


def metrics_of(
    equity: Sequence[float] | pd.DataFrame = (),
    trades: pd.DataFrame | None = None,
    fills: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    *,
    start_usdt: float = 10_000.0,
    timeframe: Timeframe = Timeframe.D1,
    counters: Counts | None = None,
) -> Metrics:
    """Compute the metrics of a run of which only the parts that matter are given."""
    frame = equity if isinstance(equity, pd.DataFrame) else equity_frame(equity, timeframe)
    return compute_metrics(
        frame,
        trades_frame([]) if trades is None else trades,
        fills_frame() if fills is None else fills,
        funding_frame() if funding is None else funding,
        starting_equity_usdt=start_usdt,
        bars_per_year=timeframe.bars_per_year(),
        counters=counters or Counts(),
    )
