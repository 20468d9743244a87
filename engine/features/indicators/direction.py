"""Direction: whether the market goes somewhere, and the lines that follow it."""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import change, delayed, ratio
from engine.features.indicators.weighted_averages import middle_of_range
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window


def _chop(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    way = windows.total(recursions.true_range(high, low, close), length)
    spread = windows.highest(high, length)
    spread -= windows.lowest(low, length)
    result = ratio(way, spread, float(length))
    np.log(result, out=result)
    result *= 100.0 / np.log(length)
    return result


def _cksp(
    high: FloatArray, low: FloatArray, close: FloatArray, *, p: int, x: float, q: int
) -> tuple[FloatArray, FloatArray]:
    distance = recursions.average_true_range(high, low, close, p)
    distance *= x
    long, short = windows.highest(high, p), windows.lowest(low, p)
    long -= distance
    short += distance
    return windows.highest(long, q), windows.lowest(short, q)


def _ichimoku(
    high: FloatArray, low: FloatArray, *, tenkan: int, kijun: int, senkou: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    conversion, base = middle_of_range(high, low, tenkan), middle_of_range(high, low, kijun)
    leading = conversion + base
    leading /= 2.0
    lagging = middle_of_range(high, low, senkou)
    return conversion, base, delayed(leading, kijun - 1), delayed(lagging, kijun - 1)


def _qstick(open_: FloatArray, close: FloatArray, length: int) -> FloatArray:
    return windows.mean(close - open_, length)


def _rwi(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    usual = recursions.average_true_range(high, low, close, length)
    usual *= length**0.5
    return ratio(high - delayed(low, length), usual, 0.0), ratio(delayed(high, length) - low, usual, 0.0)


def _vhf(source: FloatArray, length: int) -> FloatArray:
    spread = windows.highest(source, length)
    spread -= windows.lowest(source, length)
    steps = change(source)
    return ratio(spread, windows.total(np.abs(steps, out=steps), length), 0.0)


def _vortex(
    high: FloatArray, low: FloatArray, close: FloatArray, length: int
) -> tuple[FloatArray, FloatArray]:
    ranges = recursions.true_range(high, low, close)
    ranges[:1] = np.nan
    way = windows.total(ranges, length)
    upward, downward = high - delayed(low, 1), low - delayed(high, 1)
    upward = windows.total(np.abs(upward, out=upward), length)
    downward = windows.total(np.abs(downward, out=downward), length)
    return ratio(upward, way, 1.0), ratio(downward, way, 1.0)


ENTRIES = (
    IndicatorSpec(
        name="chop",
        definition=(
            "100 * log(sum of true range / (highest high - lowest low)) / log(length), all over length; 100 "
            "where high and low stood still."
        ),
        published="E. W. Dreiss; TradingView's Choppiness Index.",
        implementation=Implementation.OURS,
        compute=_chop,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="cksp",
        definition=(
            "long = highest over q of (highest high of p - x * ATR(p)), short = lowest over q of (lowest low "
            "of p + x * ATR(p)): the stop of a long and of a short position."
        ),
        published="Tushar Chande, Stanley Kroll, 1994; TradingView's Chande Kroll Stop.",
        implementation=Implementation.OURS,
        compute=_cksp,
        inputs=("high", "low", "close"),
        params=(window("p"), multiple("x"), window("q")),
        warmup=lambda p: p["p"] + p["q"] - 2,
        memory=Memory.FADING,
        outputs=("long", "short"),
    ),
    IndicatorSpec(
        name="ichimoku",
        definition=(
            "tenkan and kijun = (highest high + lowest low) / 2 of their bars, span_a = (tenkan + kijun) / 2 "
            "and span_b = the same of senkou bars, both of kijun - 1 bars ago: the cloud as it stands over "
            "this bar. The lagging span is the close, drawn in the past: compare close with close[25]."
        ),
        published="Goichi Hosoda, 1969; TradingView's Ichimoku Cloud.",
        implementation=Implementation.OURS,
        compute=_ichimoku,
        inputs=("high", "low"),
        params=(window("tenkan"), window("kijun"), window("senkou")),
        warmup=lambda p: max(p["tenkan"], p["kijun"], p["senkou"]) + p["kijun"] - 2,
        memory=Memory.WINDOW,
        outputs=("tenkan", "kijun", "span_a", "span_b"),
    ),
    IndicatorSpec(
        name="qstick",
        definition="SMA of close - open.",
        published="Tushar Chande, Stanley Kroll, 1994.",
        implementation=Implementation.OURS,
        compute=_qstick,
        inputs=("open", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="rwi",
        definition=(
            "high = (high - low of length bars ago) / (ATR * sqrt(length)), low = (high of length bars ago - "
            "low) / the same; 0 where nothing moved."
        ),
        published="Michael Poulos, Stocks & Commodities 9:2, 1991 (random walk index), of one length.",
        implementation=Implementation.OURS,
        compute=_rwi,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.FADING,
        outputs=("high", "low"),
    ),
    IndicatorSpec(
        name="vhf",
        definition=(
            "(highest - lowest value of length) / sum of the last length |one-bar changes|; 0 where nothing "
            "moved."
        ),
        published="Adam White, Futures, 1991 (vertical horizontal filter).",
        implementation=Implementation.OURS,
        compute=_vhf,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="vortex",
        definition=(
            "plus = sum of |high - previous low| / sum of true range over length, minus = that of "
            "|low - previous high|; both 1 where nothing moved."
        ),
        published="Etienne Botes, Douglas Siepman, Stocks & Commodities 28:1, 2010; TradingView's.",
        implementation=Implementation.OURS,
        compute=_vortex,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
        outputs=("plus", "minus"),
    ),
)
