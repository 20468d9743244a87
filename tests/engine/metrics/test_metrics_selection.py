"""How likely a result is luck: by hand, by published examples, and on returns whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigurationError
from engine.metrics.selection import (
    backtest_overfitting,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    reality_check,
    sharpe_per_period,
    stationary_bootstrap,
    superior_predictive_ability,
)


def with_moments(mean: float, spread: float, count: int, seed: int = 0) -> np.ndarray:
    """Return returns with exactly this mean and standard deviation."""
    raw = np.random.default_rng(seed).normal(size=count)
    return (raw - raw.mean()) / raw.std(ddof=1) * spread + mean


def noise(periods: int, trials: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (periods, trials))


def test_probabilistic_sharpe_by_hand() -> None:
    # two values in turn: no skew, kurtosis 1, so the spread is 1 whatever the ratio
    returns = np.array([0.03, -0.01] * 50)
    observed = sharpe_per_period(returns)
    assert observed == pytest.approx(0.01 / (0.02 * math.sqrt(100 / 99)))
    expected = 0.5 * (1 + math.erf(observed * math.sqrt(99) / math.sqrt(2)))
    assert probabilistic_sharpe(returns) == pytest.approx(expected, rel=1e-12)
    assert probabilistic_sharpe(returns, observed) == pytest.approx(0.5)


def test_the_minimum_track_record_is_where_the_probability_reaches_the_confidence() -> None:
    returns = np.array([0.03, -0.01] * 50)
    needed = minimum_track_record(returns)
    assert needed == pytest.approx(1 + (1.6448536269514722 / sharpe_per_period(returns)) ** 2)
    assert math.isnan(minimum_track_record(-returns))
    assert math.isnan(minimum_track_record(returns, hurdle=1.0))


def test_expected_maximum_of_published_sizes() -> None:
    # Bailey and Lopez de Prado (2014): of ten trials with a spread of one, 1.57
    assert expected_maximum_sharpe(10, 1.0) == pytest.approx(1.5746, abs=1e-3)
    assert expected_maximum_sharpe(1, 1.0) == 0.0
    with pytest.raises(ConfigurationError, match="0 trials"):
        expected_maximum_sharpe(0, 1.0)


def test_the_expected_maximum_is_that_of_luck() -> None:
    best = np.random.default_rng(5).normal(size=(20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(50, 1.0) == pytest.approx(best, abs=0.05)


def test_dsr_constant() -> None:
    """Vector dsr-constant: never 1."""
    assert math.isnan(deflated_sharpe(np.full(100, 0.01), np.array([0.1, 0.2])))


def test_dsr_single_trial() -> None:
    """Vector dsr-single-trial: the hurdle is 0, and grows with the number of trials."""
    returns = with_moments(0.001, 0.01, 250)
    observed = sharpe_per_period(returns)
    assert deflated_sharpe(returns, np.array([observed])) == probabilistic_sharpe(returns)
    spread_of_two = [np.tile([0.05, -0.05], half) for half in (2, 10, 100)]
    deflated = [deflated_sharpe(returns, trials) for trials in spread_of_two]
    assert probabilistic_sharpe(returns) > deflated[0] > deflated[1] > deflated[2]


def test_trials_without_a_ratio_count_as_trials() -> None:
    returns = with_moments(0.001, 0.01, 250)
    two, with_missing = np.array([0.05, -0.05]), np.array([0.05, -0.05, math.nan, math.nan])
    assert deflated_sharpe(returns, with_missing) < deflated_sharpe(returns, two)


def test_pbo_noise() -> None:
    """Vector pbo-noise: about one half on noise, about 0 with one trial that is a sigma better."""
    found = [backtest_overfitting(noise(500, 24, seed)).probability for seed in range(5)]
    assert 0.3 < np.mean(found) < 0.75
    better = noise(500, 24, 0)
    better[:, 3] += 0.01
    skilled = backtest_overfitting(better)
    assert skilled.probability == 0.0
    assert skilled.loss_probability == 0.0
    assert len(skilled.logits) == 12_870


def test_pbo_by_hand() -> None:
    # Two trials, two blocks: each is best in the block in which the other is worst, so the choice is wrong
    # both times. Ranks outside are 1 of 2: logit of 1/3.
    first = np.array([0.02, 0.01, -0.02, -0.01])
    found = backtest_overfitting(np.column_stack([first, -first]), blocks=2)
    assert found.probability == 1.0
    assert found.logits.tolist() == pytest.approx([math.log(0.5)] * 2)
    assert found.loss_probability == 1.0


@given(st.integers(0, 1000), st.integers(2, 30))
def test_pbo_does_not_depend_on_the_order_or_the_size_of_the_returns(seed: int, trials: int) -> None:
    returns = noise(64, trials, seed)
    found = backtest_overfitting(returns, blocks=4)
    turned = backtest_overfitting(returns[:, ::-1] * 2.0, blocks=4)
    assert found.probability == turned.probability
    assert 0.0 <= found.probability <= 1.0


def test_a_trial_that_never_trades_is_the_last_choice() -> None:
    idle = noise(100, 3, 1) + 0.002
    idle[:, 0] = 0.0
    assert backtest_overfitting(idle, blocks=4).loss_probability < 1.0


@pytest.mark.parametrize(("periods", "trials", "blocks"), [(100, 1, 4), (7, 3, 4), (100, 3, 5), (100, 3, 0)])
def test_what_cannot_be_cut_is_refused(periods: int, trials: int, blocks: int) -> None:
    with pytest.raises(ConfigurationError, match="blocks"):
        backtest_overfitting(noise(periods, trials, 0), blocks=blocks)


@pytest.mark.parametrize("test", [superior_predictive_ability, reality_check])
def test_luck_among_many_is_not_taken_for_skill(test) -> None:
    p_values = [test(noise(1_000, 20, seed), seed=1, samples=200, mean_block=3.0) for seed in range(20)]
    # under the null p-values are spread over the whole range
    assert np.mean(np.array(p_values) < 0.1) <= 0.35
    skilled = noise(300, 50, 0)
    skilled[:, 7] += 0.004
    assert test(skilled, seed=1, samples=400) < 0.01
    assert test(skilled, seed=1, samples=400) == test(skilled, seed=1, samples=400)


def test_bad_trials_do_not_hide_a_good_one_from_hansen() -> None:
    returns = noise(300, 60, 3)
    returns[:, 1:] *= 5.0
    returns[:, 1:] -= 0.02
    returns[:, 0] += 0.0014
    hansen = superior_predictive_ability(returns, seed=1, samples=500)
    white = reality_check(returns, seed=1, samples=500)
    assert hansen < 0.05 < white


def test_nothing_better_than_the_benchmark_has_a_p_value_of_one() -> None:
    assert superior_predictive_ability(noise(200, 5, 0) - 0.01, seed=1, samples=100) == 1.0


def test_the_stationary_bootstrap_draws_blocks() -> None:
    drawn = stationary_bootstrap(1_000, 20, 10.0, np.random.default_rng(1))
    assert drawn.shape == (20, 1_000)
    assert (drawn.min(), drawn.max()) == (0, 999)
    goes_on = (np.diff(drawn, axis=1) % 1_000 == 1).mean()
    assert goes_on == pytest.approx(0.9, abs=0.01)
    assert np.bincount(drawn.ravel(), minlength=1_000).std() < 10
