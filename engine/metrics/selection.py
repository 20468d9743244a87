"""How likely a result is luck, given its length, its shape and how many others were tried.

Sharpe ratios here are per period of the returns, not annualised; every formula takes those it was derived
for. Nothing here decides: thresholds belong to the gates.

Sources: Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) for the probabilistic Sharpe
ratio and the minimum track record length; the same, "The Deflated Sharpe Ratio" (2014); Bailey, Borwein,
Lopez de Prado and Zhu, "The Probability of Backtest Overfitting" (2017) for CSCV; White, "A Reality Check
for Data Snooping" (2000); Hansen, "A Test for Superior Predictive Ability" (2005); Politis and Romano, "The
Stationary Bootstrap" (1994).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import batched, combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigurationError
from engine.metrics.distribution import excess_kurtosis, is_constant, skewness

_EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()
_SPLITS_AT_ONCE = 512


def sharpe_per_period(returns: NDArray[np.float64]) -> float:
    """Return `mean(r) / std(r, ddof=1)`; NaN for fewer than two returns or a constant series."""
    return math.nan if is_constant(returns) else float(returns.mean() / returns.std(ddof=1))


def probabilistic_sharpe(returns: NDArray[np.float64], hurdle: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above `hurdle`; returns need not be normal.

    `Phi((S - hurdle) * sqrt(n - 1) / sqrt(1 - skew * S + (kurtosis - 1) / 4 * S^2))`, with S the observed
    ratio, kurtosis 3 for a normal distribution.

    Parameters
    ----------
    returns : float64 array of shape (periods,)
        Fractions.
    hurdle : float
        A Sharpe ratio per period.

    Returns
    -------
    float
        Between 0 and 1. NaN for a constant series, and where the estimate has no spread.
    """
    observed = sharpe_per_period(returns)
    spread = _spread(returns, observed)
    if not spread > 0:
        return math.nan
    return _NORMAL.cdf((observed - hurdle) * math.sqrt(len(returns) - 1) / math.sqrt(spread))


def minimum_track_record(
    returns: NDArray[np.float64], hurdle: float = 0.0, confidence: float = 0.95
) -> float:
    """Return how many periods a record with these moments needs to be above `hurdle` with `confidence`.

    `1 + (1 - skew * S + (kurtosis - 1) / 4 * S^2) * (Phi^-1(confidence) / (S - hurdle))^2`. NaN for a
    constant series, and where the observed ratio is not above the hurdle: no length would do.
    """
    observed = sharpe_per_period(returns)
    spread = _spread(returns, observed)
    if not observed > hurdle or not spread > 0:
        return math.nan
    return 1.0 + spread * (_NORMAL.inv_cdf(confidence) / (observed - hurdle)) ** 2


def expected_maximum_sharpe(trials: int, spread: float) -> float:
    """Return the highest Sharpe ratio that `trials` independent tries without any skill are expected to show.

    `spread * ((1 - g) * Phi^-1(1 - 1/N) + g * Phi^-1(1 - 1/(N e)))`, with g the Euler-Mascheroni constant and
    `spread` the standard deviation of the trials' Sharpe ratios per period. 0 for a single trial.

    Raises
    ------
    ConfigurationError
        If there is no trial.
    """
    if trials < 1:
        raise ConfigurationError(
            f"a best of {trials} trials does not exist", way_out="count the trial itself"
        )
    if trials == 1:
        return 0.0
    near = _NORMAL.inv_cdf(1 - 1 / trials)
    far = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return spread * ((1 - _EULER_MASCHERONI) * near + _EULER_MASCHERONI * far)


