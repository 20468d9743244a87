"""Volume: money going in and out."""

from __future__ import annotations

import numpy as np

from engine.features import windows
from engine.features.arithmetic import change, ratio, typical
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, window


def _obv(close: FloatArray, volume: FloatArray) -> FloatArray:
    return np.cumsum(np.sign(np.diff(close, prepend=close[:1])) * volume)


def _money_flow(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    place = 2.0 * close
    place -= low
    place -= high
    flow = ratio(place, high - low, 0.0)
    flow *= volume
    return flow


def accumulation(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    """Return the accumulation/distribution line."""
    return np.cumsum(_money_flow(high, low, close, volume))


def _cmf(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, length: int) -> FloatArray:
    flow = _money_flow(high, low, close, volume)
    return ratio(windows.total(flow, length), windows.total(volume, length), 0.0)


def _mfi(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, length: int) -> FloatArray:
    price = typical(high, low, close)
    movement = change(price)
    price *= volume
    # nought times it first: NaN in the movement, as on the first bar, goes into both
    inward, outward = movement * 0.0, movement * 0.0
    np.copyto(inward, price, where=movement > 0.0)
    np.copyto(outward, price, where=movement < 0.0)
    inward, outward = windows.total(inward, length), windows.total(outward, length)
    outward += inward
    result = ratio(inward, outward, 0.5)
    result *= 100.0
    return result


ENTRIES = (
    IndicatorSpec(
        name="obv",
        definition="Running sum of volume, plus on a higher close, minus on a lower; 0 on the first bar.",
        published=(
            "Joseph Granville, 1963; TradingView ta.obv. TA-Lib and pandas-ta start with the first bar's "
            "volume. The level means nothing, only its changes do."
        ),
        implementation=Implementation.OURS,
        compute=_obv,
        inputs=("close", "volume"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WHOLE,
    ),
    IndicatorSpec(
        name="ad",
        definition=(
            "Running sum of volume * ((close - low) - (high - close)) / (high - low); nothing is added where "
            "high and low are equal."
        ),
        published="Marc Chaikin; TradingView ta.accdist. pandas-ta's differs when it is given the open.",
        implementation=Implementation.OURS,
        compute=accumulation,
        inputs=("high", "low", "close", "volume"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WHOLE,
    ),
    IndicatorSpec(
        name="cmf",
        definition=(
            "Sum of volume * ((close - low) - (high - close)) / (high - low) over `length` / sum of volume; "
            "a bar whose high and low are equal adds nothing, and it is 0 where nothing traded."
        ),
        published="Marc Chaikin; TradingView's Chaikin Money Flow.",
        implementation=Implementation.OURS,
        compute=_cmf,
        inputs=("high", "low", "close", "volume"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="mfi",
        definition=(
            "100 * U / (U + D), the sums over `length` of typical price * volume on bars whose typical price "
            "rose and fell; 50 where there is neither."
        ),
        published="Gene Quong, Avrum Soudack, 1989; TradingView ta.mfi. TA-Lib gives 0 below a flow of 1.",
        implementation=Implementation.OURS,
        compute=_mfi,
        inputs=("high", "low", "close", "volume"),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
    ),
)
