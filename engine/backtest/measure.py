"""The metrics of a result, so that nobody has to take it apart to ask for them."""

from __future__ import annotations

from engine.backtest.result import BacktestResult
from engine.metrics.compute import Metrics, compute_metrics


def measure(result: BacktestResult) -> Metrics:
    """Return every metric of a run; see `engine.metrics.compute`."""
    return compute_metrics(
        result.equity,
        result.trades,
        result.fills,
        result.funding,
        starting_equity_usdt=result.starting_equity_usdt,
        bars_per_year=result.exec_timeframe.bars_per_year(),
        counters=result.counters,
    )
