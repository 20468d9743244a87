"""One row per indicator: its parameters in the tests, the direct call, and who else is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pandas_ta
import talib

from engine.features.registry import INDICATORS

type Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Other:
    """Somebody else who computes it: from the columns, with "source" among them, and the parameters.

    Compared from `settle` rows after the warm-up, where different start values have faded. `tolerance` is
    relative to the mean size; where it is not 1e-9 the other one is known to be less exact than we are.
    """

    compute: Callable[..., Any]
    settle: int = 0
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Case:
    """How one indicator is tested: its parameters, who else computes it, and who does for us if not we."""

    name: str
    params: dict[str, Any]
    others: tuple[Other, ...] = ()
    direct: Callable[..., Any] | None = None

    def direct_result(self, columns: Columns) -> tuple[np.ndarray, ...]:
        if self.direct is not None:
            return as_tuple(self.direct(columns, **self.params))
        return direct(self.name, columns, self.params)

    def result_of(self, other: Other, columns: Columns) -> tuple[np.ndarray, ...]:
        return as_tuple(other.compute(columns, **self.params))


def direct(name: str, columns: Columns, params: Mapping[str, Any]) -> tuple[np.ndarray, ...]:
    """Return what an entry of the catalogue computes of the columns it names."""
    entry = INDICATORS[name]
    return as_tuple(entry.compute(*(columns[each] for each in entry.inputs), **entry.bind(params)))


def as_tuple(result: Any) -> tuple[np.ndarray, ...]:
    return tuple(map(np.asarray, result)) if isinstance(result, tuple) else (np.asarray(result),)


def series(c: Columns, *names: str) -> list[pd.Series]:
    return [pd.Series(c[name]) for name in names]


def native_macd(c, fast, slow, signal):
    frame = pandas_ta.macd(pd.Series(c["source"]), fast=fast, slow=slow, signal=signal, talib=False)
    line, hist, smoothed = (frame.iloc[:, column].to_numpy() for column in range(3))
    return line, smoothed, hist


def talib_hma(c, length):
    half = talib.WMA(c["source"], length // 2)
    return talib.WMA(2 * half - talib.WMA(c["source"], length), int(np.sqrt(length)))


def talib_stoch(c, k, d, smooth_k):
    return talib.STOCH(c["high"], c["low"], c["close"], k, smooth_k, 0, d, 0)


def talib_stochrsi(c, length, rsi_length, k, d):
    # TA-Lib's fast D is the plain mean of the raw K: our k
    _, percent_k = talib.STOCHF(*(talib.RSI(c["source"], rsi_length),) * 3, length, k, 0)
    return percent_k, talib.SMA(percent_k, d)


def talib_adx(c, length):
    hlc = c["high"], c["low"], c["close"]
    return talib.ADX(*hlc, length), talib.PLUS_DI(*hlc, length), talib.MINUS_DI(*hlc, length)


def native_adx(c, length):
    frame = pandas_ta.adx(*series(c, "high", "low", "close"), length=length, talib=False)
    return tuple(frame[name].to_numpy() for name in (f"ADX_{length}", f"DMP_{length}", f"DMN_{length}"))


def talib_aroon(c, length):
    down, up = talib.AROON(c["high"], c["low"], length)
    return up, down, up - down


def native_aroon(c, length):
    frame = pandas_ta.aroon(*series(c, "high", "low"), length=length, talib=False)
    names = (f"AROONU_{length}", f"AROOND_{length}", f"AROONOSC_{length}")
    return tuple(frame[name].to_numpy() for name in names)


def talib_psar(c, af0, af, max_af):
    signed = talib.SAREXT(c["high"], c["low"], 0, 0, af0, af, max_af, af0, af, max_af)
    return abs(signed), np.sign(signed)


def talib_bbands(c, length, std):
    upper, middle, lower = talib.BBANDS(c["source"], length, std, std)
    width = upper - lower
    return lower, middle, upper, 100 * width / middle, (c["source"] - lower) / width


def native_kc(c, length, scalar, mamode):
    frame = pandas_ta.kc(*series(c, "high", "low", "close"), length=length, scalar=scalar, mamode=mamode)
    return tuple(frame.iloc[:, column].to_numpy() for column in range(3))


def native_donchian(c, lower_length, upper_length):
    frame = pandas_ta.donchian(
        *series(c, "high", "low"), lower_length=lower_length, upper_length=upper_length
    )
    return tuple(frame.iloc[:, column].to_numpy() for column in range(3))


def talib_donchian(c, lower_length, upper_length):
    lower, upper = talib.MIN(c["low"], lower_length), talib.MAX(c["high"], upper_length)
    return lower, (lower + upper) / 2, upper


def native_trix(c, length, signal):
    frame = pandas_ta.trix(pd.Series(c["source"]), length=length, signal=signal, talib=False)
    return frame.iloc[:, 0].to_numpy(), frame.iloc[:, 1].to_numpy()


def pine_supertrend(c, length, multiplier):
    """The rules of TradingView's reference manual for `ta.supertrend`, whose direction has the other sign."""
    ranges = np.r_[c["high"][0] - c["low"][0], talib.TRANGE(c["high"], c["low"], c["close"])[1:]]
    mean = np.full(ranges.size, np.nan)
    mean[length - 1] = ranges[:length].mean()
    for i in range(length, ranges.size):
        mean[i] = (mean[i - 1] * (length - 1) + ranges[i]) / length
    lower, upper, line, pine = 0.0, 0.0, np.nan, np.full(ranges.size, np.nan)
    lines = pine.copy()
    for i in range(length - 1, ranges.size):
        middle, off = (c["high"][i] + c["low"][i]) / 2, multiplier * mean[i]
        before, was_upper = c["close"][i - 1], line == upper
        lower = middle - off if middle - off > lower or before < lower else lower
        upper = middle + off if middle + off < upper or before > upper else upper
        if i == length - 1:
            pine[i] = 1
        elif was_upper:
            pine[i] = -1 if c["close"][i] > upper else 1
        else:
            pine[i] = 1 if c["close"][i] < lower else -1
        lines[i] = line = lower if pine[i] == -1 else upper
    return lines, -pine


