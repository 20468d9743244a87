"""One row per indicator: its parameters in the tests, the direct call, and who else is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandas_ta
import talib

from engine.features.registry import INDICATORS

type Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """How one indicator is tested.

    `direct` calls the chosen implementation with nothing of ours around it (for our own code: the function
    the entry names); `second` asks somebody else. Both get the columns, with "source" among them. The second
    is compared from `settle` rows after the warm-up, where start values have faded.
    """

    name: str
    params: dict[str, Any]
    second: Callable[..., Any] | None
    direct: Callable[..., Any] | None = None
    settle: int = 0
    tolerance: float = 1e-9

    def direct_result(self, columns: Columns) -> tuple[np.ndarray, ...]:
        if self.direct is not None:
            return as_tuple(self.direct(columns, **self.params))
        entry = INDICATORS[self.name]
        return as_tuple(entry.compute(*(columns[name] for name in entry.inputs), **self.params))

    def second_result(self, columns: Columns) -> tuple[np.ndarray, ...]:
        assert self.second is not None
        return as_tuple(self.second(columns, **self.params))


def as_tuple(result: Any) -> tuple[np.ndarray, ...]:
    return tuple(map(np.asarray, result)) if isinstance(result, tuple) else (np.asarray(result),)


def series(c: Columns, *names: str) -> list[pd.Series]:
    return [pd.Series(c[name]) for name in names]


def talib_macd(c, fast, slow, signal):
    line = talib.EMA(c["source"], fast) - talib.EMA(c["source"], slow)
    smoothed = talib.EMA(line, signal)
    return line, smoothed, line - smoothed


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


def talib_trix(c, length, signal):
    line = talib.TRIX(c["source"], length)
    return line, INDICATORS["sma"].compute(line, length=signal)


def native_trix(c, length, signal):
    frame = pandas_ta.trix(pd.Series(c["source"]), length=length, signal=signal, talib=False)
    return frame.iloc[:, 0].to_numpy(), frame.iloc[:, 1].to_numpy()


def wilder_from_the_first_value(c, length):
    return pd.Series(c["source"]).ewm(alpha=1 / length, adjust=False).mean().to_numpy()


def native(function: str) -> Callable[..., np.ndarray]:
    """pandas-ta's own code on the source."""
    return lambda c, **params: getattr(pandas_ta, function)(
        pd.Series(c["source"]), talib=False, **params
    ).to_numpy()


def native_of(function: str, *names: str, **fixed: Any) -> Callable[..., np.ndarray]:
    """pandas-ta's own code on fixed columns."""
    return lambda c, **params: getattr(pandas_ta, function)(*series(c, *names), **fixed, **params).to_numpy()


def direct_talib(function: str, *names: str) -> Callable[..., np.ndarray]:
    """A TA-Lib function whose parameters are ours in order."""
    return lambda c, **params: getattr(talib, function)(*(c[name] for name in names), *params.values())


HLC = ("high", "low", "close")
HLCV = (*HLC, "volume")

