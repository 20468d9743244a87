"""Rows of the weighted averages and the oscillators: see `features_cases`."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pandas_ta
import talib
from features_cases import HLC, Case, Other, native, native_of, of_talib, series, windows_of

OHLC = ("open", *HLC)


def frame_of(function: str, *names: str, columns: tuple[int, ...], **fixed):
    """Columns of the frame pandas-ta's own code gives, by place."""

    def call(c, /, **params):
        frame = getattr(pandas_ta, function)(*series(c, *names), **fixed, **params)
        return tuple(frame.iloc[:, column].to_numpy() for column in columns)

    return call


def native_trima(c, length):
    assert length % 4 == 1  # where half of length + 1 is whole, and rounding cannot differ
    return pandas_ta.trima(pd.Series(c["source"]), length=length, talib=False).to_numpy()


def native_ssf(c, length):
    values = pandas_ta.ssf(
        pd.Series(c["source"]), length=length, everget=True, pi=math.pi, sqrt2=math.sqrt(2)
    )
    return values.to_numpy()


def ewm_alligator(c, **lengths):
    source = pd.Series(c["source"])
    return tuple(source.ewm(alpha=1 / n, adjust=False).mean().to_numpy() for n in lengths.values())


def talib_apo(c, fast, slow, mamode):
    return talib.APO(c["source"], fast, slow, {"sma": 0, "ema": 1}[mamode])


def native_coppock(c, length, fast, slow):
    return talib.WMA(talib.ROC(c["source"], fast) + talib.ROC(c["source"], slow), length)


def correlation_with_time(c, length):
    places = np.arange(length)
    return np.array([np.corrcoef(places, window)[0, 1] for window in windows_of(c["source"], length)])


def native_kst(c, **params):
    frame = pandas_ta.kst(pd.Series(c["source"]), **params)
    return frame.iloc[:, 0].to_numpy() / 100, frame.iloc[:, 1].to_numpy() / 100


def talib_pgo(c, length):
    ranges = talib.TRANGE(*(c[name] for name in HLC))
    return (c["close"] - talib.SMA(c["close"], length)) / talib.EMA(ranges, length)


def native_kdj(c, length, signal):
    frame = pandas_ta.kdj(*series(c, *HLC), length=length, signal=signal)
    return tuple(frame.iloc[:, column].to_numpy() for column in range(3))


def native_psl(c, length):
    return pandas_ta.psl(pd.Series(c["source"]), length=length).to_numpy()


KST = {
    **dict(zip(("roc1", "roc2", "roc3", "roc4"), (10, 15, 20, 30), strict=True)),
    **dict(zip(("sma1", "sma2", "sma3", "sma4"), (10, 10, 10, 15), strict=True)),
    "signal": 9,
}

MORE_CASES = (
    # pandas-ta rounds the peak's place down: of 21 bars it is 17 anyhow
    Case("alma", {"length": 21, "sigma": 6.0, "dist_offset": 0.85}, (Other(native_of("alma", "source")),)),
    Case("fwma", {"length": 10}, (Other(native_of("fwma", "source")),)),
    Case("pwma", {"length": 10}, (Other(native_of("pwma", "source")),)),
    Case("sinwma", {"length": 14}, (Other(native_of("sinwma", "source")),)),
    Case("swma", {"length": 10}, (Other(native_of("swma", "source")),)),
    Case("trima", {"length": 21}, (Other(of_talib("TRIMA", "source")), Other(native_trima))),
    Case("zlma", {"length": 10}, (Other(native_of("zlma", "source"), settle=150),)),
    Case("t3", {"length": 5, "a": 0.7}, (Other(of_talib("T3", "source")), Other(native("t3"), settle=150))),
    Case("vidya", {"length": 5}, (Other(native("vidya"), settle=600),)),
    Case("ssf", {"length": 20}, (Other(native_ssf),)),
    Case("midpoint", {"length": 10}, (Other(of_talib("MIDPOINT", "source")),)),
    Case("midprice", {"length": 10}, (Other(of_talib("MIDPRICE", "high", "low")),)),
    Case("alligator", {"jaw": 13, "teeth": 8, "lips": 5}, (Other(ewm_alligator, settle=350),)),
    Case("ao", {"fast": 5, "slow": 34}, (Other(native_of("ao", "high", "low")),)),
    Case(
        "apo",
        {"fast": 12, "slow": 26, "mamode": "ema"},
        (Other(talib_apo, settle=150), Other(native("apo"), settle=150)),
    ),
    Case(
        "ppo",
        {"fast": 12, "slow": 26, "signal": 9, "mamode": "ema"},
        (Other(frame_of("ppo", "source", columns=(0, 2, 1), talib=False), settle=100),),
    ),
    Case("bias", {"length": 26}, (Other(native_of("bias", "source")),)),
    Case("bop", {}, (Other(of_talib("BOP", *OHLC)), Other(native_of("bop", *OHLC, talib=False)))),
    Case("cmo", {"length": 14}, (Other(native("cmo")),)),
    Case("coppock", {"length": 10, "fast": 11, "slow": 14}, (Other(native_coppock),)),
    Case("cti", {"length": 12}, (Other(correlation_with_time), Other(native_of("cti", "source")))),
    Case("dpo", {"length": 20}, (Other(native_of("dpo", "source", centered=False)),)),
    Case("er", {"length": 10}, (Other(native_of("er", "source")),)),
    Case("eri", {"length": 13}, (Other(frame_of("eri", *HLC, columns=(0, 1))),)),
    Case("kst", KST, (Other(native_kst),)),
    Case("pgo", {"length": 14}, (Other(talib_pgo, settle=200),)),
    Case("psl", {"length": 12}, (Other(native_psl),)),
    Case("rvgi", {"length": 14, "swma_length": 4}, (Other(frame_of("rvgi", *OHLC, columns=(0, 1))),)),
    Case(
        "tsi",
        {"fast": 13, "slow": 25, "signal": 13},
        (Other(frame_of("tsi", "source", columns=(0, 1)), settle=300),),
    ),
    Case(
        "uo",
        {"fast": 7, "medium": 14, "slow": 28},
        (Other(of_talib("ULTOSC", *HLC)), Other(native_of("uo", *HLC, talib=False))),
    ),
    Case("kdj", {"length": 9, "signal": 3}, (Other(native_kdj, settle=100),)),
)
