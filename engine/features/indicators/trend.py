"""Trend: how strong, which way, and where it would turn."""

from __future__ import annotations

from engine.features import recursions, windows
from engine.features.arithmetic import middle
from engine.features.spec import FloatArray, Implementation, IndicatorSpec, Memory, multiple, window


def _aroon(high: FloatArray, low: FloatArray, length: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    up, down = windows.bars_since_highest(high, length + 1), windows.bars_since_lowest(low, length + 1)
    up, down = (100.0 - ages * (100.0 / length) for ages in (up, down))
    return up, down, up - down


def _supertrend(
    high: FloatArray, low: FloatArray, close: FloatArray, *, length: int, multiplier: float
) -> tuple[FloatArray, FloatArray]:
    distance = recursions.average_true_range(high, low, close, length)
    distance *= multiplier
    return recursions.supertrend(middle(high, low), close, distance)


def _psar(
    high: FloatArray, low: FloatArray, *, af0: float, af: float, max_af: float
) -> tuple[FloatArray, FloatArray]:
    return recursions.parabolic(high, low, af0, af, max_af)


ENTRIES = (
    IndicatorSpec(
        name="adx",
        definition=(
            "dmp, dmn = 100 * Wilder's sum of plus and minus directional movement / that of true range; "
            "adx = Wilder's mean of 100 * |dmp - dmn| / (dmp + dmn)."
        ),
        published=(
            "J. Welles Wilder, 1978; TradingView ta.dmi with both lengths equal. The start is TA-Lib's. "
            "pandas-ta's TA-Lib path returns the raw movement PLUS_DM and MINUS_DM instead of dmp and dmn."
        ),
        implementation=Implementation.OURS,
        compute=recursions.directional,
        inputs=("high", "low", "close"),
        params=(window(),),
        warmup=lambda p: 2 * p["length"] - 1,
        memory=Memory.FADING,
        outputs=("adx", "dmp", "dmn"),
    ),
    IndicatorSpec(
        name="aroon",
        definition=(
            "up = 100 * (length - bars since the highest high of length + 1 bars) / length, down the same of "
            "the lowest low, osc = up - down. Of equal extremes the latest counts."
        ),
        published="Tushar Chande, Stocks & Commodities 13:9, 1995; TradingView's Aroon.",
        implementation=Implementation.OURS,
        compute=_aroon,
        inputs=("high", "low"),
        params=(window(),),
        warmup=lambda p: p["length"],
        memory=Memory.WINDOW,
        outputs=("up", "down", "osc"),
    ),
    IndicatorSpec(
        name="supertrend",
        definition=(
            "Bands at hl2 -/+ multiplier * ATR(length); the lower may only rise and the upper only fall, "
            "unless the previous close was beyond it. trend = the lower band while direction is 1 (up), the "
            "upper while it is -1 (down); it turns when a bar closes beyond it. Starts down."
        ),
        published=(
            "Olivier Seban; the rules of TradingView's manual for ta.supertrend, whose direction has "
            "the opposite sign (this is pandas-ta's). pandas-ta takes 8 s for a year of minutes and compares "
            "the close with the band of the bar before: not used."
        ),
        implementation=Implementation.OURS,
        compute=_supertrend,
        inputs=("high", "low", "close"),
        params=(window(), multiple("multiplier")),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WHOLE,
        outputs=("trend", "direction"),
    ),
    IndicatorSpec(
        name="psar",
        definition=(
            "sar moves towards the extreme of the trend by the share af0, more by af at each new extreme, at "
            "most max_af, never into the last two bars; it turns when it is touched. direction is 1 (up) "
            "or -1 (down)."
        ),
        published=(
            "J. Welles Wilder, 1978; the same as TA-Lib's SAREXT. The first direction is that of the first "
            "movement. pandas-ta's grows by af0 instead of af and looks at one bar instead of two: not used."
        ),
        implementation=Implementation.OURS,
        compute=_psar,
        inputs=("high", "low"),
        params=(multiple("af0", 0.001, 1.0), multiple("af", 0.001, 1.0), multiple("max_af", 0.001, 1.0)),
        warmup=lambda _: 1,
        memory=Memory.WHOLE,
        outputs=("sar", "direction"),
        ordered=(("af0", "<=", "max_af"), ("af", "<=", "max_af")),
    ),
)
