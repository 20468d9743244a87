import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_frames import metrics_of

from engine.metrics.drawdown import drawdown_pct
from engine.timeframes import Timeframe


def test_deepest_share_and_largest_sum_may_be_different_falls():
    # The equity 10, 1, 1000, 900: falls by 0.90 at first and by 100 USDT at last
    metrics = metrics_of([1.0, 1_000.0, 900.0], start_usdt=10.0)
    assert metrics.max_drawdown_pct == pytest.approx(90.0)
    assert metrics.max_drawdown_usdt == 100.0
    assert metrics.average_drawdown_pct == pytest.approx((90.0 + 0.0 + 10.0) / 3)


def test_a_loss_from_the_first_bar_is_a_drawdown_from_the_starting_equity():
    assert metrics_of([9_000.0, 9_500.0]).max_drawdown_pct == pytest.approx(10.0)


def test_longest_drawdown_is_counted_from_the_peak_to_its_recovery():
    # peak at bar 1, reached again at bar 4: three bars; the fall at bar 6 is over at bar 7
    metrics = metrics_of([110, 100, 105, 110, 120, 115, 121], start_usdt=100.0, timeframe=Timeframe.H12)
    assert metrics.longest_drawdown_bars == 3
    assert metrics.longest_drawdown_days == pytest.approx(1.5)


def test_a_drawdown_that_has_not_ended_counts_to_the_last_bar():
    assert metrics_of([110, 100, 111, 109, 108, 107], start_usdt=100.0).longest_drawdown_bars == 3
    assert metrics_of([99.0], start_usdt=100.0).longest_drawdown_bars == 1


@pytest.mark.parametrize("curve", [[100.0] * 5, [101.0, 102.0, 103.0], []])
def test_a_curve_that_never_falls_has_no_drawdown(curve):
    metrics = metrics_of(curve, start_usdt=100.0)
    assert (metrics.max_drawdown_pct, metrics.max_drawdown_usdt) == (0.0, 0.0)
    assert (metrics.longest_drawdown_bars, metrics.average_drawdown_pct) == (0, 0.0)
    assert math.isnan(metrics.calmar)


def test_calmar_is_cagr_over_max_drawdown():
    curve = np.concatenate((np.linspace(10_000, 8_000, 730), np.linspace(8_000, 12_100, 731)))
    metrics = metrics_of(curve, timeframe=Timeframe.H12)
    assert metrics.calmar == pytest.approx(10.0 / 20.0)


def test_an_account_below_zero_has_lost_more_than_everything():
    assert metrics_of([50.0, -10.0], start_usdt=100.0).max_drawdown_pct == pytest.approx(110.0)


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60))
def test_drawdown_agrees_with_pandas_and_its_length_with_a_plain_loop(points):
    metrics = metrics_of(points[1:], start_usdt=points[0])
    series = pd.Series(points)
    assert metrics.max_drawdown_pct == pytest.approx((1 - series / series.cummax()).max() * 100)
    assert metrics.max_drawdown_usdt == pytest.approx((series.cummax() - series).max())

    longest = current = 0
    peak = points[0]
    for value in points[1:]:
        if value >= peak:
            longest = max(longest, current + 1 if current else 0)
            peak, current = value, 0
        else:
            current += 1
    assert metrics.longest_drawdown_bars == max(longest, current)


def test_the_underwater_curve_starts_from_the_starting_equity():
    below = drawdown_pct(np.array([90.0, 120.0, 60.0]), starting_equity_usdt=100.0)
    assert below.tolist() == pytest.approx([10.0, 0.0, 50.0])


def test_ulcer_index_time_under_water_and_recovery_by_hand() -> None:
    # 10 % and 20 % below the peak of 100, then a new peak, then the end at 120
    metrics = metrics_of([90.0, 80.0, 110.0, 120.0], start_usdt=100.0)
    assert metrics.ulcer_index_pct == pytest.approx(math.sqrt((0.01 + 0.04) / 4) * 100)
    assert metrics.underwater_pct == 50.0
    assert metrics.recovery_factor == pytest.approx(20 / 20)
    assert metrics.martin == pytest.approx(metrics.cagr_pct / metrics.ulcer_index_pct)
    assert (metrics.lowest_equity_usdt, metrics.highest_equity_usdt) == (80.0, 120.0)


def test_without_a_fall_there_is_nothing_to_recover_from() -> None:
    metrics = metrics_of([101.0, 102.0], start_usdt=100.0)
    assert (metrics.ulcer_index_pct, metrics.underwater_pct) == (0.0, 0.0)
    assert math.isnan(metrics.recovery_factor)
    assert math.isnan(metrics.martin)
