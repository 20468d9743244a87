"""The metrics of a result, so that nobody has to take it apart to ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.detail_report import simulated
from engine.backtest.prepare import PreparedFrame
from engine.compiled import compiled
from engine.metrics.basic import BasicMetrics, basic_metrics
from engine.sim.records import Floats, Records
from engine.sim.simulate import Room, SimulationOutput
from engine.sim.state import FillReason

if TYPE_CHECKING:
    from engine.backtest.result import BacktestResult
    from engine.metrics.compute import Metrics


def measure(result: BacktestResult) -> Metrics:
    """Return every metric of a run; see `engine.metrics.compute`."""
    # frames and what computes on them are a second of imports, which `evaluate` does without
    from engine.metrics.compute import compute_metrics

    return compute_metrics(
        result.equity,
        result.trades,
        result.fills,
        result.funding,
        starting_equity_usdt=result.starting_equity_usdt,
        bars_per_year=result.exec_timeframe.bars_per_year(),
        counters=result.counters,
    )


def evaluate(prepared: PreparedFrame, *, room: Room | None = None) -> BasicMetrics:
    """Run a prepared card and return its basic metrics, without making frames on the way.

    Parameters
    ----------
    prepared : PreparedFrame
    room : Room, optional
        For who evaluates many cards one after another.

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    """
    return basic_metrics_of(prepared, simulated(prepared, book=False, room=room))


def basic_metrics_of(prepared: PreparedFrame, output: SimulationOutput) -> BasicMetrics:
    """Return the basic metrics of what a prepared run has left behind."""
    bars, trades = prepared.bars, output.trades
    net_pnl = np.empty(len(trades))
    held, liquidations, ambiguous = _tally(trades, int(FillReason.LIQUIDATION), net_pnl)
    return basic_metrics(
        bars.ts_open[: output.bars],
        output.equity,
        bar_ms=bars.bar_ms,
        bars_per_year=prepared.plan.card.timeframes.exec.bars_per_year(),
        starting_equity_usdt=float(prepared.plan.card.account.starting_equity_usdt),
        trade_net_pnl=net_pnl,
        bars_held=int(held),
        fees_usdt=float(output.fills.fee.sum()),
        funding_usdt=float(output.payments.amount.sum()),
        liquidations=int(liquidations),
        ambiguous_trades=int(ambiguous),
    )


@compiled
def _tally(trades: Records, liquidation: int, net_pnl: Floats) -> tuple[int, int, int]:
    """Write each trade's net PnL; return the bars held, the liquidations and the ambiguous trades.

    Once over the records: they are long, and a column of them at a time is six times as many cache misses.
    """
    held, liquidations, ambiguous = 0, 0, 0
    for index in range(len(trades)):
        trade = trades[index]
        net_pnl[index] = trade.gross_pnl - trade.fees + trade.funding
        held += trade.bars_held
        liquidations += trade.reason == liquidation
        ambiguous += trade.ambiguous
    return held, liquidations, ambiguous
