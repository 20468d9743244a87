"""Rows of direction, ranges, flows, statistics, prices and candles: see `features_cases`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandas_ta
import talib
from features_cases import HLC, HLCV, Case, Other, native, native_of, of_talib, series, windows_of
from features_more_cases import OHLC, frame_of

from engine.features.indicators.candles import ENTRIES as CANDLES


def ranges_of(c):
    """The true range, with high - low on the first bar."""
    return np.r_[c["high"][0] - c["low"][0], talib.TRANGE(*(c[name] for name in HLC))[1:]]


def atr_of(c, length):
    return talib_wilder(ranges_of(c), length)


def talib_wilder(values, length):
    """Wilder's mean, which is TA-Lib's EMA of twice the length less one, by another way to start."""
    start = np.full(values.size, np.nan)
    start[length - 1] = values[:length].mean()
    for row in range(length, values.size):
        start[row] = (start[row - 1] * (length - 1) + values[row]) / length
    return start


def log10_chop(c, length):
    spread = talib.MAX(c["high"], length) - talib.MIN(c["low"], length)
    return 100 * np.log10(talib.SUM(ranges_of(c), length) / spread) / np.log10(length)


def rolling_cksp(c, p, x, q):
    atr = atr_of(c, p)
    long = pd.Series(talib.MAX(c["high"], p) - x * atr).rolling(q).max()
    short = pd.Series(talib.MIN(c["low"], p) + x * atr).rolling(q).min()
    return long.to_numpy(), short.to_numpy()


def native_ichimoku(c, tenkan, kijun, senkou):
    frame, _ = pandas_ta.ichimoku(
        *series(c, *HLC), tenkan=tenkan, kijun=kijun, senkou=senkou, include_chikou=False
    )
    names = (f"ITS_{tenkan}", f"IKS_{kijun}", f"ISA_{tenkan}", f"ISB_{kijun}")
    return tuple(frame[name].to_numpy() for name in names)


def looked_up_rwi(c, length):
    high, low = pd.Series(c["high"]), pd.Series(c["low"])
    usual = atr_of(c, length) * length**0.5
    return (high - low.shift(length)) / usual, (high.shift(length) - low) / usual


def talib_vortex(c, length):
    way = talib.SUM(np.r_[np.nan, ranges_of(c)[1:]], length)
    high, low = pd.Series(c["high"]), pd.Series(c["low"])
    moves = (high - low.shift()).abs(), (low - high.shift()).abs()
    return tuple(move.rolling(length).sum().to_numpy() / way for move in moves)


def talib_aberration(c, length, atr_length):
    middle, off = talib.SMA((c["high"] + c["low"] + c["close"]) / 3, length), atr_of(c, atr_length)
    return middle - off, middle, middle + off


def talib_accbands(columns, length, c):
    assert c == 4
    upper, middle, lower = talib.ACCBANDS(*(columns[name] for name in HLC), length)
    return lower, middle, upper


def talib_chandelier(c, length, multiplier):
    off = multiplier * atr_of(c, length)
    return talib.MAX(c["high"], length) - off, talib.MIN(c["low"], length) + off


def two_pass_rvi(c, length):
    deviation, steps = windows_of(c["source"], length).std(axis=1), np.diff(c["source"], prepend=np.nan)
    up = talib.EMA(np.where(steps > 0, deviation, np.where(np.isnan(deviation), np.nan, 0)), length)
    down = talib.EMA(np.where(steps < 0, deviation, np.where(np.isnan(deviation), np.nan, 0)), length)
    return 100 * up / (up + down)


def talib_thermo(c, length):
    high, low = pd.Series(c["high"]), pd.Series(c["low"])
    heat = np.maximum(high.diff().abs(), low.diff().abs()).to_numpy()
    return heat, talib.EMA(heat, length)


def talib_adosc(c, fast, slow):
    line = talib.AD(*(c[name] for name in HLCV))
    return talib.EMA(line, fast) - talib.EMA(line, slow)


def talib_efi(c, length):
    return talib.EMA(np.diff(c["source"], prepend=np.nan) * c["volume"], length)


def talib_kvo(c, fast, slow, signal):
    price = (c["high"] + c["low"] + c["close"]) / 3
    flow = np.sign(np.diff(price, prepend=np.nan)) * c["volume"]
    line = talib.EMA(flow, fast) - talib.EMA(flow, slow)
    return line, talib.EMA(line, signal)


def grown_where(sign):
    def call(c):
        value, level = c["source"], [1.0]
        for row in range(1, value.size):
            counts = sign * (c["volume"][row] - c["volume"][row - 1]) > 0
            level.append(level[-1] * value[row] / value[row - 1] if counts else level[-1])
        return np.array(level)

    return call


def talib_pvo(c, fast, slow, signal):
    slower = talib.EMA(c["volume"], slow)
    line = 100 * (talib.EMA(c["volume"], fast) - slower) / slower
    smoothed = talib.EMA(line, signal)
    return line, smoothed, line - smoothed


def native_pvt(c):
    return np.nan_to_num(pandas_ta.pvt(*series(c, "source", "volume")).to_numpy()) / 100


def ranked(c):
    price, volume = np.diff(c["source"], prepend=np.nan), np.diff(c["volume"], prepend=np.nan)
    return 1.0 + (volume < 0) + 2.0 * (price < 0)


def heikin_ashi(c):
    candles = zip(*(c[name] for name in OHLC), strict=True)
    rows, before = [], None
    for o, h, low, close in candles:
        new_close = (o + h + low + close) / 4
        new_open = (o + close) / 2 if before is None else (before[0] + before[1]) / 2
        before = new_open, new_close
        rows.append((new_open, max(h, *before), min(low, *before), new_close))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def rolled(function: str):
    return lambda c, length: getattr(pd.Series(c["source"]).rolling(length), function)().to_numpy()


def two_pass_kurtosis(c, length):
    windows = windows_of(c["source"], length)
    off = windows - windows.mean(axis=1, keepdims=True)
    usual, n = (off**4).mean(axis=1) / (off**2).mean(axis=1) ** 2, length
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * usual - 3 * (n - 1))


def two_pass_skew(c, length):
    windows = windows_of(c["source"], length)
    off = windows - windows.mean(axis=1, keepdims=True)
    plain, n = (off**3).mean(axis=1) / (off**2).mean(axis=1) ** 1.5, length
    return plain * (n * (n - 1)) ** 0.5 / (n - 2)


def pattern_case(entry):
    function = "CDL" + entry.name.removeprefix("cdl_").upper()

    def call(c):
        return getattr(talib, function)(*(c[name] for name in OHLC)).astype(float)

    def by_pandas_ta(c):
        name = entry.name.removeprefix("cdl_")
        return 100 * pandas_ta.cdl_pattern(*series(c, *OHLC), name=name, scalar=1).iloc[:, 0].to_numpy()

    # pandas-ta has a doji of its own
    others = () if entry.name == "cdl_doji" else (Other(by_pandas_ta),)
    return Case(entry.name, {}, (Other(call), *others), direct=call)


BAR_CASES = (
    Case("chop", {"length": 14}, (Other(log10_chop),)),
    Case("cksp", {"p": 10, "x": 1.5, "q": 9}, (Other(rolling_cksp),)),
    Case("ichimoku", {"tenkan": 9, "kijun": 26, "senkou": 52}, (Other(native_ichimoku),)),
    Case("qstick", {"length": 10}, (Other(native_of("qstick", "open", "close")),)),
    Case("rwi", {"length": 14}, (Other(looked_up_rwi),)),
    Case("vhf", {"length": 28}, (Other(native_of("vhf", "source")),)),
    Case("vortex", {"length": 14}, (Other(talib_vortex), Other(frame_of("vortex", *HLC, columns=(0, 1))))),
    Case("aberration", {"length": 5, "atr_length": 15}, (Other(talib_aberration),)),
    Case(
        "accbands",
        {"length": 20, "c": 4},
        (
            Other(talib_accbands),
            Other(frame_of("accbands", *HLC, columns=(0, 1, 2))),
        ),
    ),
    Case("chandelier_exit", {"length": 22, "multiplier": 3.0}, (Other(talib_chandelier),)),
    Case("massi", {"fast": 9, "slow": 25}, (Other(native_of("massi", "high", "low")),)),
    Case("pdist", {}, (Other(native_of("pdist", *OHLC)),)),
    Case("rvi", {"length": 14}, (Other(two_pass_rvi),)),
    Case("thermo", {"length": 20}, (Other(talib_thermo),)),
    Case("ui", {"length": 14}, (Other(native_of("ui", "source")),)),
    Case(
        "adosc", {"fast": 3, "slow": 10}, (Other(talib_adosc), Other(native_of("adosc", *HLCV, talib=False)))
    ),
    Case("efi", {"length": 13}, (Other(talib_efi), Other(native_of("efi", "source", "volume")))),
    Case(
        "eom",
        {"length": 14, "divisor": 100_000_000},
        (Other(native_of("eom", *HLCV)),),
    ),
    Case("kvo", {"fast": 34, "slow": 55, "signal": 13}, (Other(talib_kvo),)),
    Case("nvi", {}, (Other(grown_where(-1)),)),
    Case("pvi", {}, (Other(grown_where(1)),)),
    Case(
        "pvo",
        {"fast": 12, "slow": 26, "signal": 9},
        (Other(talib_pvo), Other(frame_of("pvo", "volume", columns=(0, 2, 1)))),
    ),
    Case("pvol", {}, (Other(lambda c: c["source"] * c["volume"]),), native_of("pvol", "source", "volume")),
    Case("pvr", {}, (Other(ranked), Other(native_of("pvr", "source", "volume")))),
    Case("pvt", {}, (Other(native_pvt),)),
    Case("variance", {"length": 30}, (Other(native("variance", ddof=0)),)),
    Case("mad", {"length": 30}, (Other(native_of("mad", "source")),)),
    Case("skew", {"length": 30}, (Other(two_pass_skew), Other(rolled("skew"), tolerance=1e-6))),
    Case("kurtosis", {"length": 30}, (Other(two_pass_kurtosis), Other(rolled("kurt"), tolerance=1e-6))),
    Case("entropy", {"length": 10, "base": 2.0}, (Other(native_of("entropy", "source")),)),
    Case("wcp", {}, (Other(of_talib("WCLPRICE", *HLC)),)),
    Case("log_return", {"length": 1}, (Other(native_of("log_return", "source")),)),
    Case("percent_return", {"length": 1}, (Other(native_of("percent_return", "source")),)),
    Case("ha", {}, (Other(heikin_ashi), Other(frame_of("ha", *OHLC, columns=(0, 1, 2, 3))))),
    *(pattern_case(entry) for entry in CANDLES),
)
