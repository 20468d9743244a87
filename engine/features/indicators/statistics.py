"""Statistics of the last values."""

from __future__ import annotations

import numpy as np

from engine.features import windows
from engine.features.arithmetic import ratio
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, window


def _stdev(source: FloatArray, length: int) -> FloatArray:
    return windows.mean_and_deviation(source, length)[1]


def _zscore(source: FloatArray, length: int) -> FloatArray:
    centre, deviation = windows.mean_and_deviation(source, length)
    return ratio(np.subtract(source, centre, out=centre), deviation, 0.0)


ENTRIES = (
    IndicatorSpec(
        name="stdev",
        definition="Population standard deviation of the last `length` values (divided by length).",
        published="TradingView ta.stdev. pandas-ta's native path divides by length - 1: not used.",
        implementation=Implementation.OURS,
        compute=_stdev,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="zscore",
        definition="(value - SMA) / population standard deviation over `length`; 0 where nothing moved.",
        published="Common definition, with TradingView's ta.stdev; pandas-ta's divides by length - 1.",
        implementation=Implementation.OURS,
        compute=_zscore,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
)
