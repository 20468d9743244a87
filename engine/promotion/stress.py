"""Stress: the same run under worse conditions, and without what it owes most to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.backtest.measure import account_runs, basic_metrics_of
from engine.backtest.prepare import PreparedFrame
from engine.metrics.basic import BasicMetrics
from engine.sim.market import BarSignals, FundingEvents
from engine.sim.side_by_side import AccountRun

_DAYS_OF_A_MONTH = 30
_BEST_TRADES = 10


@dataclass(frozen=True)
class Stress:
    """One scenario: what it is called, what it does, and how it changes a run."""

    name: str
    says: str
    change: Callable[[PreparedFrame], PreparedFrame]


@dataclass(frozen=True, eq=False)
class StressReport:
    """A run under every scenario.

    Attributes
    ----------
    base : BasicMetrics
        The run as it is.
    scenarios : mapping of str to BasicMetrics
        By the name of the `Stress`.
    without_best_trades_pct : float
        Net return without the PnL of the ten best trades, in % of the starting equity.
    without_best_month_pct : float
        Net return without the thirty days in a row that brought the most.
    without_worst_month_pct : float
        Net return without the thirty days in a row that cost the most.
    """

    base: BasicMetrics
    scenarios: Mapping[str, BasicMetrics]
    without_best_trades_pct: float
    without_best_month_pct: float
    without_worst_month_pct: float


def costs_times(fees: float = 1.0, slippage: float = 1.0) -> Callable[[PreparedFrame], PreparedFrame]:
    """Return a change that multiplies fees (a rebate stays as it is) and slippage, impact included."""

    def change(prepared: PreparedFrame) -> PreparedFrame:
        contract = prepared.contract.copy()
        for name in ("taker_rate", "maker_rate"):
            contract[name] *= np.where(contract[name] > 0, fees, 1.0)
        for name in ("slippage_rate", "impact_rate"):
            contract[name] *= slippage
        return replace(prepared, contract=contract)

    return change


def delayed(prepared: PreparedFrame) -> PreparedFrame:
    """Act on every signal one bar late: the order looks at what is known then."""
    bits = np.zeros_like(prepared.signals.bits)
    bits[1:] = prepared.signals.bits[:-1]
    return replace(prepared, signals=BarSignals(bits, prepared.signals.features))


def funding_doubled(prepared: PreparedFrame) -> PreparedFrame:
    """Double every funding rate."""
    known = prepared.funding
    return replace(prepared, funding=FundingEvents(known.ts, 2.0 * known.rate, known.mark_price))


STRESSES: tuple[Stress, ...] = (
    Stress("fees_1.5x", "Fees are half as high again.", costs_times(fees=1.5)),
    Stress("fees_2x", "Fees are twice as high.", costs_times(fees=2.0)),
    Stress("slippage_1.5x", "Slippage is half as large again.", costs_times(slippage=1.5)),
    Stress("slippage_2x", "Slippage is twice as large.", costs_times(slippage=2.0)),
    Stress("costs_2x", "Fees and slippage are twice as high.", costs_times(2.0, 2.0)),
    Stress("one_bar_late", "Every signal is acted on one bar late.", delayed),
    Stress("funding_2x", "Funding rates are twice as high, in both directions.", funding_doubled),
)


def stress(prepared: PreparedFrame, run: AccountRun) -> StressReport:
    """Run a prepared card under every scenario of `STRESSES`, and compare with `run`, which is it as it is.

    Cards whose signals come from Python are run by their own driver, which asks for signals anew; for them
    `one_bar_late` changes nothing.
    """
    changed = [each.change(prepared) for each in STRESSES]
    runs = account_runs(changed)
    start = prepared.starting_equity_usdt
    best, worst = _extreme_months(start, run)
    return StressReport(
        base=basic_metrics_of(prepared, run),
        scenarios={
            each.name: basic_metrics_of(under_stress, its_run)
            for each, under_stress, its_run in zip(STRESSES, changed, runs, strict=True)
        },
        without_best_trades_pct=_without_best_trades(start, run),
        without_best_month_pct=best,
        without_worst_month_pct=worst,
    )


def _without_best_trades(start: float, run: AccountRun) -> float:
    best = np.sort(run.trade_net_pnl)[-_BEST_TRADES:]
    return float(run.trade_net_pnl.sum() - best[best > 0].sum()) / start * 100


def _extreme_months(start: float, run: AccountRun) -> tuple[float, float]:
    """Return the net return without the best and without the worst thirty days in a row, in percent."""
    points = np.concatenate(([start], run.day_equity))
    if (points <= 0).any():
        return -100.0, -100.0
    whole = points[-1] / points[0]
    reach = min(_DAYS_OF_A_MONTH, len(points) - 1)
    growth = points[reach:] / points[:-reach] if reach else np.ones(1)
    return float(whole / growth.max() - 1) * 100, float(whole / growth.min() - 1) * 100
