"""Rows of the lines that follow: see `features_cases`. The second opinions are the rules, bar by bar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandas_ta
import talib
from features_cases import Case, Other, series


def native_fisher(c, length, signal):
    frame = pandas_ta.fisher(*series(c, "high", "low"), length=length, signal=signal)
    return frame.iloc[:, 0].to_numpy(), frame.iloc[:, 1].to_numpy()


def native_qqe(c, length, smooth, factor):
    frame = pandas_ta.qqe(pd.Series(c["source"]), length=length, smooth=smooth, factor=factor)
    line, strength = frame.iloc[:, 0].to_numpy(), frame.iloc[:, 1].to_numpy()
    return strength, line, np.where(line <= strength, 1.0, -1.0)


def smoothed_place(line, length, factor):
    place, smooth, result = 50.0, None, []
    for row in range(line.size):
        window = line[max(row - length + 1, 0) : row + 1]
        if row < length - 1 or np.isnan(window).any():
            result.append(np.nan)
            continue
        if window.max() > window.min():
            place = 100 * (line[row] - window.min()) / (window.max() - window.min())
        smooth = place if smooth is None else smooth + factor * (place - smooth)
        result.append(smooth)
    return np.array(result)


def stepped_stc(c, tc_length, fast, slow, factor):
    line = talib.EMA(c["source"], fast) - talib.EMA(c["source"], slow)
    return smoothed_place(smoothed_place(line, tc_length, factor), tc_length, factor)


def stepped_mcgd(c, length):
    result = np.full(c["source"].size, np.nan)
    result[length - 1] = c["source"][:length].mean()
    for row in range(length, result.size):
        before, value = result[row - 1], c["source"][row]
        result[row] = before + (value - before) / (length * (value / before) ** 4)
    return result


def stepped_hilo(c, high_length, low_length):
    highs, lows = talib.SMA(c["high"], high_length), talib.SMA(c["low"], low_length)
    side, rows = 1, []
    for row, close in enumerate(c["close"]):
        if row and close > highs[row - 1]:
            side = 1
        elif row and close < lows[row - 1]:
            side = -1
        rows.append((lows[row] if side == 1 else highs[row], side))
    return tuple(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))


FOLLOWING_CASES = (
    Case("fisher", {"length": 9, "signal": 1}, (Other(native_fisher, settle=100),)),
    Case("qqe", {"length": 14, "smooth": 5, "factor": 4.236}, (Other(native_qqe),)),
    Case("stc", {"tc_length": 10, "fast": 12, "slow": 26, "factor": 0.5}, (Other(stepped_stc),)),
    Case("mcgd", {"length": 10}, (Other(stepped_mcgd),)),
    Case("hilo", {"high_length": 13, "low_length": 21}, (Other(stepped_hilo),)),
)