def deflated_sharpe(returns: NDArray[np.float64], trial_sharpes: NDArray[np.float64]) -> float:
    """Return the probability that the true Sharpe ratio is above that of the luckiest of so many trials.

    The probabilistic Sharpe ratio against `expected_maximum_sharpe` of the trials. With one trial the hurdle
    is 0; the more trials, the higher it is.

    Parameters
    ----------
    returns : float64 array of shape (periods,)
        Of the chosen trial, as fractions.
    trial_sharpes : float64 array of shape (trials,)
        Sharpe ratios per period of every trial, the chosen one among them; NaN (a trial without a spread)
        counts as a trial but not in their spread.

    Returns
    -------
    float
        NaN for a constant series.
    """
    known = trial_sharpes[np.isfinite(trial_sharpes)]
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return probabilistic_sharpe(returns, expected_maximum_sharpe(len(trial_sharpes), spread))


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What combinatorially symmetric cross-validation says of a choice among trials.

    Attributes
    ----------
    probability : float
        Share of the splits in which the trial that was best inside is below the median outside (PBO).
    logits : float64[splits]
        Of the rank outside of the trial that was best inside; below zero: worse than the median.
    loss_probability : float
        Share of the splits in which the trial that was best inside loses outside.
    degradation : float
        Slope of the Sharpe ratio outside over that inside, over the splits.
    """

    probability: float
    logits: NDArray[np.float64]
    loss_probability: float
    degradation: float


def backtest_overfitting(returns: NDArray[np.float64], blocks: int = 16) -> Overfitting:
    """Return the probability that choosing the best of these trials is overfitting, by CSCV.

    The periods are cut into `blocks` of one length (what is left over at the start is dropped); each half of
    them in turn is inside, the other half outside. Trials are ranked by their Sharpe ratio, ties by the mean
    of their ranks.

    Parameters
    ----------
    returns : float64 array of shape (periods, trials)
        Fractions; at least two trials.
    blocks : int
        Even, at least 2; 16 gives 12,870 splits.

    Raises
    ------
    ConfigurationError
        If there are fewer than two trials or periods than blocks, or the blocks cannot be halved.
    """
    periods, trials = returns.shape
    if blocks < 2 or blocks % 2 or periods < 2 * blocks or trials < 2:
        raise ConfigurationError(
            f"{trials} trials of {periods} periods cannot be cut into {blocks} blocks",
            way_out="give at least two trials, an even number of blocks, and two periods for each block",
        )
    length = periods // blocks
    parts = returns[periods - length * blocks :].reshape(blocks, length, trials)
    # sums and squares of each block say all about any union of blocks
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    count = length * blocks // 2
    ranks, within, beyond = [], [], []
    for chosen in batched(combinations(range(blocks), blocks // 2), _SPLITS_AT_ONCE):
        inside = np.zeros((len(chosen), blocks))
        np.put_along_axis(inside, np.array(chosen), 1.0, axis=1)
        here = _sharpes(inside @ sums, inside @ squares, count)
        there = _sharpes((1 - inside) @ sums, (1 - inside) @ squares, count)
        best = np.arange(len(chosen)), here.argmax(axis=1)
        lower = (there < there[best][:, None]).sum(axis=1)
        equal = (there == there[best][:, None]).sum(axis=1)
        ranks.append(lower + (equal + 1) / 2)
        within.append(here[best])
        beyond.append(there[best])
    rank = np.concatenate(ranks) / (trials + 1)
    logits = np.log(rank / (1 - rank))
    best_within, best_beyond = np.concatenate(within), np.concatenate(beyond)
    comparable = np.isfinite(best_within) & np.isfinite(best_beyond)
    slope = math.nan
    if not is_constant(best_within[comparable]):
        covariance = np.cov(best_within[comparable], best_beyond[comparable])
        slope = float(covariance[0, 1] / covariance[0, 0])
    return Overfitting(
        probability=float((logits <= 0).mean()),
        logits=logits,
        loss_probability=float((best_beyond < 0).mean()),
        degradation=slope,
    )


def superior_predictive_ability(
    differences: NDArray[np.float64], *, seed: int, samples: int = 1_000, mean_block: float = 10.0
) -> float:
    """Return Hansen's consistent p-value that no trial is better than the benchmark.

    The statistic is the largest studentised mean difference, recentred so that trials far below the
    benchmark do not weigh, over samples of the stationary bootstrap. A low value says that the best trial
    beats the benchmark by more than the search for it explains. With fewer than some hundred blocks of the
    mean length it is too low, as the spreads themselves are uncertain then.

    Parameters
    ----------
    differences : float64 array of shape (periods, trials)
        Return of each trial less that of the benchmark (zeros for standing aside).
    seed : int
    samples : int
        Bootstrap samples.
    mean_block : float
        Mean length of a block, in periods.

    Returns
    -------
    float
        Between 0 and 1. NaN where no trial has a spread.
    """
    means, spreads, bootstrapped = _bootstrapped(differences, seed, samples, mean_block)
    usable = spreads > 0
    if not usable.any():
        return math.nan
    periods = len(differences)
    means, spreads, bootstrapped = means[usable], spreads[usable], bootstrapped[:, usable]
    root = math.sqrt(periods)
    observed = max(float((root * means / spreads).max()), 0.0)
    # one far below the benchmark keeps its mean: it does not take part under the null
    far_below = root * means / spreads <= -math.sqrt(2 * math.log(math.log(max(periods, 3))))
    centre = np.where(far_below, 0.0, means)
    statistic = np.maximum((root * (bootstrapped - centre) / spreads).max(axis=1), 0.0)
    return float((statistic >= observed).mean())


def reality_check(
    differences: NDArray[np.float64], *, seed: int, samples: int = 1_000, mean_block: float = 10.0
) -> float:
    """Return White's p-value that no trial is better than the benchmark; see `superior_predictive_ability`.

    Not studentised, and every trial is recentred: bad trials make it more cautious than Hansen's.
    """
    means, _, bootstrapped = _bootstrapped(differences, seed, samples, mean_block)
    observed = means.max()
    return float(((bootstrapped - means).max(axis=1) >= observed).mean())


def stationary_bootstrap(
    periods: int, samples: int, mean_block: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return rows of period numbers, int64[samples, periods]: blocks of geometric length, wrapped at the end.

    Source: Politis and Romano (1994).
    """
    begins = rng.random((samples, periods)) < 1.0 / mean_block
    begins[:, 0] = True
    jumps = rng.integers(0, periods, (samples, periods))
    steps = np.arange(periods)
    last_begin = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    return (np.take_along_axis(jumps, last_begin, axis=1) + steps - last_begin) % periods


