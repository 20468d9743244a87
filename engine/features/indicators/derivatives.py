"""What a perpetual has beside its candles: funding and the mark price.

What is one number at each close is a source (`funding_rate`, `open_interest`, `mark_close`, `volume`), and
every indicator can be computed on it: `roc` on `open_interest` is its change over any number of bars,
`zscore` on `volume` or on `funding_rate` says how unusual it is.
"""

from __future__ import annotations

import numpy as np

from engine.features import windows
from engine.features.arithmetic import ratio
from engine.features.indicators.statistics import zscore
from engine.features.spec import (
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    ParamKind,
    ParamSpec,
    window,
)

_HOUR_MS = 3_600_000.0
_YEAR_HOURS = 365.0 * 24.0


def _bars_of(ts_open: FloatArray, ts_close: FloatArray, hours: int) -> int:
    length = ts_close[0] - ts_open[0] if ts_open.size else 0.0
    # a length that nobody knows is never covered
    return int(np.ceil(hours * _HOUR_MS / length)) if length > 0.0 else ts_open.size + 1


def _funding_sum(ts_open: FloatArray, ts_close: FloatArray, settled: FloatArray, hours: int) -> FloatArray:
    return windows.total(settled, _bars_of(ts_open, ts_close, hours))


def _funding_annual(ts_open: FloatArray, ts_close: FloatArray, settled: FloatArray, hours: int) -> FloatArray:
    bars = _bars_of(ts_open, ts_close, hours)
    result = windows.total(settled, bars)
    covered = bars * (ts_close[:1] - ts_open[:1]) / _HOUR_MS
    result *= 100.0 * _YEAR_HOURS / covered if covered.size else np.nan
    return result


def _basis(mark: FloatArray, close: FloatArray) -> FloatArray:
    result = ratio(mark, close, 1.0)
    result -= 1.0
    result *= 10_000.0
    return result


def _basis_zscore(mark: FloatArray, close: FloatArray, length: int) -> FloatArray:
    return zscore(_basis(mark, close), length)


_HOURS = ParamSpec("hours", ParamKind.INT, 1, 24 * 365)

ENTRIES = (
    IndicatorSpec(
        name="funding_sum",
        definition=(
            "Sum of the funding rates settled in the whole bars that cover the last `hours`, as a fraction; "
            "what a long paid in that time. The number of events does not matter, nor how far apart they are."
        ),
        published="Ours. Bybit: a positive rate is paid by longs to shorts at each settlement.",
        implementation=Implementation.OURS,
        compute=_funding_sum,
        inputs=("ts_open", "ts_close", "funding_settled"),
        params=(_HOURS,),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
        sparse=True,
    ),
    IndicatorSpec(
        name="funding_annual",
        definition=(
            "`funding_sum` over `hours`, carried on for 365 days, in percent, without compounding: with "
            "hours 8 and a settlement every eight hours it is the last rate * 3 * 365 * 100."
        ),
        published="Ours, after the usual way of quoting funding per year.",
        implementation=Implementation.OURS,
        compute=_funding_annual,
        inputs=("ts_open", "ts_close", "funding_settled"),
        params=(_HOURS,),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
        sparse=True,
    ),
    IndicatorSpec(
        name="basis",
        definition="(mark price / last price - 1) * 10,000 at the close, in basis points.",
        published="Common definition, of the mark to the last price. Without a mark kline there is none.",
        implementation=Implementation.OURS,
        compute=_basis,
        inputs=("mark_close", "close"),
        params=(),
        warmup=lambda _: 0,
        memory=Memory.WINDOW,
        sparse=True,
    ),
    IndicatorSpec(
        name="basis_zscore",
        definition="(basis - its SMA) / its population standard deviation over `length`; 0 where flat.",
        published="Ours: `zscore` of `basis`.",
        implementation=Implementation.OURS,
        compute=_basis_zscore,
        inputs=("mark_close", "close"),
        params=(window(),),
        warmup=lambda p: p["length"] - 1,
        memory=Memory.WINDOW,
        sparse=True,
    ),
)
