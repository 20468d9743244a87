"""Regimes by hand: which days count where, and which part of the profit the best of them brought."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.metrics.regimes import RegimeResult, day_regimes, largest_share_of_profit, regime_results

# Forty days that rise by 1 % and fall by 0.5 % in turn, then forty the other way with five times as much.
UP = np.tile([0.01, -0.005], 20)
DOWN = np.tile([-0.05, 0.025], 20)
CLOSE = 100.0 * np.exp(np.cumsum(np.concatenate(([0.0], UP, DOWN))))


def test_the_days_before_decide_and_the_first_ones_count_nowhere() -> None:
    trend, volatility = day_regimes(CLOSE)
    assert len(trend) == len(volatility) == 81
    # 30 returns end with the close of day 30; day 31 is the first that has them all before it
    assert (trend[:31] == -1).all()
    assert (volatility[:31] == -1).all()
    # day 41 is the first that fell by much, and what came before it rose calmly
    assert (trend[41], volatility[41]) == (2, 0)
    # by day 80 the last 30 returns are those of the fall
    assert (trend[80], volatility[80]) == (0, 1)
    # a spread of 0.0076 a day is 0.0208 over half of 30 days' root: +0.075 is a trend, +0.0 would be none
    flat = 100.0 * np.exp(np.cumsum(np.tile([0.01, -0.01], 40)))
    assert set(day_regimes(flat)[0][31:].tolist()) == {1}


def test_later_days_do_not_change_the_trend_of_earlier_ones() -> None:
    np.testing.assert_array_equal(day_regimes(CLOSE)[0][:60], day_regimes(CLOSE[:60])[0])


def test_profit_falls_to_the_regime_of_its_day() -> None:
    equity = np.full(81, 1_000.0)
    equity[35:] += 40.0  # rising and calm
    equity[80:] -= 10.0  # falling and volatile
    found = {
        (each.kind, each.regime): each for each in regime_results(CLOSE, equity, starting_equity_usdt=1_000.0)
    }
    assert found["trend", "up"].net_pnl_usdt == pytest.approx(40.0)
    assert found["trend", "down"].net_pnl_usdt == pytest.approx(-10.0)
    assert found["volatility", "calm"].net_pnl_usdt == pytest.approx(40.0)
    assert sum(each.days for each in found.values() if each.kind == "trend") == 81 - 31
    assert largest_share_of_profit(list(found.values())) == pytest.approx(40 / 30)


def test_a_run_that_ended_early_and_one_too_short() -> None:
    ended = regime_results(CLOSE, np.full(50, 1_000.0), starting_equity_usdt=1_000.0)
    assert sum(each.days for each in ended if each.kind == "volatility") == 50 - 31
    short = regime_results(CLOSE[:20], np.full(20, 2_000.0), starting_equity_usdt=1_000.0)
    assert {each.days for each in short} == {0}
    assert math.isnan(largest_share_of_profit(short))


def test_the_largest_share_is_that_of_the_worse_kind() -> None:
    results = [
        RegimeResult("trend", "up", 10, 60.0),
        RegimeResult("trend", "down", 10, 40.0),
        RegimeResult("volatility", "calm", 10, 90.0),
        RegimeResult("volatility", "volatile", 10, 10.0),
    ]
    assert largest_share_of_profit(results) == pytest.approx(0.9)
    assert math.isnan(largest_share_of_profit([RegimeResult("trend", "up", 10, -1.0)]))
