"""The shape of daily returns, by hand and against empyrical."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_frames import metrics_of
from scipy import stats

from engine.metrics.benchmark import benchmark_metrics
from engine.metrics.distribution import (
    distribution_metrics,
    excess_kurtosis,
    expected_shortfall,
    omega,
    skewness,
    tail_ratio,
    value_at_risk,
)
from engine.metrics.returns import sharpe, sortino, volatility_pct

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

RETURNS = st.lists(st.floats(-0.25, 0.25, allow_nan=False, width=32), min_size=5, max_size=60).map(np.array)


def spread_out(returns: np.ndarray) -> bool:
    return bool(np.ptp(returns) > 1e-3)


def test_by_hand() -> None:
    # -10 % to +10 % in steps of 1 %
    returns = np.arange(-10, 11) / 100
    found = distribution_metrics(returns)
    assert (found.winning_days, found.losing_days) == (10, 10)
    assert (found.best_day_pct, found.worst_day_pct) == (10.0, -10.0)
    # the 5 % quantile of 21 values lies on the second lowest
    assert found.value_at_risk_95_pct == pytest.approx(9.0)
    assert found.expected_shortfall_95_pct == pytest.approx(9.5)
    assert found.skewness == pytest.approx(0.0, abs=1e-12)
    assert found.tail_ratio == pytest.approx(1.0)
    assert found.omega == pytest.approx(1.0)
    assert omega(np.array([0.03, -0.01, 0.01])) == pytest.approx(4.0)


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.01, 0.01], [0.0, 0.0]])
def test_what_has_no_spread_has_no_shape(returns: list[float]) -> None:
    found = distribution_metrics(np.array(returns))
    assert math.isnan(found.skewness)
    assert math.isnan(found.excess_kurtosis)
    assert math.isnan(found.omega)
    assert not any(map(math.isinf, vars(found).values()))


@given(RETURNS.filter(spread_out))
def test_agrees_with_empyrical_and_scipy(returns: np.ndarray) -> None:
    assert value_at_risk(returns) == pytest.approx(-empyrical.value_at_risk(returns, 0.05), abs=1e-12)
    assert skewness(returns) == pytest.approx(stats.skew(returns), rel=1e-9, abs=1e-9)
    assert excess_kurtosis(returns) == pytest.approx(stats.kurtosis(returns), rel=1e-9, abs=1e-9)
    # empyrical takes the size of the upper end as well, so that it is above zero even if all returns are not
    if np.quantile(returns, 0.05) != 0 and np.quantile(returns, 0.95) >= 0:
        assert tail_ratio(returns) == pytest.approx(empyrical.tail_ratio(returns), rel=1e-9)
    if (returns < 0).any():
        assert omega(returns) == pytest.approx(empyrical.omega_ratio(returns), rel=1e-9)
        assert sortino(returns, 365.25) == pytest.approx(
            empyrical.sortino_ratio(returns, annualization=365.25), rel=1e-9
        )
    assert sharpe(returns, 365.25) == pytest.approx(
        empyrical.sharpe_ratio(returns, annualization=365.25), rel=1e-9
    )
    assert volatility_pct(returns, 365.25) / 100 == pytest.approx(
        empyrical.annual_volatility(returns, annualization=365.25), rel=1e-9
    )


def test_expected_shortfall_agrees_with_empyrical_where_the_quantile_is_one_of_the_returns() -> None:
    returns = np.random.default_rng(1).normal(0, 0.02, 101)
    assert expected_shortfall(returns) == pytest.approx(
        -empyrical.conditional_value_at_risk(returns, 0.05), rel=1e-12
    )


@given(RETURNS.filter(spread_out), st.integers(0, 1000))
def test_against_the_coin_agrees_with_empyrical(coin: np.ndarray, seed: int) -> None:
    returns = 0.5 * coin + np.random.default_rng(seed).normal(0, 0.01, len(coin))
    found = benchmark_metrics(
        np.array([1.0, 2.0]), returns, coin, net_return_pct=50.0, periods_per_year=365.25
    )
    assert found.beta == pytest.approx(empyrical.beta(returns, coin), rel=1e-6, abs=1e-9)
    # empyrical compounds alpha over the year; per period they are the same
    daily = found.alpha_pct / 100 / 365.25
    compounded = (1 + daily) ** 365.25 - 1
    assert compounded == pytest.approx(
        empyrical.alpha(returns, coin, annualization=365.25), rel=1e-6, abs=1e-9
    )
    assert found.information_ratio / math.sqrt(365.25) == pytest.approx(
        empyrical.excess_sharpe(returns, coin), rel=1e-6
    )


def test_against_the_coin_by_hand() -> None:
    coin = np.array([0.01, -0.02, 0.03, 0.0])
    found = benchmark_metrics(
        np.array([100.0, 102.0]), 2 * coin + 0.001, coin, net_return_pct=5.0, periods_per_year=365.25
    )
    assert found.beta == pytest.approx(2.0)
    assert found.alpha_pct == pytest.approx(0.001 * 365.25 * 100)
    assert found.correlation == pytest.approx(1.0)
    assert found.treynor_pct == pytest.approx((2 * 0.005 + 0.001) * 365.25 / 2 * 100)
    # the difference of the returns is the coin's own and a constant
    assert found.tracking_error_pct == pytest.approx(np.std(coin, ddof=1) * math.sqrt(365.25) * 100)


def test_an_account_that_ends_before_the_coin_is_compared_on_its_own_days() -> None:
    coin = np.array([0.01, -0.02, 0.03, 0.5, -0.4])
    short = benchmark_metrics(
        np.array([1.0, 1.0]), coin[:3], coin, net_return_pct=0.0, periods_per_year=365.25
    )
    assert short.beta == pytest.approx(1.0)


def test_a_coin_that_stands_still_explains_nothing() -> None:
    metrics = metrics_of([10_000.0, 10_100.0, 10_050.0, 10_200.0])
    assert all(map(math.isnan, (metrics.beta, metrics.alpha_pct, metrics.correlation, metrics.treynor_pct)))
    assert metrics.information_ratio == pytest.approx(metrics.sharpe)
