"""The few figures a sweep compares its sets by, from what is added up while a card runs.

Each is defined as the metric of the same name in `engine.metrics.compute`, and has its value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.exposure import time_in_market_pct
from engine.metrics.returns import cagr_pct, periods_per_year, returns_between, sharpe, sortino
from engine.metrics.trades import profit_factor, win_rate_pct


@dataclass(frozen=True, kw_only=True)
class BasicMetrics:
    """What a run earned, risked and paid. NaN where a figure is not defined."""

    net_return_pct: float
    cagr_pct: float
    max_drawdown_pct: float
    sharpe: float
    sortino: float
    trades: int
    win_rate_pct: float
    profit_factor: float
    fees_usdt: float
    funding_usdt: float
    time_in_market_pct: float
    liquidations: int
    ambiguous_trades: int


def basic_metrics(
    day_equity: NDArray[np.float64],
    *,
    bars: int,
    bars_per_year: float,
    starting_equity_usdt: float,
    deepest_drawdown: float,
    trade_net_pnl: NDArray[np.float64],
    bars_held: int,
    fees_usdt: float,
    funding_usdt: float,
    liquidations: int,
    ambiguous_trades: int,
) -> BasicMetrics:
    """Return the figures of a run.

    Parameters
    ----------
    day_equity : float64 array of shape (days,)
        Equity in USDT at the last bar of each day; see `last_bars_of_days`.
    bars : int
        Bars of the run.
    bars_per_year : float
        `Timeframe.bars_per_year()` of the run.
    starting_equity_usdt : float
        Equity before the first bar, above zero.
    deepest_drawdown : float
        Largest fall as a fraction of the peak before it, over the equity of every bar.
    trade_net_pnl : float64 array of shape (trades,)
        Net PnL of each closed trade, USDT.
    bars_held : int
        Sum over the trades.
    fees_usdt, funding_usdt : float
        Sums over fills and funding payments; funding is above zero where it was received.
    liquidations, ambiguous_trades : int
    """
    final = float(day_equity[-1]) if len(day_equity) else starting_equity_usdt
    periods = periods_per_year(bars_per_year)
    returns = returns_between(day_equity, starting_equity_usdt=starting_equity_usdt)
    return BasicMetrics(
        net_return_pct=(final / starting_equity_usdt - 1) * 100,
        cagr_pct=cagr_pct(starting_equity_usdt, final, years=bars / bars_per_year),
        max_drawdown_pct=deepest_drawdown * 100,
        sharpe=sharpe(returns, periods),
        sortino=sortino(returns, periods),
        trades=len(trade_net_pnl),
        win_rate_pct=win_rate_pct(trade_net_pnl),
        profit_factor=profit_factor(trade_net_pnl),
        fees_usdt=fees_usdt,
        funding_usdt=funding_usdt,
        time_in_market_pct=time_in_market_pct(bars_held, bars),
        liquidations=liquidations,
        ambiguous_trades=ambiguous_trades,
    )
