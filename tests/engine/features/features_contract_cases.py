"""Rows of what reads more than candles, anchors and zones: see `features_cases`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib
from features_cases import Case, Other, native, series, windows_of
from features_structure_cases import looked_at_swings

NAN = np.nan
DAY_MS = 86_400_000


def pandas_vwap(c, anchor):
    opens = pd.to_datetime(c["ts_open"], unit="ms")
    session = pd.Series(opens.to_period({"day": "D", "week": "W-SUN", "month": "M"}[anchor]).astype(str))
    money = pd.Series(c["source"] * c["volume"]).groupby(session).cumsum()
    result = (money / pd.Series(c["volume"]).groupby(session).cumsum()).to_numpy()
    begun = (session != session.iloc[0]).to_numpy() | (int(c["ts_open"][0]) % DAY_MS == 0)
    return np.where(begun, result, NAN)


def looked_at_vwap_swing(c, left, right):
    def since(at, now):
        rows = slice(at, now + 1)
        return np.average(c["source"][rows], weights=c["volume"][rows]) if at >= 0 else NAN

    swings = enumerate(looked_at_swings(c, left, right))
    found = [(since(top_at, now), since(low_at, now)) for now, (_, top_at, _, low_at) in swings]
    return tuple(np.array(values) for values in zip(*found, strict=True))


def looked_at_zones(c, left, right, swings, width, touches):
    levels, rows, seen = [], [], {"high": -1, "low": -1}
    for now, (top, top_at, bottom, low_at) in enumerate(looked_at_swings(c, left, right)):
        for kind, level, at in (("high", top, top_at), ("low", bottom, low_at)):
            if at > seen[kind]:
                seen[kind] = at
                levels.append(level)
        left_over, zones = sorted(levels[-swings:]), []
        while left_over:
            zone = [level for level in left_over if level <= left_over[0] * (1 + width / 100)]
            left_over = left_over[len(zone) :]
            zones += [zone] if len(zone) >= touches else []
        below = [zone for zone in zones if (zone[0] + zone[-1]) / 2 <= c["close"][now]]
        above = [zone for zone in zones if (zone[0] + zone[-1]) / 2 > c["close"][now]]
        support = (below[-1][0], below[-1][-1], len(below[-1])) if below else (NAN, NAN, NAN)
        resistance = (above[0][0], above[0][-1], len(above[0])) if above else (NAN, NAN, NAN)
        rows.append((*support, *resistance))
    return tuple(np.array(values, dtype=np.float64) for values in zip(*rows, strict=True))


def by_event(c, hours):
    """The events of the last hours, one by one: an event is settled in the bar it is the end of."""
    closes, settled = c["ts_close"], c["funding_settled"]
    return np.array(
        [
            settled[(closes > close - hours * 3_600_000) & (closes <= close)].sum()
            if close - hours * 3_600_000 >= closes[0] - 900_000
            else NAN
            for close in closes
        ]
    )


def two_pass_beta(c, other, length):
    ours, theirs = (values[1:] / values[:-1] - 1 for values in (c["source"], c["other"]))
    ours, theirs = windows_of(ours, length), windows_of(theirs, length)
    slopes = [np.cov(one, two, ddof=0)[0, 1] / two.var() for one, two in zip(ours, theirs, strict=True)]
    return np.r_[NAN, slopes]


def two_pass_correlation(c, other, length):
    pairs = zip(windows_of(c["source"], length), windows_of(c["other"], length), strict=True)
    return np.array([np.corrcoef(one, two)[0, 1] for one, two in pairs])


def basis(c):
    return (c["mark_close"] - c["close"]) / c["close"] * 1e4


def pandas_zscore(values, length):
    window = pd.Series(values).rolling(length)
    return ((values - window.mean()) / window.std(ddof=0)).to_numpy()


SIDES = {"left": 3, "right": 2}

CONTRACT_CASES = (
    Case("vwap", {"anchor": "day"}, (Other(pandas_vwap),)),
    Case("vwap_swing", SIDES, (Other(looked_at_vwap_swing),)),
    Case(
        "support_resistance",
        {**SIDES, "swings": 12, "width": 2.0, "touches": 2},
        (Other(looked_at_zones),),
    ),
    Case("funding_sum", {"hours": 24}, (Other(by_event),)),
    Case("funding_annual", {"hours": 24}, (Other(lambda c, hours: by_event(c, hours) * 365 * 100),)),
    Case("basis", {}, (Other(basis),)),
    Case("basis_zscore", {"length": 20}, (Other(lambda c, length: pandas_zscore(basis(c), length)),)),
    Case("median", {"length": 20}, (Other(native("median")),)),
    Case(
        "quantile",
        {"length": 20, "q": 0.3},
        (Other(lambda c, length, q: series(c, "source")[0].rolling(length).quantile(q).to_numpy()),),
    ),
    Case(
        "correlation",
        {"other": "volume", "length": 20},
        (
            Other(two_pass_correlation),
            Other(lambda c, other, length: talib.CORREL(c["source"], c["other"], length), tolerance=1e-6),
        ),
    ),
    Case(
        "beta",
        {"other": "volume", "length": 20},
        (
            Other(two_pass_beta),
            Other(lambda c, other, length: talib.BETA(c["other"], c["source"], length), tolerance=1e-6),
        ),
    ),
)
