"""Volatility: ranges, and the channels made of them."""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import ratio
from engine.features.indicators.moving_averages import AVERAGES, MAMODE
from engine.features.spec import (
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    multiple,
    window,
)


def _natr(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    result = recursions.average_true_range(high, low, close, length)
    result /= close
    result *= 100.0
    return result


def _bbands(source: FloatArray, *, length: int, std: float) -> tuple[FloatArray, ...]:
    middle, distance = windows.mean_and_deviation(source, length)
    distance *= std
    upper = middle + distance
    lower = np.subtract(middle, distance, out=distance)
    width = upper - lower
    percent = ratio(source - lower, width, 0.5)
    bandwidth = np.divide(width, middle, out=width, where=width != 0.0)
    bandwidth *= 100.0
    return lower, middle, upper, bandwidth, percent


def _kc(
    high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, scalar: float, mamode: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    average = AVERAGES[mamode]
    middle = average(close, length)
    distance = average(recursions.true_range(high, low, close), length)
    distance *= scalar
    upper = middle + distance
    return np.subtract(middle, distance, out=distance), middle, upper


def _donchian(
    high: FloatArray, low: FloatArray, *, lower_length: int, upper_length: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    lower, upper = windows.lowest(low, lower_length), windows.highest(high, upper_length)
    return lower, (lower + upper) / 2.0, upper


ENTRIES = (
    IndicatorSpec(
        name="true_range",
        definition="max(high, previous close) - min(low, previous close); high - low on the first bar.",
        published="J. Welles Wilder, 1978; TradingView ta.tr(true).",
        implementation=Implementation.OURS,
        compute=recursions.true_range,
        inputs=("high", "low", "close"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="atr",
        definition="Wilder's mean of the true range over `length` bars.",
        published="J. Welles Wilder, 1978; TradingView ta.atr. TA-Lib leaves the first bar out of the mean.",
        implementation=Implementation.OURS,
        compute=recursions.average_true_range,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="natr",
        definition="100 * ATR / close.",
        published="John Forman, Stocks & Commodities 24:5, 2006. pandas-ta's native path differs: not used.",
        implementation=Implementation.OURS,
        compute=_natr,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="bbands",
        definition=(
            "middle = SMA(length), lower and upper = middle -/+ std * population standard deviation, "
            "bandwidth = 100 * (upper - lower) / middle, percent = (value - lower) / (upper - lower); "
            "percent is 0.5 and bandwidth 0 where nothing moved."
        ),
        published=(
            "John Bollinger, Bollinger on Bollinger Bands, 2001; TradingView ta.bb. pandas-ta's native path "
            "takes the sample deviation: not used."
        ),
        implementation=Implementation.OURS,
        compute=_bbands,
        inputs=("source",),
        params=(window(), multiple("std")),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
        outputs=("lower", "middle", "upper", "bandwidth", "percent"),
    ),
    IndicatorSpec(
        name="kc",
        definition=(
            "middle = mean of close over `length`, lower and upper = middle -/+ scalar * mean of the true "
            "range; both means are of the kind `mamode` (ema or sma)."
        ),
        published=(
            "Chester Keltner, 1960 (sma); Linda Raschke, TradingView ta.kc, pandas-ta (ema). The means are "
            "those of `ema` and `sma` here; pandas-ta's native path takes TA-Lib's where it is installed."
        ),
        implementation=Implementation.OURS,
        compute=_kc,
        inputs=("high", "low", "close"),
        params=(window(), multiple("scalar"), MAMODE),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
        outputs=("lower", "middle", "upper"),
    ),
    IndicatorSpec(
        name="donchian",
        definition=(
            "lower = lowest low of lower_length bars, upper = highest high of upper_length bars, the newest "
            "among them; middle = their mean. The level to break out of is that of the bar before: upper[1]."
        ),
        published="Richard Donchian; TradingView's Donchian Channels.",
        implementation=Implementation.OURS,
        compute=_donchian,
        inputs=("high", "low"),
        params=(window("lower_length"), window("upper_length")),
        warmup=lambda p: max(p["lower_length"], p["upper_length"]) - 1,
        memory=Memory.WINDOW,
        outputs=("lower", "middle", "upper"),
    ),
)
