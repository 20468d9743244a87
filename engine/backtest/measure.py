"""The metrics of a result, so that nobody has to take it apart to ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.detail_report import simulated
from engine.backtest.prepare import PreparedFrame
from engine.metrics.basic import BasicMetrics, basic_metrics
from engine.metrics.returns import last_bars_of_days
from engine.sim.side_by_side import SIDE_BY_SIDE, AccountRun, AccountTerms, simulate_side_by_side
from engine.sim.simulate import SimulationOutput
from engine.sim.summary import deepest_drawdown, new_summaries, summarise_trades

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


def evaluate(prepared: PreparedFrame) -> BasicMetrics:
    """Run a prepared card and return its basic metrics, without making frames on the way.

    Parameters
    ----------
    prepared : PreparedFrame

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    """
    [metrics] = evaluate_all([prepared])
    return metrics


def evaluate_all(prepared: Sequence[PreparedFrame]) -> list[BasicMetrics]:
    """Return the basic metrics of each prepared card, as `evaluate` does, in their order.

    Parameters
    ----------
    prepared : sequence of PreparedFrame

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    """
    runs = account_runs(prepared)
    return [basic_metrics_of(each, run) for each, run in zip(prepared, runs, strict=True)]


def account_runs(prepared: Sequence[PreparedFrame]) -> list[AccountRun]:
    """Run prepared cards and return what each came to, added up, in their order.

    Those that run over the same bars run side by side, which is quicker than one after another.

    Parameters
    ----------
    prepared : sequence of PreparedFrame

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    """
    found: dict[int, AccountRun] = {}
    beside: dict[tuple[int, int, int], list[int]] = {}
    for number, each in enumerate(prepared):
        if each.runs_on_plain_bars:
            market = id(each.bars), id(each.funding), id(each.history)
            beside.setdefault(market, []).append(number)
        else:
            found[number] = _added_up(each, simulated(each, book=False))
    for numbers in beside.values():
        for together in batched(numbers, SIDE_BY_SIDE):
            runs = _run_together([prepared[number] for number in together])
            found.update(zip(together, runs, strict=True))
    return [found[number] for number in range(len(prepared))]


def basic_metrics_of(prepared: PreparedFrame, run: AccountRun) -> BasicMetrics:
    """Return the basic metrics of what a prepared run came to."""
    return basic_metrics(
        run.day_equity,
        bars=run.bars,
        bars_per_year=prepared.plan.card.timeframes.exec.bars_per_year(),
        starting_equity_usdt=prepared.starting_equity_usdt,
        deepest_drawdown=run.deepest_drawdown,
        trade_net_pnl=run.trade_net_pnl,
        bars_held=run.bars_held,
        fees_usdt=float(run.fill_fees.sum()),
        funding_usdt=float(run.payments.sum()),
        liquidations=run.liquidations,
        ambiguous_trades=run.ambiguous_trades,
    )


def _added_up(prepared: PreparedFrame, output: SimulationOutput) -> AccountRun:
    """Return what the records and the equity of a run come to."""
    day_ends = last_bars_of_days(prepared.bars.ts_open[: output.bars], prepared.bars.bar_ms)
    net_pnl = np.empty(len(output.trades))
    summaries = new_summaries(1, prepared.starting_equity_usdt)
    summarise_trades(summaries, output.trades, net_pnl)
    summary = summaries[0]
    return AccountRun(
        bars=output.bars,
        day_equity=output.equity[day_ends],
        deepest_drawdown=deepest_drawdown(output.equity, prepared.starting_equity_usdt),
        trade_net_pnl=net_pnl,
        fill_fees=output.fills.fee,
        payments=output.payments.amount,
        bars_held=int(summary.bars_held),
        liquidations=int(summary.liquidations),
        ambiguous_trades=int(summary.ambiguous_trades),
    )


def _run_together(prepared: Sequence[PreparedFrame]) -> list[AccountRun]:
    """Run cards over the bars they share."""
    first = prepared[0]
    day_ends = last_bars_of_days(first.bars.ts_open, first.bars.bar_ms)
    terms = [AccountTerms(each.signals, each.contract, each.starting_equity_usdt) for each in prepared]
    return simulate_side_by_side(first.bars, first.funding, first.tiers, day_ends, terms)