def _bootstrapped(
    differences: NDArray[np.float64], seed: int, samples: int, mean_block: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the means, the spreads of their bootstrapped means (times the root of n), and those means."""
    periods = len(differences)
    rng = np.random.default_rng(seed)
    bootstrapped = np.empty((samples, differences.shape[1]))
    for sample, chosen in enumerate(stationary_bootstrap(periods, samples, mean_block, rng)):
        # how often each period was drawn says all about a mean
        bootstrapped[sample] = np.bincount(chosen, minlength=periods) @ differences / periods
    return differences.mean(axis=0), bootstrapped.std(axis=0) * math.sqrt(periods), bootstrapped


def _sharpes(sums: NDArray[np.float64], squares: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return Sharpe ratios from sums and sums of squares; a constant series has none and comes last."""
    means = sums / count
    variances = (squares - count * means**2) / (count - 1)
    constant = variances <= 1e-18 * squares
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(constant, -np.inf, means / np.sqrt(np.where(constant, 1.0, variances)))


def _spread(returns: NDArray[np.float64], observed: float) -> float:
    """Return the variance of the estimated Sharpe ratio, times the periods less one."""
    if math.isnan(observed):
        return math.nan
    kurtosis = excess_kurtosis(returns) + 3.0
    return 1.0 - skewness(returns) * observed + (kurtosis - 1.0) / 4.0 * observed**2
