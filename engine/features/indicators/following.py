"""Lines that follow, and transforms that remember: each value is made of the one before."""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import change, delayed, middle
from engine.features.indicators.momentum import place_in_range
from engine.features.kernels import following
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window


def _fisher(high: FloatArray, low: FloatArray, *, length: int, signal: int) -> tuple[FloatArray, FloatArray]:
    price = middle(high, low)
    place = place_in_range(price, price, price, length)
    place -= 0.5
    result = np.empty(high.size)
    following.fisher(place, result)
    return result, delayed(result, signal)


def _qqe(
    source: FloatArray, *, length: int, smooth: int, factor: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    strength = recursions.exponential_mean(recursions.relative_strength(source, length), smooth)
    steps = change(strength)
    distance = np.abs(steps, out=steps)
    for _ in range(2):
        distance = recursions.exponential_mean(distance, 2 * length - 1)
    distance *= factor
    line, direction = np.empty(source.size), np.empty(source.size)
    following.trailing(strength, distance, line, direction)
    return strength, line, direction


def _stc(source: FloatArray, *, tc_length: int, fast: int, slow: int, factor: float) -> FloatArray:
    line = recursions.exponential_mean(source, fast)
    line -= recursions.exponential_mean(source, slow)
    for _ in range(2):
        lowest = windows.lowest(line, tc_length)
        spread = windows.highest(line, tc_length)
        spread -= lowest
        smoothed = np.empty(source.size)
        following.held_place(line, lowest, spread, factor, smoothed)
        line = smoothed
    return line


def _mcgd(source: FloatArray, length: int) -> FloatArray:
    result = np.empty(source.size)
    following.dynamic(source, windows.mean(source, length), length, result)
    return result


def _hilo(
    high: FloatArray, low: FloatArray, close: FloatArray, *, high_length: int, low_length: int
) -> tuple[FloatArray, FloatArray]:
    line, direction = np.empty(close.size), np.empty(close.size)
    high_mean, low_mean = windows.mean(high, high_length), windows.mean(low, low_length)
    following.high_low_activator(close, high_mean, low_mean, line, direction)
    return line, direction


ENTRIES = (
    IndicatorSpec(
        name="fisher",
        definition=(
            "fisher = 0.5 * ln((1 + v) / (1 - v)) + 0.5 * previous, v = 0.66 * (place of (high + low) / 2 in "
            "its range of length, less 0.5) + 0.67 * previous v, kept within 0.999; signal = fisher of "
            "`signal` bars ago. The place is the middle where nothing moved."
        ),
        published="John Ehlers, Stocks & Commodities 20:11, 2002; TradingView's Fisher Transform.",
        implementation=Implementation.OURS,
        compute=_fisher,
        inputs=("high", "low"),
        params=(window(), window("signal", 1)),
        warmup=lambda p: p["length"] - 1 + p["signal"],
        memory=Memory.FADING,
        outputs=("fisher", "signal"),
    ),
    IndicatorSpec(
        name="qqe",
        definition=(
            "rsi = EMA(smooth) of RSI(length); line trails it at factor * EMA of EMA of |one-bar change of "
            "rsi|, both over 2 * length - 1: the lower one only rises while rsi is above it, the upper only "
            "falls; direction is 1 while the line is below and turns when rsi crosses the line before."
        ),
        published="Igor Livshin; TradingView's QQE by Glaz. The same as pandas-ta's, which takes 27 s.",
        implementation=Implementation.OURS,
        compute=_qqe,
        inputs=("source",),
        params=(window(), window("smooth"), multiple("factor")),
        warmup=lambda p: 5 * p["length"] + p["smooth"] - 4,
        memory=Memory.WHOLE,
        outputs=("rsi", "line", "direction"),
    ),
    IndicatorSpec(
        name="stc",
        definition=(
            "Twice over, from EMA(fast) - EMA(slow): the place in its range of tc_length, 0 to 100 (the last "
            "one where there is no range), moving by `factor` from the one before to the newest."
        ),
        published="Doug Schaff, 1999; TradingView's Schaff Trend Cycle. pandas-ta's needs a line above 0.",
        implementation=Implementation.OURS,
        compute=_stc,
        inputs=("source",),
        params=(window("tc_length"), window("fast"), window("slow"), multiple("factor", 0.01, 1.0)),
        warmup=lambda p: p["slow"] - 1 + 2 * (p["tc_length"] - 1),
        memory=Memory.FADING,
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="mcgd",
        definition=(
            "previous + (value - previous) / max(length * (value / previous)^4, 1); starts with the SMA."
        ),
        published="John McGinley, 1990; TradingView's McGinley Dynamic. pandas-ta's does not accumulate.",
        implementation=Implementation.OURS,
        compute=_mcgd,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="hilo",
        definition=(
            "direction is 1 from a close above the SMA of highs of the bar before on, -1 from one below the "
            "SMA of lows; line = the SMA of lows while it is 1, of highs while it is -1. Starts with 1."
        ),
        published="Robert Krausz, Stocks & Commodities 16:2, 1998 (Gann HiLo activator); TradingView's.",
        implementation=Implementation.OURS,
        compute=_hilo,
        inputs=("high", "low", "close"),
        params=(window("high_length"), window("low_length")),
        warmup=lambda p: max(p["high_length"], p["low_length"]) - 1,
        memory=Memory.FADING,
        outputs=("line", "direction"),
    ),
)
