"""Prices made of prices, and what holding for some bars returned."""

from __future__ import annotations

import numpy as np

from engine.features import recursions
from engine.features.arithmetic import delayed, ratio
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, window


def _wcp(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    result = 2.0 * close
    result += high
    result += low
    result /= 4.0
    return result


def _growth(source: FloatArray, length: int) -> FloatArray:
    return ratio(source, delayed(source, length), 1.0)


def _log_return(source: FloatArray, length: int) -> FloatArray:
    growth = _growth(source, length)
    # a volume of 0 has no logarithm: nothing is gained where either end is 0
    growth[growth == 0.0] = 1.0
    # of a source below nought, as funding can be, there is none
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(growth, out=growth)


def _percent_return(source: FloatArray, length: int) -> FloatArray:
    growth = _growth(source, length)
    growth -= 1.0
    return growth


def _ha(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    new_close = open_ + high
    new_close += low
    new_close += close
    new_close /= 4.0
    new_open = recursions.heikin_ashi_open(open_, close, new_close)
    top, bottom = np.maximum(new_open, new_close), np.minimum(new_open, new_close)
    return new_open, np.maximum(top, high, out=top), np.minimum(bottom, low, out=bottom), new_close


ENTRIES = (
    IndicatorSpec(
        name="wcp",
        definition="(high + low + 2 * close) / 4.",
        published="Common definition; TA-Lib WCLPRICE. pandas-ta's native path forgets to divide.",
        implementation=Implementation.OURS,
        compute=_wcp,
        inputs=("high", "low", "close"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="log_return",
        definition="Natural logarithm of value / value length bars ago; 0 where either is 0.",
        published="Common definition.",
        implementation=Implementation.OURS,
        compute=_log_return,
        inputs=("source",),
        params=(window(minimum=1),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="percent_return",
        definition="value / value length bars ago - 1, a fraction; 0 where the earlier value is 0.",
        published="Common definition; pandas-ta percent_return.",
        implementation=Implementation.OURS,
        compute=_percent_return,
        inputs=("source",),
        params=(window(minimum=1),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="ha",
        definition=(
            "close = (open + high + low + close) / 4, open = mean of open and close of the bar before (of "
            "this one's candle on the first), high and low = the extremes of candle, open and close."
        ),
        published="Heikin-Ashi, Munehisa Homma; TradingView's ticker.heikinashi.",
        implementation=Implementation.OURS,
        compute=_ha,
        inputs=("open", "high", "low", "close"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.FADING,
        outputs=("open", "high", "low", "close"),
    ),
)
