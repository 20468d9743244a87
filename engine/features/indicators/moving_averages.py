"""Moving averages, and the regression line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.features import recursions, windows
from engine.features.arithmetic import efficiency
from engine.features.spec import (
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    ParamKind,
    ParamSpec,
    window,
)

AVERAGES: Mapping[str, Callable[[FloatArray, int], FloatArray]] = MappingProxyType(
    {"ema": recursions.exponential_mean, "sma": windows.mean}
)
"""The kinds of average a `mamode` chooses from."""
MAMODE = ParamSpec("mamode", ParamKind.CHOICE, choices=tuple(AVERAGES))


def _hma(source: FloatArray, length: int) -> FloatArray:
    ahead = windows.weighted_mean(source, length // 2)
    ahead *= 2.0
    ahead -= windows.weighted_mean(source, length)
    return windows.weighted_mean(ahead, int(length**0.5))


def _dema(source: FloatArray, length: int) -> FloatArray:
    once = recursions.exponential_mean(source, length)
    twice = recursions.exponential_mean(once, length)
    once *= 2.0
    once -= twice
    return once


def _tema(source: FloatArray, length: int) -> FloatArray:
    once = recursions.exponential_mean(source, length)
    twice = recursions.exponential_mean(once, length)
    once -= twice
    once *= 3.0
    once += recursions.exponential_mean(twice, length)
    return once


def _kama(source: FloatArray, *, length: int, fast: int, slow: int) -> FloatArray:
    share = efficiency(source, length)
    fastest, slowest = 2.0 / (fast + 1), 2.0 / (slow + 1)
    share *= fastest - slowest
    share += slowest
    share *= share
    return recursions.adaptive_mean(source, share, length)


ENTRIES = (
    IndicatorSpec(
        name="sma",
        definition="Sum of the last `length` values / `length`.",
        published="Common definition; TradingView ta.sma. TA-Lib's keeps rounding errors: not used.",
        implementation=Implementation.OURS,
        compute=windows.mean,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="ema",
        definition="previous + 2 / (length + 1) * (value - previous); starts with the SMA of `length`.",
        published="Common definition; TradingView ta.ema.",
        implementation=Implementation.OURS,
        compute=recursions.exponential_mean,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="wma",
        definition="Mean with weights length, length - 1 … 1, the newest value weighing most.",
        published="Common definition; TradingView ta.wma.",
        implementation=Implementation.OURS,
        compute=windows.weighted_mean,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="hma",
        definition="WMA over floor(sqrt(length)) of 2 * WMA(floor(length / 2)) - WMA(length).",
        published="Alan Hull, 2005; TradingView ta.hma.",
        implementation=Implementation.OURS,
        compute=_hma,
        inputs=("source",),
        params=(window(minimum=4),),
        warmup=lambda p: p["length"] + int(p["length"] ** 0.5) - 2,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="dema",
        definition="2 * EMA - EMA(EMA), each EMA started with an SMA.",
        published="Patrick Mulloy, Stocks & Commodities 12:1, 1994.",
        implementation=Implementation.OURS,
        compute=_dema,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: 2 * (p["length"] - 1),
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="tema",
        definition="3 * EMA - 3 * EMA(EMA) + EMA(EMA(EMA)), each EMA started with an SMA.",
        published="Patrick Mulloy, Stocks & Commodities 12:2, 1994.",
        implementation=Implementation.OURS,
        compute=_tema,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: 3 * (p["length"] - 1),
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="rma",
        definition="previous + (value - previous) / length; starts with the SMA of `length` values.",
        published=(
            "J. Welles Wilder, New Concepts in Technical Trading Systems, 1978; TradingView ta.rma. "
            "pandas-ta starts with the first value instead."
        ),
        implementation=Implementation.OURS,
        compute=recursions.wilder_mean,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.FADING,
    ),
    IndicatorSpec(
        name="kama",
        definition=(
            "previous + s * (value - previous), s = (E * (2/(fast+1) - 2/(slow+1)) + 2/(slow+1))^2, "
            "E = |change over length| / sum of |one-bar changes|, 0 where nothing moved. Starts from the "
            "price before the first value."
        ),
        published="Perry Kaufman, Smarter Trading, 1995. TA-Lib has the same with fast 2 and slow 30 fixed.",
        implementation=Implementation.OURS,
        compute=_kama,
        inputs=("source",),
        params=(window(), window("fast", 1), window("slow")),
        warmup=lambda p: p["length"],
        memory=Memory.FADING,
        ordered=(("fast", "<", "slow"),),
    ),
    IndicatorSpec(
        name="vwma",
        definition="Sum of value * volume / sum of volume over `length` bars; the SMA where nothing traded.",
        published="Common definition; TradingView ta.vwma.",
        implementation=Implementation.OURS,
        compute=windows.mean_by,
        inputs=("source", "volume"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
    ),
    IndicatorSpec(
        name="linreg",
        definition=(
            "Least-squares line through the last `length` values: `value` at the newest bar, `slope` per bar."
        ),
        published="Common definition; TradingView ta.linreg with offset 0.",
        implementation=Implementation.OURS,
        compute=windows.regression,
        inputs=("source",),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
        outputs=("value", "slope"),
    ),
)
