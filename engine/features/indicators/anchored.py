"""Volume-weighted averages since an anchor: the beginning of a session, or the last swing."""

from __future__ import annotations

import numpy as np

from engine.features.kernels import anchored
from engine.features.spec import (
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    ParamKind,
    ParamSpec,
    window,
)

_DAY_MS = 86_400_000
# 1 January 1970 was a Thursday, and a week begins on Monday
_MONDAY_MS = 4 * _DAY_MS


def _starts(ts_open: FloatArray, anchor: str) -> FloatArray:
    """Return 1 on the first bar of each day, week or month (UTC), else 0."""
    opens = ts_open.astype(np.int64)
    # the row before the first bar is the moment before it: a history may begin with a session
    moments = np.concatenate([opens[:1] - 1, opens])
    if anchor == "month":
        session = moments.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    elif anchor == "week":
        session = (moments - _MONDAY_MS) // (7 * _DAY_MS)
    else:
        session = moments // _DAY_MS
    return (np.diff(session) != 0).astype(np.float64)


def _vwap(source: FloatArray, volume: FloatArray, ts_open: FloatArray, anchor: str) -> FloatArray:
    result = np.empty(source.size)
    anchored.since_starts(source, volume, _starts(ts_open, anchor), result)
    return result


def _vwap_swing(
    source: FloatArray, volume: FloatArray, high: FloatArray, low: FloatArray, *, left: int, right: int
) -> tuple[FloatArray, FloatArray]:
    of_high, of_low = np.empty(source.size), np.empty(source.size)
    anchored.since_swings(source, volume, high, left, right, 1.0, of_high)
    anchored.since_swings(source, volume, low, left, right, -1.0, of_low)
    return of_high, of_low


ENTRIES = (
    IndicatorSpec(
        name="vwap",
        definition=(
            "Mean of the source by volume since the day, week (Monday) or month began, in UTC; the source "
            "itself until something has traded. Missing in a session whose beginning is not known."
        ),
        published=(
            "TradingView ta.vwap with an anchor; pandas-ta vwap, which always reads hlc3 (write source: "
            "hlc3 for it) and begins the first session where the history begins."
        ),
        implementation=Implementation.OURS,
        compute=_vwap,
        inputs=("source", "volume", "ts_open"),
        params=(ParamSpec("anchor", ParamKind.CHOICE, choices=("day", "week", "month")),),
        warmup=lambda _: 0,
        memory=Memory.FADING,
        sparse=True,
    ),
    IndicatorSpec(
        name="vwap_swing",
        definition=(
            "Mean of the source by volume since the last swing high, and since the last swing low (see "
            "`swing`), each from the bar that confirmed it on; the swing's own bar is the first that counts."
        ),
        published="Anchored VWAP (Brian Shannon), on the swings of `swing`.",
        implementation=Implementation.OURS,
        compute=_vwap_swing,
        inputs=("source", "volume", "high", "low"),
        params=(window("left", 1, 500), window("right", 1, 500)),
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=("high", "low"),
        sparse=True,
    ),
)
