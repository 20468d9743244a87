"""Oscillators of whole bars: where in its range a bar closed, and what was bought in it."""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import middle, ratio
from engine.features.indicators.momentum import place_in_range
from engine.features.indicators.weighted_averages import symmetric_mean
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, window


def _ao(high: FloatArray, low: FloatArray, *, fast: int, slow: int) -> FloatArray:
    price = middle(high, low)
    result = windows.mean(price, fast)
    result -= windows.mean(price, slow)
    return result


def _bop(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    return ratio(close - open_, high - low, 0.0)


def _eri(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    average = recursions.exponential_mean(close, length)
    return high - average, np.subtract(low, average, out=average)


def _pgo(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    distance = close - windows.mean(close, length)
    ranges = recursions.true_range(high, low, close)
    return ratio(distance, recursions.exponential_mean(ranges, length), 0.0)


def _rvgi(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, swma_length: int
) -> tuple[FloatArray, FloatArray]:
    moved = windows.total(symmetric_mean(close - open_, swma_length), length)
    ranged = windows.total(symmetric_mean(high - low, swma_length), length)
    line = ratio(moved, ranged, 0.0)
    return line, symmetric_mean(line, swma_length)


def _uo(
    high: FloatArray, low: FloatArray, close: FloatArray, *, fast: int, medium: int, slow: int
) -> FloatArray:
    ranges = recursions.true_range(high, low, close)
    ranges[:1] = np.nan
    # what was bought: how far the close stands above the lower of low and previous close
    bought = close.copy()
    bought[:1] = np.nan
    bought[1:] -= np.minimum(low[1:], close[:-1])
    result = np.zeros(close.size)
    for weight, length in ((4.0, fast), (2.0, medium), (1.0, slow)):
        result += weight * ratio(windows.total(bought, length), windows.total(ranges, length), 0.5)
    result *= 100.0 / 7.0
    return result


def _kdj(
    high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, signal: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    place = place_in_range(close, high, low, length)
    place *= 100.0
    k = recursions.wilder_mean(place, signal)
    d = recursions.wilder_mean(k, signal)
    return k, d, 3.0 * k - 2.0 * d


ENTRIES = (
    IndicatorSpec(
        name="ao",
        definition="SMA(fast) - SMA(slow) of (high + low) / 2.",
        published="Bill Williams, New Trading Dimensions, 1998; TradingView's Awesome Oscillator.",
        implementation=Implementation.OURS,
        compute=_ao,
        inputs=("high", "low"),
        params=(window("fast"), window("slow")),
        warmup=lambda p: p["slow"] - 1,
        memory=Memory.WINDOW,
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="bop",
        definition="(close - open) / (high - low); 0 where high and low are equal.",
        published="Igor Livshin, Stocks & Commodities 19:8, 2001; TradingView's Balance of Power.",
        implementation=Implementation.OURS,
        compute=_bop,
        inputs=("open", "high", "low", "close"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="eri",
        definition="bull = high - EMA of close, bear = low - EMA of close.",
        published="Alexander Elder, Trading for a Living, 1993 (Elder ray).",
        implementation=Implementation.OURS,
        compute=_eri,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
        outputs=("bull", "bear"),
    ),
    IndicatorSpec(
        name="pgo",
        definition="(close - SMA of close) / EMA of the true range, all of length; 0 where nothing moved.",
        published="Mark Johnson (pretty good oscillator). pandas-ta takes the EMA of the ATR.",
        implementation=Implementation.OURS,
        compute=_pgo,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="rvgi",
        definition=(
            "rvgi = sum over length of the swma of close - open / that of high - low, signal = swma of rvgi; "
            "0 where no bar had a range."
        ),
        published="John Ehlers, Stocks & Commodities 20:1, 2002; TradingView's, where swma_length is 4.",
        implementation=Implementation.OURS,
        compute=_rvgi,
        inputs=("open", "high", "low", "close"),
        params=(window(), window("swma_length")),
        warmup=lambda p: p["length"] + 2 * p["swma_length"] - 3,
        memory=Memory.WINDOW,
        outputs=("rvgi", "signal"),
    ),
    IndicatorSpec(
        name="uo",
        definition=(
            "100 * (4 * A(fast) + 2 * A(medium) + A(slow)) / 7, A = sum of close - min(low, previous close) "
            "/ sum of true range; A is 0.5 where nothing moved."
        ),
        published="Larry Williams, 1985; TradingView's Ultimate Oscillator.",
        implementation=Implementation.OURS,
        compute=_uo,
        inputs=("high", "low", "close"),
        params=(window("fast"), window("medium"), window("slow")),
        warmup=lambda p: max(p["fast"], p["medium"], p["slow"]),
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="kdj",
        definition=(
            "k = Wilder's mean over signal of 100 * (close - lowest low) / (highest high - lowest low) of "
            "length, d = Wilder's mean of k, j = 3 * k - 2 * d; the quotient is 50 on a flat range."
        ),
        published="Common definition; pandas-ta kdj, which starts its means with the first value.",
        implementation=Implementation.OURS,
        compute=_kdj,
        inputs=("high", "low", "close"),
        params=(window(), window("signal")),
        warmup=lambda p: p["length"] + 2 * p["signal"] - 3,
        memory=Memory.FADING,
        outputs=("k", "d", "j"),
    ),
)
