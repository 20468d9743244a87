"""Moving averages with weights of a given shape, and those made of other averages."""

from __future__ import annotations

from math import ceil, comb, cos, exp, pi, sqrt

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import delayed, efficiency
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window

_FIBONACCI_LIMIT = 1000  # terms; some hundred more and the largest is no float any more


def _shaped(source: FloatArray, newest_first: FloatArray) -> FloatArray:
    return windows.filtered(source, newest_first / newest_first.sum())


def _alma(source: FloatArray, *, length: int, sigma: float, dist_offset: float) -> FloatArray:
    from_peak = np.arange(length) - (1.0 - dist_offset) * (length - 1)
    return _shaped(source, np.exp(-0.5 * (from_peak * sigma / length) ** 2))


def _fwma(source: FloatArray, length: int) -> FloatArray:
    weights = np.ones(length)
    for term in range(2, length):
        weights[term] = weights[term - 1] + weights[term - 2]
    return _shaped(source, weights[::-1])


def _pwma(source: FloatArray, length: int) -> FloatArray:
    return _shaped(source, np.array([comb(length - 1, k) / 2.0 ** (length - 1) for k in range(length)]))


def _sinwma(source: FloatArray, length: int) -> FloatArray:
    return _shaped(source, np.sin(np.arange(1, length + 1) * (pi / (length + 1))))