def talib_trix(c, length, signal):
    line = talib.TRIX(c["source"], length)
    return line, talib.SMA(line, signal)


def talib_kama(c, length, fast, slow):
    assert (fast, slow) == (2, 30)
    return talib.KAMA(c["source"], length)


def talib_linreg(c, length):
    return talib.LINEARREG(c["source"], length), talib.LINEARREG_SLOPE(c["source"], length)


def windows_of(values: np.ndarray, length: int) -> np.ndarray:
    """Every window as a row; rows without a full window are NaN."""
    whole = np.lib.stride_tricks.sliding_window_view(values, length)
    return np.concatenate((np.full((length - 1, length), np.nan), whole))


def two_pass_linreg(c, length):
    windows, places = windows_of(c["source"], length), np.arange(length) - (length - 1) / 2
    middle = windows.mean(axis=1, keepdims=True)
    slope = ((windows - middle) * places).sum(axis=1) / (places**2).sum()
    return middle[:, 0] + slope * (length - 1) / 2, slope


def two_pass_bbands(c, length, std):
    windows = windows_of(c["source"], length)
    middle, deviation = windows.mean(axis=1), windows.std(axis=1)
    lower, upper = middle - std * deviation, middle + std * deviation
    return lower, middle, upper, 100 * (upper - lower) / middle, (c["source"] - lower) / (upper - lower)


def two_pass_zscore(c, length):
    windows = windows_of(c["source"], length)
    return (c["source"] - windows.mean(axis=1)) / windows.std(axis=1)


def two_pass_wma(values, length):
    return windows_of(values, length) @ np.arange(1, length + 1) / (length * (length + 1) / 2)


