"""Statistics of the last values."""

from __future__ import annotations

from math import log

import numpy as np

from engine.features import windows
from engine.features.arithmetic import ratio
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window


def _stdev(source: FloatArray, length: int) -> FloatArray:
    return windows.mean_and_deviation(source, length)[1]


def _variance(source: FloatArray, length: int) -> FloatArray:
    deviation = _stdev(source, length)
    deviation *= deviation
    return deviation


def _zscore(source: FloatArray, length: int) -> FloatArray:
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
        compute=_zscore,
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
)
