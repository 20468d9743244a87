"""Oscillators of one series: around nought, or between two ends."""

from __future__ import annotations

import numpy as np

from engine.features import recursions, windows
from engine.features.arithmetic import change, efficiency, ratio
from engine.features.indicators.momentum import rate_of_change
from engine.features.indicators.moving_averages import AVERAGES, MAMODE
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, window


def _apo(source: FloatArray, *, fast: int, slow: int, mamode: str) -> FloatArray:
    result = AVERAGES[mamode](source, fast)
    result -= AVERAGES[mamode](source, slow)
    return result


def _with_signal(line: FloatArray, length: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    signal = recursions.exponential_mean(line, length)
    return line, signal, line - signal


def percentage_oscillator(
    source: FloatArray, *, fast: int, slow: int, signal: int, mamode: str = "ema"
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the distance of two averages in percent of the slower, its EMA, and what lies between both."""
    slower = AVERAGES[mamode](source, slow)
    line = AVERAGES[mamode](source, fast)
    line -= slower
    line = ratio(line, slower, 0.0)
    line *= 100.0
    return _with_signal(line, signal)


def _bias(source: FloatArray, length: int) -> FloatArray:
    result = ratio(source, windows.mean(source, length), 1.0)
    result -= 1.0
    return result


def _cmo(source: FloatArray, length: int) -> FloatArray:
    steps = change(source)
    # the changes of a window add up to its whole change
    result = ratio(change(source, length), windows.total(np.abs(steps, out=steps), length), 0.0)
    result *= 100.0
    return result


def _coppock(source: FloatArray, *, length: int, fast: int, slow: int) -> FloatArray:
    rates = rate_of_change(source, fast)
    rates += rate_of_change(source, slow)
    return windows.weighted_mean(rates, length)


def _cti(source: FloatArray, length: int) -> FloatArray:
    _, slope = windows.mean_and_slope(source, length)
    _, deviation = windows.mean_and_deviation(source, length)
    slope *= ((length * length - 1) / 12.0) ** 0.5
    # rounding must not carry a correlation beyond its ends
    return np.clip(ratio(slope, deviation, 0.0), -1.0, 1.0)


def _dpo(source: FloatArray, length: int) -> FloatArray:
    result = source.copy()
    average, back = windows.mean(source, length), length // 2 + 1
    result[:back] = np.nan
    result[back:] -= average[: max(source.size - back, 0)]
    return result


def _kst(source: FloatArray, *, signal: int, **lengths: int) -> tuple[FloatArray, FloatArray]:
    line = np.zeros(source.size)
    for weight in (1, 2, 3, 4):
        rate = rate_of_change(source, lengths[f"roc{weight}"])
        line += weight * windows.mean(rate, lengths[f"sma{weight}"])
    return line, windows.mean(line, signal)


def _psl(source: FloatArray, length: int) -> FloatArray:
    steps = change(source)
    rises = steps * 0.0
    rises[steps > 0.0] = 1.0
    result = windows.total(rises, length)
    result *= 100.0 / length
    return result


def _tsi(source: FloatArray, *, fast: int, slow: int, signal: int) -> tuple[FloatArray, FloatArray]:
    steps = change(source)
    smooth = recursions.exponential_mean(recursions.exponential_mean(steps, slow), fast)
    np.abs(steps, out=steps)
    line = ratio(smooth, recursions.exponential_mean(recursions.exponential_mean(steps, slow), fast), 0.0)
    line *= 100.0
    return line, recursions.exponential_mean(line, signal)


ENTRIES = (
    IndicatorSpec(
        name="apo",
        definition="Mean(fast) - mean(slow), both of the kind `mamode` (ema or sma).",
        published="Common definition; TA-Lib APO.",
        implementation=Implementation.OURS,
        compute=_apo,
        inputs=("source",),
        params=(window("fast"), window("slow"), MAMODE),
        warmup=lambda p: p["slow"] - 1,
        memory=Memory.FADING,
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="ppo",
        definition=(
            "ppo = 100 * (mean(fast) - mean(slow)) / mean(slow), both of the kind `mamode` (ema or sma), "
            "signal = EMA(signal) of it, hist = ppo - signal; ppo is 0 where the slow mean is."
        ),
        published="Gerald Appel; TradingView's Price Oscillator.",
        implementation=Implementation.OURS,
        compute=percentage_oscillator,
        inputs=("source",),
        params=(window("fast"), window("slow"), window("signal"), MAMODE),
        warmup=lambda p: p["slow"] + p["signal"] - 2,
        memory=Memory.FADING,
        outputs=("ppo", "signal", "hist"),
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="bias",
        definition="value / SMA - 1; 0 where the SMA is 0.",
        published="Common definition; pandas-ta bias.",
        implementation=Implementation.OURS,
        compute=_bias,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="cmo",
        definition="100 * (sum of rises - sum of falls) / sum of both over length; 0 where nothing moved.",
        published="Tushar Chande, Stanley Kroll, 1994; TradingView ta.cmo. TA-Lib's smooths by Wilder.",
        implementation=Implementation.OURS,
        compute=_cmo,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="coppock",
        definition="WMA(length) of ROC(fast) + ROC(slow).",
        published="E. S. C. Coppock, 1962; TradingView's Coppock Curve.",
        implementation=Implementation.OURS,
        compute=_coppock,
        inputs=("source",),
        params=(window(), window("fast", 1), window("slow", 1)),
        warmup=lambda p: max(p["fast"], p["slow"]) + p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="cti",
        definition="Correlation of the last `length` values with their place in time; 0 where nothing moved.",
        published="John Ehlers, Stocks & Commodities 38:5, 2020 (correlation trend indicator).",
        implementation=Implementation.OURS,
        compute=_cti,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="dpo",
        definition="value - SMA(length) of floor(length / 2) + 1 bars ago.",
        published=(
            "TradingView's Detrended Price Oscillator, not centred. pandas-ta's default is centred: it looks "
            "into the future."
        ),
        implementation=Implementation.OURS,
        compute=_dpo,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] + p["length"] // 2,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="er",
        definition="|change over length| / sum of |one-bar changes|; 0 where nothing moved.",
        published="Perry Kaufman, Smarter Trading, 1995 (efficiency ratio).",
        implementation=Implementation.OURS,
        compute=efficiency,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="kst",
        definition=("kst = sum over k = 1 … 4 of k * SMA(sma_k) of ROC(roc_k), signal = SMA(signal) of it."),
        published="Martin Pring, 1992; TradingView's Know Sure Thing. pandas-ta's is 100 times that.",
        implementation=Implementation.OURS,
        compute=_kst,
        inputs=("source",),
        params=(
            *(window(f"roc{k}", 1) for k in (1, 2, 3, 4)),
            *(window(f"sma{k}") for k in (1, 2, 3, 4)),
            window("signal", 1),
        ),
        warmup=lambda p: (
            max(p["roc1"] + p["sma1"], p["roc2"] + p["sma2"], p["roc3"] + p["sma3"], p["roc4"] + p["sma4"])
            + p["signal"]
            - 2
        ),
        memory=Memory.WINDOW,
        outputs=("kst", "signal"),
    ),
    IndicatorSpec(
        name="psl",
        definition="Share of the last `length` bars on which the value rose, in percent.",
        published="Common definition (psychological line); pandas-ta psl.",
        implementation=Implementation.OURS,
        compute=_psl,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="tsi",
        definition=(
            "tsi = 100 * EMA(fast) of EMA(slow) of one-bar changes / the same of their sizes, signal = "
            "EMA(signal) of it; 0 where nothing moved."
        ),
        published="William Blau, Stocks & Commodities 9:11, 1991; TradingView ta.tsi, times 100.",
        implementation=Implementation.OURS,
        compute=_tsi,
        inputs=("source",),
        params=(window("fast"), window("slow"), window("signal")),
        warmup=lambda p: p["fast"] + p["slow"] + p["signal"] - 2,
        memory=Memory.FADING,
        outputs=("tsi", "signal"),
    ),
)