def two_pass_hma(c, length):
    x = c["source"]
    return two_pass_wma(2 * two_pass_wma(x, length // 2) - two_pass_wma(x, length), int(length**0.5))


def wilder_from_the_first_value(c, length):
    return pd.Series(c["source"]).ewm(alpha=1 / length, adjust=False).mean().to_numpy()


def native(function: str, **fixed: Any) -> Callable[..., np.ndarray]:
    """pandas-ta's own code on the source."""
    return native_of(function, "source", talib=False, **fixed)


def native_of(function: str, *names: str, **fixed: Any) -> Callable[..., np.ndarray]:
    """pandas-ta's own code on fixed columns."""
    return lambda c, **params: getattr(pandas_ta, function)(*series(c, *names), **fixed, **params).to_numpy()


def of_talib(function: str, *names: str) -> Callable[..., np.ndarray]:
    """A TA-Lib function whose parameters are ours in order."""
    return lambda c, **params: getattr(talib, function)(*(c[name] for name in names), *params.values())


HLC = ("high", "low", "close")
HLCV = (*HLC, "volume")

CASES = (
    Case("sma", {"length": 20}, (Other(of_talib("SMA", "source")), Other(native("sma")))),
    Case("ema", {"length": 20}, (Other(of_talib("EMA", "source")), Other(native("ema")))),
    Case("wma", {"length": 20}, (Other(of_talib("WMA", "source")), Other(native("wma")))),
    Case("hma", {"length": 20}, (Other(talib_hma), Other(two_pass_hma))),
    Case("dema", {"length": 10}, (Other(of_talib("DEMA", "source")), Other(native("dema"), settle=250))),
    Case("tema", {"length": 10}, (Other(of_talib("TEMA", "source")), Other(native("tema"), settle=250))),
    Case("rma", {"length": 10}, (Other(wilder_from_the_first_value, settle=250),)),
    Case("kama", {"length": 10, "fast": 2, "slow": 30}, (Other(talib_kama),)),
    Case("vwma", {"length": 20}, (Other(native_of("vwma", "source", "volume")),)),
    Case("linreg", {"length": 14}, (Other(two_pass_linreg), Other(talib_linreg, tolerance=1e-8))),
    Case("rsi", {"length": 14}, (Other(of_talib("RSI", "source")), Other(native("rsi"), settle=400))),
    Case("macd", {"fast": 12, "slow": 26, "signal": 9}, (Other(native_macd),)),
    Case("stoch", {"k": 14, "d": 3, "smooth_k": 3}, (Other(talib_stoch),)),
    Case("stochrsi", {"length": 14, "rsi_length": 14, "k": 3, "d": 3}, (Other(talib_stochrsi),)),
    Case("cci", {"length": 20}, (Other(of_talib("CCI", *HLC)),)),
    Case(
        "willr",
        {"length": 14},
        (Other(of_talib("WILLR", *HLC)), Other(native_of("willr", *HLC, talib=False))),
    ),
    Case("roc", {"length": 10}, (Other(of_talib("ROC", "source")), Other(native("roc")))),
    Case("mom", {"length": 10}, (Other(of_talib("MOM", "source")), Other(native("mom")))),
    Case("slope", {"length": 10}, (Other(native("slope")),)),
    Case("trix", {"length": 10, "signal": 9}, (Other(native_trix, settle=250), Other(talib_trix))),
    Case("adx", {"length": 14}, (Other(talib_adx), Other(native_adx, settle=600))),
    Case("aroon", {"length": 14}, (Other(talib_aroon), Other(native_aroon))),
    # pandas-ta's supertrend and psar follow no published definition
    Case("supertrend", {"length": 10, "multiplier": 3.0}, (Other(pine_supertrend),)),
    Case("psar", {"af0": 0.02, "af": 0.02, "max_af": 0.2}, (Other(talib_psar),)),
    Case("true_range", {}, (Other(native_of("true_range", *HLC, talib=False)),)),
    Case("atr", {"length": 14}, (Other(of_talib("ATR", *HLC), settle=450),)),
    Case("natr", {"length": 14}, (Other(of_talib("NATR", *HLC), settle=450),)),
    Case("bbands", {"length": 20, "std": 2.0}, (Other(two_pass_bbands), Other(talib_bbands, tolerance=1e-7))),
    Case("kc", {"length": 20, "scalar": 2.0, "mamode": "ema"}, (Other(native_kc, settle=250),)),
    Case(
        "donchian",
        {"lower_length": 20, "upper_length": 15},
        (Other(talib_donchian), Other(native_donchian)),
    ),
    Case("obv", {}, (Other(lambda c: talib.OBV(c["close"], c["volume"]) - c["volume"][0]),)),
    Case("ad", {}, (Other(of_talib("AD", *HLCV)), Other(native_of("ad", *HLCV, talib=False)))),
    Case("cmf", {"length": 20}, (Other(native_of("cmf", *HLCV)),)),
    Case("mfi", {"length": 14}, (Other(of_talib("MFI", *HLCV)),)),
    Case(
        "stdev",
        {"length": 20},
        (Other(native("stdev", ddof=0)), Other(of_talib("STDDEV", "source"), tolerance=1e-7)),
    ),
    Case("zscore", {"length": 20}, (Other(two_pass_zscore), Other(native("zscore", ddof=0), tolerance=1e-7))),
)


def candles(rows: int, seed: int, scale: float = 100.0) -> pd.DataFrame:
    """Return healed candles whose columns all differ from each other, gaps between bars included."""
    rng = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    open_ = close * np.exp(rng.normal(0, 0.01, rows))
    high = np.maximum(open_, close) * (1 + rng.uniform(0.0001, 0.01, rows))
    low = np.minimum(open_, close) * (1 - rng.uniform(0.0001, 0.01, rows))
    volume, turnover = rng.lognormal(3, 1, rows), rng.lognormal(8, 1, rows)
    mark_open, mark_close = (price * np.exp(rng.normal(0, 0.003, rows)) for price in (open_, close))
    return pd.DataFrame(
        {
            "ts_open": np.arange(rows, dtype=np.int64) * 900_000,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "turnover": turnover,
            "is_filled": np.zeros(rows, dtype=bool),
            "mark_open": mark_open,
            "mark_high": np.maximum(np.maximum(mark_open, mark_close), high) * 1.0001,
            "mark_low": np.minimum(np.minimum(mark_open, mark_close), low) * 0.9999,
            "mark_close": mark_close,
        }
    )


def funding_events(rows: int, seed: int) -> pd.DataFrame:
    """Return funding of 15m candles from 0 on: every eight hours, later every four; the first before them."""
    late = 14 * 28_800_000
    ts = np.r_[
        np.arange(-28_800_000, late, 28_800_000), np.arange(late, rows * 900_000 + 14_400_001, 14_400_000)
    ]
    return pd.DataFrame({"ts": ts, "funding_rate": np.random.default_rng(seed).normal(1e-4, 2e-4, ts.size)})


def open_interest_rows(rows: int, seed: int) -> pd.DataFrame:
    """Return hourly open interest of 15m candles from 0 on, the first before them."""
    ts = np.arange(-3_600_000, rows * 900_000 + 1, 3_600_000)
    steps = np.random.default_rng(seed).normal(0, 0.01, ts.size)
    return pd.DataFrame({"ts": ts, "open_interest": 50_000 * np.exp(np.cumsum(steps))})


def ticking_candles(rows: int, seed: int) -> pd.DataFrame:
    """Return candles as an exchange gives them: on a tick of 0.5, the open at the close before."""
    frame = candles(rows, seed, scale=20_000.0)
    frame["open"] = np.r_[frame["close"].iloc[0], frame["close"].iloc[:-1]]
    frame["high"] = frame[["open", "high", "close"]].max(axis=1)
    frame["low"] = frame[["open", "low", "close"]].min(axis=1)
    for name in ("open", "high", "low", "close"):
        frame[name] = np.round(2 * frame[name]) / 2
    return frame


@cache
def contract() -> dict[str, pd.DataFrame]:
    """Return the funding and the open interest of 1,600 candles from 0 on, as the builder takes them."""
    return {"funding": funding_events(1600, 21), "open_interest": open_interest_rows(1600, 22)}


@cache
def known_of_contract(first: int, rows: int) -> dict[str, np.ndarray]:
    """Return what is known of the contract at the close of candles, by pandas."""
    assert first + rows <= 1600
    opens = np.arange(first, first + rows) * 900_000
    closes = pd.DataFrame({"ts": opens + 900_000})
    rate = pd.merge_asof(closes, contract()["funding"], on="ts")["funding_rate"]
    interest = pd.merge_asof(closes, contract()["open_interest"], on="ts")["open_interest"]
    bar_of_event = (contract()["funding"]["ts"] - 1) // 900_000 * 900_000
    settled = contract()["funding"]["funding_rate"].groupby(bar_of_event).sum()
    columns = {
        "funding_rate": rate.to_numpy(),
        "funding_settled": settled.reindex(opens, fill_value=0.0).to_numpy(),
        "open_interest": interest.to_numpy(),
        "open_interest_change": 100 * interest.diff().to_numpy() / interest.shift().to_numpy(),
    }
    for column in columns.values():
        column.flags.writeable = False
    return columns


def columns_with_source(frame: pd.DataFrame, source: str, other: str = "volume") -> dict[str, np.ndarray]:
    """Return all columns and, as "source" and "other", those called so, by formulas written out here."""
    names = ("open", "high", "low", "close", "volume", *(f"mark_{name}" for name in ("open", *HLC)))
    plain = {name: frame[name].to_numpy() for name in names}
    plain["ts_open"] = frame["ts_open"].to_numpy(np.float64)
    plain["ts_close"] = plain["ts_open"] + 900_000
    o, h, low, c = (plain[name] for name in ("open", "high", "low", "close"))
    plain |= {"hl2": (h + low) / 2, "hlc3": (h + low + c) / 3, "ohlc4": (o + h + low + c) / 4}
    plain |= known_of_contract(int(frame["ts_open"].iloc[0]) // 900_000 if len(frame) else 0, len(frame))
    return {**plain, "source": plain[source], "other": plain[other]}
