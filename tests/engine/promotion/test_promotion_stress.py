"""Stress: each scenario against the same change made by hand in the card or the market."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evidence_case import CARD, history, space

from engine.backtest.measure import account_runs, evaluate
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.promotion.stress import STRESSES, StressReport, stress
from engine.sim.market import FundingEvents
from engine.strategies.card_plan import plan_card


def prepared(text: str = CARD, **changes: str) -> PreparedFrame:
    for old, new in changes.items():
        text = text.replace(old, new)
    return prepare_history(plan_card(space(text).card), history())


def stressed(base: PreparedFrame) -> StressReport:
    [run] = account_runs([base])
    return stress(base, run)


def of_card(old: str, new: str) -> float:
    assert old in CARD
    return evaluate(prepared(CARD.replace(old, new))).net_return_pct


def test_costs_are_those_of_a_card_that_says_so() -> None:
    report = stressed(prepared())
    assert report.base == evaluate(prepared())
    fees = "{taker_bps: 5.5, maker_bps: 2.0}"
    found = {name: metrics.net_return_pct for name, metrics in report.scenarios.items()}
    assert found["fees_1.5x"] == of_card(fees, "{taker_bps: 8.25, maker_bps: 3.0}")
    assert found["fees_2x"] == of_card(fees, "{taker_bps: 11.0, maker_bps: 4.0}")
    assert found["slippage_2x"] == of_card("slippage_bps: 2.0", "slippage_bps: 4.0")
    assert found["costs_2x"] < min(found["fees_2x"], found["slippage_2x"]) < report.base.net_return_pct


def test_funding_is_doubled_in_both_directions() -> None:
    base = prepared()
    report = stressed(base)
    known = base.funding
    doubled = replace(base, funding=FundingEvents(known.ts, known.rate * 2, known.mark_price))
    assert report.scenarios["funding_2x"] == evaluate(doubled)
    assert report.scenarios["funding_2x"].funding_usdt != report.base.funding_usdt


def test_one_bar_late_is_one_bar_late() -> None:
    base = prepared()
    late = stressed(base).scenarios["one_bar_late"]
    assert late.trades == base.signals.bits[:-2].astype(bool).sum()
    assert late.net_return_pct != stressed(base).base.net_return_pct


def test_every_scenario_is_reported_by_its_name() -> None:
    report = stressed(prepared())
    assert list(report.scenarios) == [each.name for each in STRESSES]
    assert len(set(report.scenarios)) == 7


def test_without_the_best_trades_and_months() -> None:
    base = prepared()
    report = stressed(base)
    [run] = account_runs([base])
    best_ten = np.sort(run.trade_net_pnl)[::-1][:10]
    assert (best_ten > 0).all()
    expected = (run.trade_net_pnl.sum() - best_ten.sum()) / 10_000 * 100
    assert report.without_best_trades_pct == pytest.approx(expected)
    assert report.without_best_month_pct < min(report.base.net_return_pct, report.without_worst_month_pct)
    # day 40 to day 70, for instance, is one of the months
    points = np.r_[10_000.0, run.day_equity]
    one = (points[-1] / points[0] / (points[70] / points[40]) - 1) * 100
    assert report.without_best_month_pct <= one <= report.without_worst_month_pct
