"""Candle patterns, as TA-Lib recognises them: 100 on a bullish one, -100 on a bearish one, 0 on none.

What counts as long, short or equal is measured against the candles just before; the thresholds are TA-Lib's
defaults. A pattern is given on the bar that completes it.
"""

from __future__ import annotations

import numpy as np

from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory
from engine.features.vendor import talib_pattern

# name in cards, TA-Lib's function, bars it looks back, what it looks for
_PATTERNS = (
    ("cdl_doji", "CDLDOJI", 10, "open and close almost equal"),
    ("cdl_dragonflydoji", "CDLDRAGONFLYDOJI", 10, "a doji at the high of its bar"),
    ("cdl_gravestonedoji", "CDLGRAVESTONEDOJI", 10, "a doji at the low of its bar"),
    ("cdl_engulfing", "CDLENGULFING", 2, "a body that holds the opposite body before it"),
    ("cdl_hammer", "CDLHAMMER", 11, "a small body over a long lower shadow, near the low before"),
    ("cdl_hangingman", "CDLHANGINGMAN", 11, "a small body over a long lower shadow, near the high before"),
    ("cdl_invertedhammer", "CDLINVERTEDHAMMER", 11, "a small body under a long upper shadow, gapped down"),
    ("cdl_shootingstar", "CDLSHOOTINGSTAR", 11, "a small body under a long upper shadow, gapped up"),
    ("cdl_harami", "CDLHARAMI", 11, "a short body inside the long body before it"),
    ("cdl_marubozu", "CDLMARUBOZU", 10, "a long body with almost no shadows"),
    ("cdl_spinningtop", "CDLSPINNINGTOP", 10, "a short body with longer shadows on both sides"),
    (
        "cdl_3whitesoldiers",
        "CDL3WHITESOLDIERS",
        12,
        "three rising long bodies, each opening in the one before",
    ),
    ("cdl_3blackcrows", "CDL3BLACKCROWS", 13, "three falling bodies after a rising one"),
    ("cdl_3inside", "CDL3INSIDE", 12, "a harami, and a close that confirms its turn"),
    ("cdl_3outside", "CDL3OUTSIDE", 3, "an engulfing body, and a close that confirms its turn"),
)


def _entry(name: str, function: str, lookback: int, looks_for: str) -> IndicatorSpec:
    def compute(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
        found = talib_pattern(function, open_, high, low, close)
        found[:lookback] = np.nan
        return found

    return IndicatorSpec(
        name=name,
        definition=f"100 or -100 on {looks_for}; 0 otherwise.",
        published=f"TA-Lib {function}, as in pandas-ta cdl_pattern.",
        implementation=Implementation.TALIB,
        compute=compute,
        inputs=("open", "high", "low", "close"),
        params=(),
        warmup=lambda _: lookback,
        memory=Memory.WINDOW,
        function=function,
    )


ENTRIES = tuple(_entry(*pattern) for pattern in _PATTERNS)
