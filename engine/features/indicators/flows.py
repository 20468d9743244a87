"""Flows: volume by the direction of the price."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.features import recursions, windows
from engine.features.arithmetic import change, delayed, middle, ratio, typical
from engine.features.indicators.oscillators import percentage_oscillator
from engine.features.indicators.volume import accumulation
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window
from engine.features.vendor import pandas_ta_native


def _adosc(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, *, fast: int, slow: int
) -> FloatArray:
    line = accumulation(high, low, close, volume)
    result = recursions.exponential_mean(line, fast)
    result -= recursions.exponential_mean(line, slow)
    return result


def _efi(source: FloatArray, volume: FloatArray, length: int) -> FloatArray:
    force = change(source)
    force *= volume
    return recursions.exponential_mean(force, length)


def _eom(high: FloatArray, low: FloatArray, volume: FloatArray, *, length: int, divisor: float) -> FloatArray:
    ease = change(middle(high, low))
    ease *= high - low
    ease *= divisor
    return windows.mean(ratio(ease, volume, 0.0), length)


def _kvo(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    *,
    fast: int,
    slow: int,
    signal: int,
) -> tuple[FloatArray, FloatArray]:
    flow = change(typical(high, low, close))
    # the sign, with +1 for no change; NaN stays
    flow[flow >= 0.0] = 1.0
    flow[flow < 0.0] = -1.0
    flow *= volume
    line = recursions.exponential_mean(flow, fast)
    line -= recursions.exponential_mean(flow, slow)
    return line, recursions.exponential_mean(line, signal)


def _growth_where(source: FloatArray, ignored: NDArray[np.bool_]) -> FloatArray:
    growth = ratio(source, delayed(source, 1), 1.0)
    growth[ignored] = 1.0
    growth[:1] = source[:1] * 0.0 + 1.0
    return growth.cumprod()


# a volume that is NaN is not ignored: it spoils what follows
def _nvi(source: FloatArray, volume: FloatArray) -> FloatArray:
    return _growth_where(source, change(volume) >= 0.0)


def _pvi(source: FloatArray, volume: FloatArray) -> FloatArray:
    return _growth_where(source, change(volume) <= 0.0)


def _pvo(
    volume: FloatArray, *, fast: int, slow: int, signal: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    return percentage_oscillator(volume, fast=fast, slow=slow, signal=signal)


def _pvol(source: FloatArray, volume: FloatArray) -> FloatArray:
    return pandas_ta_native("pvol", source, volume)


def _pvr(source: FloatArray, volume: FloatArray) -> FloatArray:
    moved, traded = change(source), change(volume)
    rank = np.ones(source.size)
    rank += 2.0 * (moved < 0.0)
    rank += traded < 0.0
    rank[np.isnan(moved) | np.isnan(traded)] = np.nan
    return rank


def _pvt(source: FloatArray, volume: FloatArray) -> FloatArray:
    flow = ratio(change(source), delayed(source, 1), 0.0)
    flow *= volume
    flow[:1] = source[:1] * volume[:1] * 0.0
    return np.cumsum(flow, out=flow)


ENTRIES = (
    IndicatorSpec(
        name="adosc",
        definition="EMA(fast) - EMA(slow) of the accumulation/distribution line `ad`.",
        published="Marc Chaikin; TradingView's Chaikin Oscillator. TA-Lib's EMAs start with the first value.",
        implementation=Implementation.OURS,
        compute=_adosc,
        inputs=("high", "low", "close", "volume"),
        params=(window("fast"), window("slow")),
        warmup=lambda p: p["slow"] - 1,
        memory=Memory.FADING,
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="efi",
        definition="EMA of the one-bar change * volume.",
        published="Alexander Elder, Trading for a Living, 1993; TradingView's Elder Force Index.",
        implementation=Implementation.OURS,
        compute=_efi,
        inputs=("source", "volume"),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="eom",
        definition=(
            "SMA of divisor * change of (high + low) / 2 * (high - low) / volume; nothing from a bar "
            "without volume."
        ),
        published="Richard Arms; TradingView's Ease of Movement.",
        implementation=Implementation.OURS,
        compute=_eom,
        inputs=("high", "low", "volume"),
        params=(window(), multiple("divisor", 1.0, 1e12)),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="kvo",
        definition=(
            "kvo = EMA(fast) - EMA(slow) of volume, minus where (high + low + close) / 3 fell, signal = "
            "EMA(signal) of it."
        ),
        published="Stephen Klinger, as TradingView's Klinger Oscillator simplifies it.",
        implementation=Implementation.OURS,
        compute=_kvo,
        inputs=("high", "low", "close", "volume"),
        params=(window("fast"), window("slow"), window("signal")),
        warmup=lambda p: p["slow"] + p["signal"] - 1,
        memory=Memory.FADING,
        outputs=("kvo", "signal"),
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="nvi",
        definition="Product of value / value before over all bars whose volume fell; 1 on the first bar.",
        published="Paul Dysart, Norman Fosback; TradingView ta.nvi. pandas-ta adds percentages instead.",
        implementation=Implementation.OURS,
        compute=_nvi,
        inputs=("source", "volume"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WHOLE,
    ),
    IndicatorSpec(
        name="pvi",
        definition="Product of value / value before over all bars whose volume rose; 1 on the first bar.",
        published="Paul Dysart, Norman Fosback; TradingView ta.pvi. pandas-ta 0.4.71b0 does not accumulate.",
        implementation=Implementation.OURS,
        compute=_pvi,
        inputs=("source", "volume"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WHOLE,
    ),
    IndicatorSpec(
        name="pvo",
        definition="The `ppo` of the volume, with EMAs.",
        published="Common definition; TradingView's Volume Oscillator has no signal.",
        implementation=Implementation.OURS,
        compute=_pvo,
        inputs=("volume",),
        params=(window("fast"), window("slow"), window("signal")),
        warmup=lambda p: p["slow"] + p["signal"] - 2,
        memory=Memory.FADING,
        outputs=("pvo", "signal", "hist"),
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="pvol",
        definition="value * volume.",
        published="pandas-ta pvol.",
        implementation=Implementation.PANDAS_TA,
        compute=_pvol,
        inputs=("source", "volume"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
        function="pvol",
    ),
    IndicatorSpec(
        name="pvr",
        definition=(
            "1: neither value nor volume fell, 2: the volume fell, 3: the value fell, 4: both fell, against "
            "the bar before."
        ),
        published="Anthony Macek, Stocks & Commodities 12:6, 1994 (price volume rank).",
        implementation=Implementation.OURS,
        compute=_pvr,
        inputs=("source", "volume"),
        params=(),
        warmup=lambda _: 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="pvt",
        definition="Running sum of volume * one-bar change / value before; 0 on the first bar.",
        published="Common definition; TradingView ta.pvt. pandas-ta's is 100 times that.",
        implementation=Implementation.OURS,
        compute=_pvt,
        inputs=("source", "volume"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WHOLE,
    ),
)
