"""Ranges: bands, distances and unrest that are made of them."""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import change, delayed, ratio, typical
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window


def _aberration(
    high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, atr_length: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    centre = windows.mean(typical(high, low, close), length)
    distance = recursions.average_true_range(high, low, close, atr_length)
    upper = centre + distance
    return np.subtract(centre, distance, out=distance), centre, upper


def _accbands(
    high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, c: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    share = ratio(high - low, high + low, 0.0)
    share *= c
    upper = windows.mean(high * (1.0 + share), length)
    lower = windows.mean(low * (1.0 - share), length)
    return lower, windows.mean(close, length), upper


def _chandelier_exit(
    high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, multiplier: float
) -> tuple[FloatArray, FloatArray]:
    distance = recursions.average_true_range(high, low, close, length)
    distance *= multiplier
    long, short = windows.highest(high, length), windows.lowest(low, length)
    long -= distance
    short += distance
    return long, short


def _massi(high: FloatArray, low: FloatArray, *, fast: int, slow: int) -> FloatArray:
    once = recursions.exponential_mean(high - low, fast)
    return windows.total(ratio(once, recursions.exponential_mean(once, fast), 1.0), slow)


def _pdist(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    result = open_ - delayed(close, 1)
    np.abs(result, out=result)
    result += 2.0 * (high - low)
    result -= np.abs(close - open_)
    return result


def _rolling_range(high: FloatArray, low: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    bottom, top = windows.lowest(low, length), windows.highest(high, length)
    # before there are enough bars, of all there are
    bottom[: length - 1] = np.minimum.accumulate(low[: length - 1])
    top[: length - 1] = np.maximum.accumulate(high[: length - 1])
    return bottom, top


def _rvi(source: FloatArray, length: int) -> FloatArray:
    steps = change(source)
    _, deviation = windows.mean_and_deviation(source, length)
    up = recursions.exponential_mean(np.where(steps > 0.0, deviation, deviation * 0.0), length)
    down = recursions.exponential_mean(np.where(steps < 0.0, deviation, deviation * 0.0), length)
    down += up
    result = ratio(up, down, 0.5)
    result *= 100.0
    return result


def _thermo(high: FloatArray, low: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    up, down = change(high), change(low)
    heat = np.maximum(np.abs(up, out=up), np.abs(down, out=down), out=up)
    return heat, recursions.exponential_mean(heat, length)


def _ui(source: FloatArray, length: int) -> FloatArray:
    fall = ratio(source, windows.highest(source, length), 1.0)
    fall -= 1.0
    fall *= 100.0
    fall *= fall
    result = windows.mean(fall, length)
    # never below nought but by rounding
    return np.sqrt(np.maximum(result, 0.0, out=result), out=result)


ENTRIES = (
    IndicatorSpec(
        name="aberration",
        definition=(
            "middle = SMA(length) of (high + low + close) / 3, lower and upper = middle -/+ ATR(atr_length)."
        ),
        published="Keith Fitschen, 1986; pandas-ta aberration.",
        implementation=Implementation.OURS,
        compute=_aberration,
        inputs=("high", "low", "close"),
        params=(window(), window("atr_length")),
        warmup=lambda p: max(p["length"], p["atr_length"]) - 1,
        memory=Memory.FADING,
        outputs=("lower", "middle", "upper"),
    ),
    IndicatorSpec(
        name="accbands",
        definition=(
            "SMA of low * (1 - w), of close and of high * (1 + w), w = c * (high - low) / (high + low)."
        ),
        published="Price Headley, Big Trends in Trading, 2002 (acceleration bands, c = 4); TA-Lib ACCBANDS.",
        implementation=Implementation.OURS,
        compute=_accbands,
        inputs=("high", "low", "close"),
        params=(window(), multiple("c")),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
        outputs=("lower", "middle", "upper"),
    ),
    IndicatorSpec(
        name="chandelier_exit",
        definition=(
            "long = highest high - multiplier * ATR, short = lowest low + multiplier * ATR, all of length: "
            "the stop of a long and of a short position, the newest bar among them."
        ),
        published="Charles Le Beau, in Alexander Elder, Come Into My Trading Room, 2002.",
        implementation=Implementation.OURS,
        compute=_chandelier_exit,
        inputs=("high", "low", "close"),
        params=(window(), multiple("multiplier")),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
        outputs=("long", "short"),
    ),
    IndicatorSpec(
        name="massi",
        definition=(
            "Sum over slow of EMA(fast) / EMA(fast) of EMA(fast) of high - low; a quotient is 1 where there "
            "was no range."
        ),
        published="Donald Dorsey, Stocks & Commodities 10:6, 1992; TradingView's Mass Index.",
        implementation=Implementation.OURS,
        compute=_massi,
        inputs=("high", "low"),
        params=(window("fast"), window("slow")),
        warmup=lambda p: 2 * (p["fast"] - 1) + p["slow"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="pdist",
        definition="2 * (high - low) + |open - previous close| - |close - open|: the shortest way of a bar.",
        published="prodevelop; pandas-ta pdist.",
        implementation=Implementation.OURS,
        compute=_pdist,
        inputs=("open", "high", "low", "close"),
        params=(),
        warmup=lambda _: 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="rolling_range",
        definition="Lowest low and highest high of the last `length` bars, of all while there are fewer.",
        published="Ours: `donchian` without a warm-up.",
        implementation=Implementation.OURS,
        compute=_rolling_range,
        inputs=("high", "low"),
        params=(window(),),
        warmup=lambda _: 0,
        memory=Memory.FADING,
        outputs=("low", "high"),
    ),
    IndicatorSpec(
        name="rvi",
        definition=(
            "100 * U / (U + D): the EMA of the standard deviation on bars that rose, and on bars that fell, "
            "each 0 on the others; 50 where nothing moved. All of length."
        ),
        published="Donald Dorsey, Stocks & Commodities 11:6, 1993 (relative volatility index).",
        implementation=Implementation.OURS,
        compute=_rvi,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: 2 * (p["length"] - 1),
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="thermo",
        definition="thermo = the larger of |high - previous high| and |low - previous low|, ma = EMA of it.",
        published="Alexander Elder, Come Into My Trading Room, 2002 (thermometer).",
        implementation=Implementation.OURS,
        compute=_thermo,
        inputs=("high", "low"),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.FADING,
        outputs=("thermo", "ma"),
    ),
    IndicatorSpec(
        name="ui",
        definition=(
            "Square root of the mean over length of the squared distance from the highest value of length, "
            "in percent."
        ),
        published="Peter Martin, 1987 (ulcer index).",
        implementation=Implementation.OURS,
        compute=_ui,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: 2 * (p["length"] - 1),
        memory=Memory.WINDOW,
    ),
)