CASES = (
    Case("sma", {"length": 20}, direct_talib("SMA", "source")),
    Case("ema", {"length": 20}, native("ema"), direct_talib("EMA", "source")),
    Case("wma", {"length": 20}, direct_talib("WMA", "source")),
    Case("hma", {"length": 20}, talib_hma, tolerance=1e-8),
    Case("dema", {"length": 10}, native("dema"), direct_talib("DEMA", "source"), settle=150),
    Case("tema", {"length": 10}, native("tema"), direct_talib("TEMA", "source"), settle=150),
    Case("rma", {"length": 10}, wilder_from_the_first_value, settle=250),
    Case(
        "kama", {"length": 10, "fast": 2, "slow": 30}, lambda c, length, **_: talib.KAMA(c["source"], length)
    ),
    Case("vwma", {"length": 20}, native_of("vwma", "source", "volume")),
    Case(
        "linreg",
        {"length": 14},
        lambda c, length: (talib.LINEARREG(c["source"], length), talib.LINEARREG_SLOPE(c["source"], length)),
        tolerance=1e-8,
    ),
    Case("rsi", {"length": 14}, direct_talib("RSI", "source")),
    Case("macd", {"fast": 12, "slow": 26, "signal": 9}, native_macd, talib_macd, tolerance=1e-7),
    Case("stoch", {"k": 14, "d": 3, "smooth_k": 3}, talib_stoch),
    Case("stochrsi", {"length": 14, "rsi_length": 14, "k": 3, "d": 3}, talib_stochrsi, tolerance=1e-8),
    Case("cci", {"length": 20}, direct_talib("CCI", *HLC), tolerance=1e-8),
    Case("willr", {"length": 14}, direct_talib("WILLR", *HLC)),
    Case("roc", {"length": 10}, native("roc"), direct_talib("ROC", "source")),
    Case("mom", {"length": 10}, direct_talib("MOM", "source"), native("mom")),
    Case("slope", {"length": 10}, lambda c, length: talib.MOM(c["source"], length) / length, native("slope")),
    Case("trix", {"length": 10, "signal": 9}, native_trix, talib_trix, settle=150, tolerance=1e-7),
    Case("adx", {"length": 14}, native_adx, talib_adx, settle=350, tolerance=1e-6),
    Case("aroon", {"length": 14}, native_aroon, talib_aroon),
    # pandas-ta's supertrend and psar follow no published definition: worked out in test_features_by_hand
    Case("supertrend", {"length": 10, "multiplier": 3.0}, None),
    Case("psar", {"af0": 0.02, "af": 0.02, "max_af": 0.2}, None, talib_psar),
    Case("true_range", {}, native_of("true_range", *HLC, talib=False)),
    Case("atr", {"length": 14}, direct_talib("ATR", *HLC), settle=400, tolerance=1e-8),
    Case("natr", {"length": 14}, direct_talib("NATR", *HLC), settle=400, tolerance=1e-8),
    Case("bbands", {"length": 20, "std": 2.0}, talib_bbands, tolerance=1e-7),
    Case("kc", {"length": 20, "scalar": 2.0, "mamode": "ema"}, native_kc, settle=250),
    Case("donchian", {"lower_length": 20, "upper_length": 15}, native_donchian, talib_donchian),
    Case("obv", {}, lambda c: talib.OBV(c["close"], c["volume"]) - c["volume"][0]),
    Case("ad", {}, direct_talib("AD", *HLCV)),
    Case("cmf", {"length": 20}, native_of("cmf", *HLCV)),
    Case("mfi", {"length": 14}, direct_talib("MFI", *HLCV)),
    Case("stdev", {"length": 20}, direct_talib("STDDEV", "source"), tolerance=1e-7),
    Case("zscore", {"length": 20}, native_of("zscore", "source", ddof=0, talib=False), tolerance=1e-7),
)


def candles(rows: int, seed: int, scale: float = 100.0) -> pd.DataFrame:
    """Return healed candles whose columns all differ from each other, gaps between bars included."""
    rng = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    open_ = close * np.exp(rng.normal(0, 0.01, rows))
    high = np.maximum(open_, close) * (1 + rng.uniform(0.0001, 0.01, rows))
    low = np.minimum(open_, close) * (1 - rng.uniform(0.0001, 0.01, rows))
    return pd.DataFrame(
        {
            "ts_open": np.arange(rows, dtype=np.int64) * 900_000,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": rng.lognormal(3, 1, rows),
            "turnover": rng.lognormal(8, 1, rows),
            "is_filled": np.zeros(rows, dtype=bool),
            "mark_open": open_ * 1.0001,
            "mark_high": high * 1.0001,
            "mark_low": low * 1.0001,
            "mark_close": close * 1.0001,
        }
    )


def columns_with_source(frame: pd.DataFrame, source: str) -> dict[str, np.ndarray]:
    """Return the columns of `frame` and, as "source", the price called so, by formulas written out here."""
    o, h, low, c = (frame[name].to_numpy() for name in ("open", "high", "low", "close"))
    derived = {"hl2": (h + low) / 2, "hlc3": (h + low + c) / 3, "ohlc4": (o + h + low + c) / 4}
    plain = {name: frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    return {**plain, "source": {**plain, **derived}[source]}
