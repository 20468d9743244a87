import math

import numpy as np
import pandas as pd
import pytest
from metrics_frames import START, equity_frame, metrics_of

from engine.timeframes import DAY_MS, HOUR_MS, Timeframe


def test_cagr_of_10000_to_12100_over_two_years_is_10_percent():
    # 730.5 days are two years of 365.25: 1,461 bars of 12 hours
    metrics = metrics_of(np.linspace(10_000, 12_100, 1_461), timeframe=Timeframe.H12)
    assert metrics.cagr_pct == pytest.approx(10.0, rel=1e-12)
    assert metrics.net_return_pct == pytest.approx(21.0, rel=1e-12)
    assert metrics.net_profit_usdt == 2_100.0


def test_sharpe_sortino_and_volatility_by_hand():
    # daily returns +10 %, -10 %, +20 %
    metrics = metrics_of([110.0, 99.0, 118.8], start_usdt=100.0)
    mean = 0.2 / 3
    deviation = math.sqrt(((0.1 - mean) ** 2 + (-0.1 - mean) ** 2 + (0.2 - mean) ** 2) / 2)
    downside = math.sqrt(0.1**2 / 3)
    assert metrics.volatility_pct == pytest.approx(deviation * math.sqrt(365.25) * 100, rel=1e-12)
    assert metrics.sharpe == pytest.approx(mean / deviation * math.sqrt(365.25), rel=1e-12)
    assert metrics.sortino == pytest.approx(mean / downside * math.sqrt(365.25), rel=1e-12)


def test_sharpe_agrees_with_pandas_on_a_15m_run():
    rng = np.random.default_rng(3)
    frame = equity_frame(10_000 * np.exp(np.cumsum(rng.normal(0, 0.002, 96 * 90))), Timeframe.M15)
    series = pd.Series(
        frame["equity_usdt"].to_numpy(), index=pd.to_datetime(frame["ts_close"] - 1, unit="ms", utc=True)
    )
    daily = series.resample("1D").last()
    returns = pd.concat([pd.Series([10_000.0]), daily]).pct_change().dropna()
    metrics = metrics_of(frame, timeframe=Timeframe.M15)
    assert metrics.sharpe == pytest.approx(returns.mean() / returns.std() * 365.25**0.5, rel=1e-9)
    assert metrics.volatility_pct == pytest.approx(returns.std() * 365.25**0.5 * 100, rel=1e-9)


def test_the_same_equity_at_two_timeframes_has_the_same_sharpe():
    hourly = 10_000 + 500 * np.sin(np.arange(1, 24 * 60 + 1) / 37.0)
    coarse = equity_frame(hourly[3::4], Timeframe.H4)
    fine = equity_frame(hourly, Timeframe.H1)
    assert metrics_of(coarse, timeframe=Timeframe.H4).sharpe == pytest.approx(
        metrics_of(fine, timeframe=Timeframe.H1).sharpe, rel=1e-12
    )


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends():
    # 12h bars: closes at 12:00, 24:00, 12:00, 24:00. Day returns 100 -> 120 -> 150.
    frame = equity_frame([110.0, 120.0, 90.0, 150.0], Timeframe.H12)
    metrics = metrics_of(frame, timeframe=Timeframe.H12, start_usdt=100.0)
    daily = np.array([0.2, 0.25])
    assert metrics.sharpe == pytest.approx(daily.mean() / daily.std(ddof=1) * math.sqrt(365.25), rel=1e-12)


def test_a_run_that_starts_at_noon_has_a_first_day_of_its_own():
    frame = equity_frame([101.0] * 12 + [102.01] * 24, Timeframe.H1, start=START + 12 * HOUR_MS)
    metrics = metrics_of(frame, timeframe=Timeframe.H1, start_usdt=100.0)
    assert math.isnan(metrics.sharpe)  # two days of +1 % each: a constant series has no ratio
    assert metrics.volatility_pct == pytest.approx(0.0, abs=1e-9)


def test_bars_longer_than_a_day_are_one_period_each():
    frame = equity_frame([110.0, 99.0, 118.8], Timeframe.W1)
    metrics = metrics_of(frame, timeframe=Timeframe.W1, start_usdt=100.0)
    daily = np.array([0.1, -0.1, 0.2])
    assert metrics.sharpe == pytest.approx(
        daily.mean() / daily.std(ddof=1) * math.sqrt(365.25 / 7), rel=1e-12
    )


def test_a_flat_curve_has_no_ratios_and_no_spread():
    metrics = metrics_of([10_000.0] * 30)
    assert (metrics.net_return_pct, metrics.cagr_pct, metrics.volatility_pct) == (0.0, 0.0, 0.0)
    assert math.isnan(metrics.sharpe)
    assert math.isnan(metrics.sortino)


def test_constant_growth_has_no_sharpe_ratio():
    metrics = metrics_of(10_000 * 1.001 ** np.arange(1, 200))
    assert math.isnan(metrics.sharpe)
    assert math.isnan(metrics.sortino)
    assert metrics.net_return_pct > 20


def test_a_blown_account_ends_the_series_of_returns():
    metrics = metrics_of([50.0, 0.0, 0.0, 0.0], start_usdt=100.0)
    returns = np.array([-0.5, -1.0])
    assert metrics.net_return_pct == -100.0
    assert metrics.cagr_pct == -100.0
    assert metrics.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365.25))


def test_one_bar_is_too_little_for_a_spread():
    metrics = metrics_of([10_100.0])
    assert metrics.net_return_pct == pytest.approx(1.0)
    assert math.isnan(metrics.volatility_pct)
    assert math.isnan(metrics.sharpe)


def test_an_extrapolation_beyond_the_floats_is_not_defined():
    metrics = metrics_of([1_000_000.0], timeframe=Timeframe.M1)
    assert math.isnan(metrics.cagr_pct)


def test_days_without_a_bar_give_no_return():
    frame = equity_frame([110.0, 121.0], Timeframe.D1)
    frame.loc[1, "ts_close"] += 5 * DAY_MS
    gapless = metrics_of([110.0, 121.0], start_usdt=100.0)
    assert metrics_of(frame, start_usdt=100.0).volatility_pct == gapless.volatility_pct
