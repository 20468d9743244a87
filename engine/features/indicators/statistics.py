"""Statistics of the last values."""

from __future__ import annotations

from math import log

import numpy as np

from engine.features import windows
from engine.features.arithmetic import change, delayed, ratio
from engine.features.kernels import ordering
from engine.features.spec import (
    OTHER,
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    ParamKind,
    ParamSpec,
    multiple,
    window,
)
from engine.idea_card.features import SOURCES


def _stdev(source: FloatArray, length: int) -> FloatArray:
    return windows.mean_and_deviation(source, length)[1]


def _variance(source: FloatArray, length: int) -> FloatArray:
    deviation = _stdev(source, length)
    deviation *= deviation
    return deviation


def zscore(source: FloatArray, length: int) -> FloatArray:
    """Return how many population standard deviations of `length` a value is from its mean; 0 where flat."""
    centre, deviation = windows.mean_and_deviation(source, length)
    return ratio(np.subtract(source, centre, out=centre), deviation, 0.0)


def _mad(source: FloatArray, length: int) -> FloatArray:
    return windows.mean_and_absolute_deviation(source, length)[1]


def _skew(source: FloatArray, length: int) -> FloatArray:
    deviation, third, _ = windows.deviation_and_moments(source, length)
    result = ratio(third, deviation**3, 0.0)
    result *= (length * (length - 1)) ** 0.5 / (length - 2)
    return result


def _kurtosis(source: FloatArray, length: int) -> FloatArray:
    deviation, _, fourth = windows.deviation_and_moments(source, length)
    # what a flat window is given: its formula's answer for a normal distribution, 0
    usual = 3.0 * (length - 1) / (length + 1)
    result = ratio(fourth, deviation**4, usual)
    result -= usual
    result *= (length + 1) * (length - 1) / ((length - 2) * (length - 3))
    return result


def _entropy(source: FloatArray, *, length: int, base: float) -> FloatArray:
    share = ratio(source, windows.total(source, length), 1.0 / length)
    # p * log(p) goes to nought with p
    shares = np.where(share == 0.0, 1.0, share)
    with np.errstate(invalid="ignore"):
        information = share * np.log(shares) / -log(base)
    return windows.total(information, length)


def _quantile(source: FloatArray, length: int, q: float) -> FloatArray:
    result = np.empty(source.size)
    ordering.quantile(source, length, q, np.empty(length), result)
    return result


def _median(source: FloatArray, length: int) -> FloatArray:
    return _quantile(source, length, 0.5)


def _covariance(first: FloatArray, second: FloatArray, length: int) -> FloatArray:
    means, others, result = (np.empty(first.size) for _ in range(3))
    ordering.together(first, second, length, means, others, result)
    return result


def _correlation(source: FloatArray, other: FloatArray, length: int) -> FloatArray:
    spread = _stdev(source, length)
    spread *= _stdev(other, length)
    result = ratio(_covariance(source, other, length), spread, 0.0)
    return np.clip(result, -1.0, 1.0, out=result)


def _beta(source: FloatArray, other: FloatArray, length: int) -> FloatArray:
    ours, theirs = (ratio(change(each), delayed(each, 1), 0.0) for each in (source, other))
    return ratio(_covariance(ours, theirs, length), _variance(theirs, length), 0.0)


_OTHER = ParamSpec(OTHER, ParamKind.CHOICE, choices=SOURCES)

ENTRIES = (
    IndicatorSpec(
        name="stdev",
        definition="Population standard deviation of the last `length` values (divided by length).",
        published="TradingView ta.stdev. pandas-ta's native path divides by length - 1: not used.",
        implementation=Implementation.OURS,
        compute=_stdev,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="variance",
        definition="Population variance of the last `length` values (divided by length).",
        published="TradingView ta.variance. pandas-ta's native path divides by length - 1: not used.",
        implementation=Implementation.OURS,
        compute=_variance,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="zscore",
        definition="(value - SMA) / population standard deviation over `length`; 0 where nothing moved.",
        published="Common definition, with TradingView's ta.stdev; pandas-ta's divides by length - 1.",
        implementation=Implementation.OURS,
        compute=zscore,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="mad",
        definition="Mean of |value - SMA| over the last `length` values, around the newest SMA.",
        published="TradingView ta.dev; pandas-ta mad.",
        implementation=Implementation.OURS,
        compute=_mad,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="skew",
        definition="Sample skewness G1 of the last `length` values; 0 where nothing moved.",
        published="Adjusted Fisher-Pearson; pandas rolling skew, as in pandas-ta.",
        implementation=Implementation.OURS,
        compute=_skew,
        inputs=("source",),
        params=(window(minimum=3),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="kurtosis",
        definition="Sample excess kurtosis G2 of the last `length` values; 0 where nothing moved.",
        published="Common definition; pandas rolling kurt, as in pandas-ta.",
        implementation=Implementation.OURS,
        compute=_kurtosis,
        inputs=("source",),
        params=(window(minimum=4),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="entropy",
        definition=(
            "Sum over length of -p * log(p) / log(base), p = value / sum of the last length values; nothing "
            "from a value of 0."
        ),
        published="pandas-ta entropy: each p is a share of its own bar's window.",
        implementation=Implementation.OURS,
        compute=_entropy,
        inputs=("source",),
        params=(window(), multiple("base", 1.1, 100.0)),
        warmup=lambda p: 2 * (p["length"] - 1),
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="median",
        definition="Middle of the last `length` values; of an even number the mean of the two middle ones.",
        published="Common definition; pandas rolling median, as in pandas-ta.",
        implementation=Implementation.OURS,
        compute=_median,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="quantile",
        definition=(
            "Value below which the share q of the last `length` values lies, on the line between the two "
            "values next to it."
        ),
        published="Hyndman and Fan's type 7; pandas rolling quantile, as in pandas-ta.",
        implementation=Implementation.OURS,
        compute=_quantile,
        inputs=("source",),
        params=(window(), ParamSpec("q", ParamKind.FLOAT, 0.0, 1.0)),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="correlation",
        definition=(
            "Pearson's correlation of the source and the column `other` over the last `length` bars, -1 to "
            "1; 0 where one of them did not move."
        ),
        published="Karl Pearson; TradingView ta.correlation, TA-Lib CORREL.",
        implementation=Implementation.OURS,
        compute=_correlation,
        inputs=("source", "other"),
        params=(_OTHER, window()),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="beta",
        definition=(
            "Slope of the least-squares line of the source's changes from bar to bar, as shares, on those of "
            "the column `other`, over the last `length` changes; 0 where the other did not move."
        ),
        published="Common definition of beta; TA-Lib BETA takes its two series the other way round.",
        implementation=Implementation.OURS,
        compute=_beta,
        inputs=("source", "other"),
        params=(_OTHER, window()),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
)
