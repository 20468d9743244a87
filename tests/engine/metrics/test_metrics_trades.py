import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_frames import metrics_of, trades_frame

SIX = trades_frame(
    [100.0, 50.0, -30.0, 0.0, -45.0, 20.0],
    direction=["long", "short", "long", "short", "long", "short"],
    gross_pnl_usdt=[110.0, 60.0, -20.0, 10.0, -35.0, 30.0],
    mae_usdt=[-5.0, -10.0, -40.0, -15.0, -50.0, 0.0],
    mfe_usdt=[120.0, 70.0, 10.0, 20.0, 0.0, 20.0],
    r_multiple=[2.0, 1.0, -1.0, np.nan, -1.0, 0.5],
    bars_held=[10, 4, 1, 1, 2, 6],
    exit_reason=["take_profit", "signal", "stop_loss", "max_bars", "stop_loss", "end_of_data"],
)


def test_six_trades_by_hand():
    metrics = metrics_of(trades=SIX)
    assert (metrics.trades, metrics.long_trades, metrics.short_trades) == (6, 3, 3)
    assert metrics.win_rate_pct == pytest.approx(50.0)  # a trade of zero is no win
    assert metrics.long_win_rate_pct == pytest.approx(100 / 3)
    assert metrics.short_win_rate_pct == pytest.approx(200 / 3)
    assert (metrics.long_net_pnl_usdt, metrics.short_net_pnl_usdt) == (25.0, 70.0)
    assert metrics.gross_pnl_usdt == 155.0
    assert metrics.profit_factor == pytest.approx(170 / 75)
    assert metrics.payoff_ratio == pytest.approx((170 / 3) / 37.5)
    assert metrics.expectancy_usdt == pytest.approx(95 / 6)
    assert metrics.expectancy_r == pytest.approx(1.5 / 5)
    assert metrics.average_win_usdt == pytest.approx(170 / 3)
    assert metrics.average_loss_usdt == -37.5
    assert (metrics.best_trade_usdt, metrics.worst_trade_usdt) == (100.0, -45.0)
    assert metrics.average_mae_usdt == -20.0
    assert metrics.average_mfe_usdt == 40.0
    assert (metrics.average_bars_held, metrics.median_bars_held) == (4.0, 3.0)
    assert (metrics.longest_winning_streak, metrics.longest_losing_streak) == (2, 1)


def test_exit_reasons_are_counted_by_name():
    metrics = metrics_of(trades=SIX)
    assert metrics.exit_reasons == {
        "end_of_data": 1, "max_bars": 1, "signal": 1, "stop_loss": 2, "take_profit": 1,
    }  # fmt: skip


def test_no_trades_leave_counts_at_zero_and_averages_undefined():
    metrics = metrics_of([10_000.0] * 3)
    assert (metrics.trades, metrics.gross_pnl_usdt, metrics.longest_losing_streak) == (0, 0.0, 0)
    for name in ("win_rate_pct", "profit_factor", "payoff_ratio", "expectancy_usdt", "best_trade_usdt",
                 "average_bars_held", "median_bars_held", "ambiguous_share_pct"):  # fmt: skip
        assert math.isnan(getattr(metrics, name)), name
    assert metrics.exit_reasons == {}


def test_one_winning_trade_has_no_profit_factor_rather_than_a_large_one():
    metrics = metrics_of(trades=trades_frame([5.0]))
    assert math.isnan(metrics.profit_factor)
    assert math.isnan(metrics.payoff_ratio)
    assert metrics.win_rate_pct == 100.0


def test_only_losses_have_a_profit_factor_of_zero():
    assert metrics_of(trades=trades_frame([-5.0, -1.0])).profit_factor == 0.0


def test_shares_of_ambiguous_trades_and_liquidations():
    trades = trades_frame(
        [1.0, -2.0, -3.0, 4.0],
        ambiguous=[False, True, False, False],
        exit_reason=["signal", "stop_loss", "liquidation", "signal"],
    )
    metrics = metrics_of(trades=trades)
    assert (metrics.ambiguous_trades, metrics.ambiguous_share_pct) == (1, 25.0)
    assert metrics.liquidations == 1


@given(st.lists(st.floats(-1e6, 1e6).map(lambda pnl: round(pnl, 2)), min_size=1, max_size=40))
def test_sums_of_the_split_agree_with_the_whole(pnls):
    directions = ["long" if index % 3 else "short" for index in range(len(pnls))]
    metrics = metrics_of(trades=trades_frame(pnls, direction=directions))
    assert metrics.long_net_pnl_usdt + metrics.short_net_pnl_usdt == pytest.approx(sum(pnls), abs=1e-6)
    assert metrics.long_trades + metrics.short_trades == metrics.trades
    assert metrics.expectancy_usdt * metrics.trades == pytest.approx(sum(pnls), abs=1e-6)


def test_system_quality_and_kelly_by_hand() -> None:
    # wins of 20 and losses of 10, half of each: mean 5, standard deviation 15 * sqrt(4 / 3), payoff ratio 2
    metrics = metrics_of(trades=trades_frame([20.0, -10.0, 20.0, -10.0]))
    assert metrics.sqn == pytest.approx(5 / (15 * math.sqrt(4 / 3)) * 2)
    assert metrics.kelly_pct == pytest.approx((0.5 - 0.5 / 2) * 100)


def test_holding_times_of_won_and_lost_trades() -> None:
    metrics = metrics_of(trades=trades_frame([1.0, -1.0, 2.0, 0.0], bars_held=[2, 10, 4, 30]))
    assert (metrics.average_bars_won, metrics.average_bars_lost, metrics.most_bars_held) == (3.0, 10.0, 30.0)


def test_largest_excursions_and_the_nearest_liquidation() -> None:
    trades = trades_frame(
        [1.0, -1.0, -5.0],
        direction=["long", "short", "long"],
        mae_usdt=[-20.0, -8.0, -50.0],
        mfe_usdt=[5.0, 9.0, 0.0],
        size=[2.0, 1.0, 1.0],
        liquidation_price=[81.0, 120.0, 50.0],
        exit_reason=["signal", "signal", "liquidation"],
    )
    metrics = metrics_of(trades=trades)
    assert (metrics.largest_adverse_excursion_usdt, metrics.largest_favourable_excursion_usdt) == (-50.0, 9.0)
    # the long trade fell to 90 and would have been liquidated at 81; the short one rose to 108, and 120
    assert metrics.nearest_liquidation_pct == pytest.approx(9 / 90 * 100)
    assert math.isnan(metrics_of(trades=trades_frame([])).nearest_liquidation_pct)
