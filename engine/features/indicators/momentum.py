"""Momentum: oscillators and rates of change.

Where an oscillator would divide nought by nought, because nothing moved, the libraries answer with one of
its ends (TA-Lib: RSI 0, %R 0), so that a dead market looks overbought or oversold. Here it is the middle.
"""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import change, delayed, ratio, typical
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, window


def _macd(
    source: FloatArray, *, fast: int, slow: int, signal: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    line = recursions.exponential_mean(source, fast)
    line -= recursions.exponential_mean(source, slow)
    smoothed = recursions.exponential_mean(line, signal)
    return line, smoothed, line - smoothed


def place_in_range(close: FloatArray, high: FloatArray, low: FloatArray, length: int) -> FloatArray:
    """Return where `close` stands between the window's low (0) and high (1); 0.5 where they are equal."""
    highest, lowest = windows.highest(high, length), windows.lowest(low, length)
    highest -= lowest
    return ratio(np.subtract(close, lowest, out=lowest), highest, 0.5)


def _stoch(
    high: FloatArray, low: FloatArray, close: FloatArray, *, k: int, d: int, smooth_k: int
) -> tuple[FloatArray, FloatArray]:
    place = place_in_range(close, high, low, k)
    place *= 100.0
    percent_k = windows.mean(place, smooth_k)
    return percent_k, windows.mean(percent_k, d)


def _stochrsi(
    source: FloatArray, *, length: int, rsi_length: int, k: int, d: int
) -> tuple[FloatArray, FloatArray]:
    strength = recursions.relative_strength(source, rsi_length)
    place = place_in_range(strength, strength, strength, length)
    place *= 100.0
    percent_k = windows.mean(place, k)
    return percent_k, windows.mean(percent_k, d)


def _cci(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    price = typical(high, low, close)
    centre, distance = windows.mean_and_absolute_deviation(price, length)
    distance *= 0.015
    return ratio(np.subtract(price, centre, out=centre), distance, 0.0)


def _willr(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    place = place_in_range(close, high, low, length)
    place -= 1.0
    place *= 100.0
    return place


def rate_of_change(source: FloatArray, length: int) -> FloatArray:
    """Return the change over `length` bars in percent; 0 where the earlier value is 0."""
    earlier = delayed(source, length)
    result = ratio(source - earlier, earlier, 0.0)
    result *= 100.0
    return result


def _mom(source: FloatArray, length: int) -> FloatArray:
    return change(source, length)


def _slope(source: FloatArray, length: int) -> FloatArray:
    rise = change(source, length)
    rise /= length
    return rise


def _trix(source: FloatArray, length: int, signal: int) -> tuple[FloatArray, FloatArray]:
    triple = source
    for _ in range(3):
        triple = recursions.exponential_mean(triple, length)
    line = rate_of_change(triple, 1)
    return line, windows.mean(line, signal)


ENTRIES = (
    IndicatorSpec(
        name="rsi",
        definition="100 * G / (G + L), Wilder's means of one-bar gains and losses; 50 where nothing moved.",
        published="J. Welles Wilder, 1978; TradingView ta.rsi. TA-Lib gives 0 where nothing moved: not used.",
        implementation=Implementation.OURS,
        compute=recursions.relative_strength,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="macd",
        definition=(
            "macd = EMA(fast) - EMA(slow), signal = EMA(macd, signal), hist = macd - signal; "
            "each EMA started with an SMA of its own first values."
        ),
        published=("Gerald Appel, 1979; TradingView ta.macd. TA-Lib's MACD starts the fast EMA later."),
        implementation=Implementation.OURS,
        compute=_macd,
        inputs=("source",),
        params=(window("fast"), window("slow"), window("signal")),
        warmup=lambda p: p["slow"] + p["signal"] - 2,
        memory=Memory.FADING,
        outputs=("macd", "signal", "hist"),
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="stoch",
        definition=(
            "k = SMA(smooth_k) of 100 * (close - lowest low) / (highest high - lowest low) over k bars, "
            "d = SMA(d) of k; the quotient is 50 where high and low are equal."
        ),
        published="George Lane; TradingView's Stochastic. TA-Lib gives 0 on a flat range: not used.",
        implementation=Implementation.OURS,
        compute=_stoch,
        inputs=("high", "low", "close"),
        params=(window("k"), window("d", 1), window("smooth_k", 1)),
        warmup=lambda p: p["k"] + p["smooth_k"] + p["d"] - 3,
        memory=Memory.WINDOW,
        outputs=("k", "d"),
    ),
    IndicatorSpec(
        name="stochrsi",
        definition=(
            "The stochastic of the RSI: k = SMA(k) of 100 * (RSI - lowest) / (highest - lowest) over length, "
            "d = SMA(d) of k; the quotient is 50 where the RSI stood still."
        ),
        published="Tushar Chande, Stanley Kroll, Stocks & Commodities 11:5, 1993; TradingView's.",
        implementation=Implementation.OURS,
        compute=_stochrsi,
        inputs=("source",),
        params=(window(), window("rsi_length"), window("k", 1), window("d", 1)),
        warmup=lambda p: p["rsi_length"] + p["length"] + p["k"] + p["d"] - 3,
        memory=Memory.FADING,
        outputs=("k", "d"),
    ),
    IndicatorSpec(
        name="cci",
        definition=(
            "(typical - SMA) / (0.015 * mean absolute deviation), typical = (high + low + close) / 3; "
            "0 where nothing moved."
        ),
        published="Donald Lambert, 1980; TradingView ta.cci of hlc3. pandas-ta's native path is broken.",
        implementation=Implementation.OURS,
        compute=_cci,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="willr",
        definition=(
            "-100 * (highest high - close) / (highest high - lowest low) over length; "
            "-50 where they are equal."
        ),
        published="Larry Williams, 1973; TradingView ta.wpr. TA-Lib gives 0 on a flat range: not used.",
        implementation=Implementation.OURS,
        compute=_willr,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="roc",
        definition="100 * (value / value length bars ago - 1); 0 where the earlier value is 0.",
        published="Common definition; TradingView ta.roc.",
        implementation=Implementation.OURS,
        compute=rate_of_change,
        inputs=("source",),
        params=(window(minimum=1),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="mom",
        definition="value - value length bars ago.",
        published="Common definition; TradingView ta.mom.",
        implementation=Implementation.OURS,
        compute=_mom,
        inputs=("source",),
        params=(window(minimum=1),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="slope",
        definition="(value - value length bars ago) / length. The slope of a regression is in `linreg`.",
        published="pandas-ta slope.",
        implementation=Implementation.OURS,
        compute=_slope,
        inputs=("source",),
        params=(window(minimum=1),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="trix",
        definition=(
            "trix = one-bar change in percent of EMA(EMA(EMA)) over length, signal = SMA(signal) of it; "
            "0 where the triple EMA was 0."
        ),
        published="Jack Hutson, Stocks & Commodities 1:5, 1983. TradingView's is of the logarithm, x 10,000.",
        implementation=Implementation.OURS,
        compute=_trix,
        inputs=("source",),
        params=(window(), window("signal", 1)),
        warmup=lambda p: 3 * (p["length"] - 1) + p["signal"],
        memory=Memory.FADING,
        outputs=("trix", "signal"),
    ),
)