def symmetric_mean(source: FloatArray, length: int) -> FloatArray:
    """Return the mean with weights rising by equal steps to the middle of the window and falling again."""
    return windows.mean(windows.mean(source, ceil(length / 2)), length // 2 + 1)


def _zlma(source: FloatArray, length: int) -> FloatArray:
    ahead = 2.0 * source
    ahead -= delayed(source, (length - 1) // 2)
    return recursions.exponential_mean(ahead, length)


def _t3(source: FloatArray, *, length: int, a: float) -> FloatArray:
    last_four, smooth = [], source
    for time in range(6):
        smooth = recursions.exponential_mean(smooth, length)
        if time >= 2:
            last_four.append(smooth)
    third, fourth, fifth, sixth = last_four
    cube, square = a**3, a * a
    # the shares sum to one; as distances from the third
    result = (3 * square + 3 * cube) * (fifth - third)
    result -= (6 * square + 3 * a + 3 * cube) * (fourth - third)
    result -= cube * (sixth - third)
    result += third
    return result


def _vidya(source: FloatArray, length: int) -> FloatArray:
    share = efficiency(source, length)
    share *= 2.0 / (length + 1.0)
    return recursions.adaptive_mean(source, share, length)


def _ssf(source: FloatArray, length: int) -> FloatArray:
    angle = pi * sqrt(2.0) / length
    decay = exp(-angle)
    result = recursions.two_pole(source, 2.0 * decay * cos(angle), -decay * decay)
    result[: length - 1] = np.nan
    return result


def _midpoint(source: FloatArray, length: int) -> FloatArray:
    return middle_of_range(source, source, length)


def middle_of_range(high: FloatArray, low: FloatArray, length: int) -> FloatArray:
    """Return (highest `high` + lowest `low`) / 2 of the last `length` bars."""
    middle = windows.highest(high, length)
    middle += windows.lowest(low, length)
    middle /= 2.0
    return middle


def _alligator(
    source: FloatArray, *, jaw: int, teeth: int, lips: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return (
        recursions.wilder_mean(source, jaw),
        recursions.wilder_mean(source, teeth),
        recursions.wilder_mean(source, lips),
    )


ENTRIES = (
    IndicatorSpec(
        name="alma",
        definition=(
            "Mean with the weights exp(-(i - m)^2 / (2 * s^2)), i = 0 for the oldest, "
            "m = dist_offset * (length - 1), s = length / sigma."
        ),
        published="Arnaud Legoux, 2009; TradingView ta.alma. pandas-ta rounds m down.",
        implementation=Implementation.OURS,
        compute=_alma,
        inputs=("source",),
        params=(window(), multiple("sigma"), multiple("dist_offset", 0.0, 1.0)),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="fwma",
        definition="Mean with the Fibonacci numbers 1, 1, 2, 3 … as weights, the newest value weighing most.",
        published="pandas-ta fwma.",
        implementation=Implementation.OURS,
        compute=_fwma,
        inputs=("source",),
        params=(window(maximum=_FIBONACCI_LIMIT),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="pwma",
        definition="Mean with a row of Pascal's triangle as weights, the middle weighing most.",
        published="pandas-ta pwma.",
        implementation=Implementation.OURS,
        compute=_pwma,
        inputs=("source",),
        params=(window(maximum=_FIBONACCI_LIMIT),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="sinwma",
        definition="Mean with the weights sin(pi * k / (length + 1)), k = 1 … length.",
        published="pandas-ta sinwma.",
        implementation=Implementation.OURS,
        compute=_sinwma,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="swma",
        definition=(
            "Mean with weights 1, 2 … up to the middle of the window and down again: SMA over floor(length / "
            "2) + 1 of the SMA over ceil(length / 2)."
        ),
        published="pandas-ta swma; of length 4 it is TradingView ta.swma. The same as `trima`.",
        implementation=Implementation.OURS,
        compute=symmetric_mean,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="trima",
        definition="SMA over floor(length / 2) + 1 of the SMA over ceil(length / 2): the same as `swma`.",
        published="Common definition; TA-Lib TRIMA. pandas-ta takes one rounded half twice.",
        implementation=Implementation.OURS,
        compute=symmetric_mean,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="zlma",
        definition="EMA of 2 * value - value floor((length - 1) / 2) bars ago.",
        published="John Ehlers, Ric Way, 2010 (zero lag EMA); pandas-ta zlma with ema.",
        implementation=Implementation.OURS,
        compute=_zlma,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1 + (p["length"] - 1) // 2,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="t3",
        definition=(
            "Three times the filter (1 + a) * EMA - a * EMA(EMA), one on the other: six EMAs, each started "
            "with an SMA."
        ),
        published="Tim Tillson, Stocks & Commodities 16:1, 1998; TA-Lib T3.",
        implementation=Implementation.OURS,
        compute=_t3,
        inputs=("source",),
        params=(window(), multiple("a", 0.0, 1.0)),
        warmup=lambda p: 6 * (p["length"] - 1),
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="vidya",
        definition=(
            "previous + 2 / (length + 1) * |CMO| / 100 * (value - previous), the CMO of the same length. "
            "Starts from the price before the first value."
        ),
        published="Tushar Chande, Stocks & Commodities 10:3, 1992. pandas-ta starts from 0 instead.",
        implementation=Implementation.OURS,
        compute=_vidya,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="ssf",
        definition=(
            "c * (value + value before) / 2 + b * result before - a^2 * the one before that, "
            "a = exp(-sqrt(2) * pi / length), b = 2 * a * cos(sqrt(2) * pi / length), c = 1 - b + a^2. "
            "Starts with the first two values, given from the row length - 1."
        ),
        published="John Ehlers, Stocks & Commodities 32:1, 2014. pandas-ta's default mixes up its angles.",
        implementation=Implementation.OURS,
        compute=_ssf,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="midpoint",
        definition="(highest + lowest value of length) / 2.",
        published="TA-Lib MIDPOINT.",
        implementation=Implementation.OURS,
        compute=_midpoint,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="midprice",
        definition="(highest high + lowest low of length) / 2.",
        published="TA-Lib MIDPRICE.",
        implementation=Implementation.OURS,
        compute=middle_of_range,
        inputs=("high", "low"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="alligator",
        definition=(
            "Wilder's means over jaw, teeth and lips bars, where they stand: Williams draws them 8, 5 and 3 "
            "bars ahead, which is jaw[8], teeth[5], lips[3]."
        ),
        published="Bill Williams, Trading Chaos, 1995; TradingView's Williams Alligator.",
        implementation=Implementation.OURS,
        compute=_alligator,
        inputs=("source",),
        params=(window("jaw"), window("teeth"), window("lips")),
        warmup=lambda p: max(p["jaw"], p["teeth"], p["lips"]) - 1,
        memory=Memory.FADING,
        outputs=("jaw", "teeth", "lips"),
    ),
)
