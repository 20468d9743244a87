"""Values worked out on paper, with whole numbers where the definition allows it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.features import recursions
from engine.features.registry import INDICATORS

NAN = np.nan


def run(name: str, *inputs: list[float], **params: float) -> list[np.ndarray]:
    result = INDICATORS[name].compute(*(np.array(values, dtype=np.float64) for values in inputs), **params)
    return list(result) if isinstance(result, tuple) else [result]


def test_moving_averages():
    rising = [1, 2, 4, 8, 16]
    (sma,) = run("sma", rising, length=3)
    np.testing.assert_allclose(sma, [NAN, NAN, 7 / 3, 14 / 3, 28 / 3])
    # alpha = 2 / (3 + 1); starts with the mean of 1, 2, 4
    (ema,) = run("ema", rising, length=3)
    np.testing.assert_allclose(ema, [NAN, NAN, 7 / 3, 31 / 6, 127 / 12])
    # the first is one 1, two 2 and three 4, over 6
    (wma,) = run("wma", rising, length=3)
    np.testing.assert_allclose(wma, [NAN, NAN, 17 / 6, 34 / 6, 68 / 6])
    # starts with the mean 7/3, then a third of the way to 8, a third of the way to 16
    (rma,) = run("rma", rising, length=3)
    np.testing.assert_allclose(rma, [NAN, NAN, 7 / 3, 38 / 9, 220 / 27])
    (vwma,) = run("vwma", [10, 20, 30], [1, 0, 3], length=2)
    np.testing.assert_allclose(vwma, [NAN, 10, 30])
    # on a line WMA(4) lags by 1 and WMA(2) by 1/3, their combination leads by 1/3; WMA(2) takes that back
    (hma,) = run("hma", [1, 2, 3, 4, 5, 6], length=4)
    np.testing.assert_allclose(hma, [NAN, NAN, NAN, NAN, 5, 6])


def test_kama():
    # row 2: moved 2 over a path of 2, E = 1, s = (2/3)^2; row 3: moved 0 over 2, E = 0, s = (2/31)^2
    (kama,) = run("kama", [10, 11, 12, 11], length=2, fast=2, slow=30)
    second = 11 + (2 / 3) ** 2 * (12 - 11)
    third = second + (2 / 31) ** 2 * (11 - second)
    np.testing.assert_allclose(kama, [NAN, NAN, second, third])


def test_linear_regression():
    # 1, 3, 2: slope = (-1*1 + 0*3 + 1*2) / 2 = 1/2, mean 2, newest point 2 + 1/2
    value, slope = run("linreg", [1, 3, 2, 2], length=3)
    np.testing.assert_allclose(value, [NAN, NAN, 2.5, 7 / 3 - 0.5])
    np.testing.assert_allclose(slope, [NAN, NAN, 0.5, -0.5])


def test_rsi_with_wilders_means():
    # gains 1, 0, 3 and losses 0, 1, 0: first means 1/2 and 1/2, then (1/2 + 3)/2 and (1/2)/2
    (rsi,) = run("rsi", [10, 11, 10, 13], length=2)
    np.testing.assert_allclose(rsi, [NAN, NAN, 50, 87.5])


def test_macd():
    line, signal, hist = run("macd", [1, 3, 5, 9], fast=2, slow=3, signal=2)
    # EMA(2) from row 1: (1+3)/2 = 2, 4, 22/3; EMA(3) from row 2: (1+3+5)/3 = 3, 6; signal starts with a mean
    np.testing.assert_allclose(line, [NAN, NAN, 1, 4 / 3])
    np.testing.assert_allclose(signal, [NAN, NAN, NAN, 7 / 6])
    np.testing.assert_allclose(hist, [NAN, NAN, NAN, 1 / 6])


def test_stochastic_and_williams():
    high, low, close = [10, 12, 14], [8, 9, 10], [9, 11, 11]
    # row 1: (11-8)/(12-8) = 75 %; row 2: (11-9)/(14-9) = 40 %
    k, d = run("stoch", high, low, close, k=2, d=2, smooth_k=1)
    np.testing.assert_allclose(k, [NAN, 75, 40])
    np.testing.assert_allclose(d, [NAN, NAN, 57.5])
    (willr,) = run("willr", high, low, close, length=2)
    np.testing.assert_allclose(willr, [NAN, -25, -60])


def test_cci():
    # typical prices 1, 2, 6: mean 3, mean distance 2; (6 - 3) / (0.015 * 2)
    (cci,) = run("cci", [1, 2, 6], [1, 2, 6], [1, 2, 6], length=3)
    np.testing.assert_allclose(cci, [NAN, NAN, 100])


def test_rates_of_change():
    values = [4, 5, 8, 0, 3]
    np.testing.assert_allclose(run("mom", values, length=2)[0], [NAN, NAN, 4, -5, -5])
    np.testing.assert_allclose(run("slope", values, length=2)[0], [NAN, NAN, 2, -2.5, -2.5])
    np.testing.assert_allclose(run("roc", values, length=1)[0], [NAN, 25, 60, -100, 0])


def test_true_range_and_its_mean():
    # a gap up, then a gap down
    high, low, close = [10, 15, 9], [8, 14, 7], [9, 14, 8]
    (true_range,) = run("true_range", high, low, close)
    np.testing.assert_allclose(true_range, [2, 6, 7])
    (atr,) = run("atr", high, low, close, length=2)
    np.testing.assert_allclose(atr, [NAN, 4, 5.5])
    (natr,) = run("natr", high, low, close, length=2)
    np.testing.assert_allclose(natr, [NAN, 400 / 14, 68.75])


def test_bollinger_bands_take_the_population_deviation():
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, population deviation 2
    values = [2, 4, 4, 4, 5, 5, 7, 9]
    lower, middle, upper, bandwidth, percent = run("bbands", values, length=8, std=1.5)
    assert (lower[-1], middle[-1], upper[-1]) == pytest.approx((2, 5, 8))
    assert (bandwidth[-1], percent[-1]) == pytest.approx((120, 7 / 6))
    assert run("stdev", values, length=8)[0][-1] == pytest.approx(2)
    assert run("zscore", values, length=8)[0][-1] == pytest.approx(2)


def test_channels():
    high, low, close = [10, 12, 11], [8, 9, 7], [9, 11, 8]
    lower, middle, upper = run("donchian", high, low, lower_length=2, upper_length=3)
    np.testing.assert_allclose(lower, [NAN, 8, 7])
    np.testing.assert_allclose(upper, [NAN, NAN, 12])
    np.testing.assert_allclose(middle, [NAN, NAN, 9.5])
    # ranges 2, 3, 4; means of close 10, 9.5 and of ranges 2.5, 3.5
    lower, middle, upper = run("kc", high, low, close, length=2, scalar=2.0, mamode="sma")
    np.testing.assert_allclose(lower, [NAN, 5, 2.5])
    np.testing.assert_allclose(middle, [NAN, 10, 9.5])
    np.testing.assert_allclose(upper, [NAN, 15, 16.5])


def test_aroon():
    # length 2 looks at three bars: the high two bars ago, the low in the newest
    up, down, osc = run("aroon", [5, 4, 3], [3, 2, 1], length=2)
    assert (up[-1], down[-1], osc[-1]) == (0, 100, -100)
    # of equal highs the latest counts
    assert run("aroon", [5, 4, 5], [3, 2, 2], length=2)[0][-1] == 100


def test_directional_movement():
    # each bar moves up by 2, never down, with a true range of 3: DI+ 2/3, DI- 0, so DX is always 100
    high, low, close = [10, 12, 14, 16, 18], [8, 10, 12, 14, 16], [9, 11, 13, 15, 17]
    adx, plus, minus = run("adx", high, low, close, length=2)
    assert adx[-1] == pytest.approx(100)
    assert plus[-1] == pytest.approx(100 * 2 / 3)
    assert minus[-1] == 0


def test_supertrend():
    high = [11, 11, 13, 15, 13, 12]
    low = [9, 9, 11, 13, 9, 9]
    close = [10, 10, 13, 14, 9, 11]
    trend, direction = run("supertrend", high, low, close, length=2, multiplier=1.0)
    # row 1: hl2 10, range 2, ATR 2: bands 8 and 12; starts down: 12
    # row 2: hl2 12, range 13 - 10 = 3, ATR 2.5: bands 9.5 and 14.5, the upper may not rise: 12. Closes
    #        above it at 13: up, 9.5
    # row 3: hl2 14, range 2, ATR 2.25: bands 11.75 and 16.25, the upper free as 13 was above 12. Up, 11.75
    # row 4: hl2 11, range 14 - 9 = 5, ATR 3.625: bands 7.375, which may not fall: 11.75, and 14.625. Closes
    #        below 11.75 at 9: down, 14.625
    # row 5: hl2 10.5, range 3, ATR 3.3125: upper 13.8125. Down, 13.8125
    np.testing.assert_allclose(direction, [NAN, -1, 1, 1, -1, -1])
    np.testing.assert_allclose(trend, [NAN, 12, 9.5, 11.75, 14.625, 13.8125])


def test_supertrend_keeps_a_band_that_was_closed_upon_but_not_crossed():
    # Bands one off the middle. Row 1 closes above the upper band 11: up, 11. Row 2: 12, and closes on it.
    # Row 3: the new lower band 10 is below 12, and 12 was not crossed
    middle, close = np.array([10.0, 12, 13, 11]), np.array([10.0, 11.5, 12, 12.5])
    line, direction = recursions.supertrend(middle, close, np.ones(4))
    np.testing.assert_array_equal(line, [11, 11, 12, 12])
    np.testing.assert_array_equal(direction, [-1, 1, 1, 1])


def test_parabolic_sar():
    # row 1: the first move is up: starts at the low before, 9, extreme 11
    # row 2: 9 + 0.02 * (11 - 9) = 9.04; new extreme 13, factor 0.04
    # row 3: 9.04 + 0.04 * (13 - 9.04) = 9.1984; new extreme 14, factor 0.06
    # row 4: 9.1984 + 0.06 * (14 - 9.1984) = 9.486496, touched by the low 9.4: down from the extreme 14
    # row 5: 14 + 0.02 * (9.4 - 14) = 13.908, not into the high of row 3: 14; new extreme 9, factor 0.04
    # row 6: 14 + 0.04 * (9 - 14) = 13.8
    high = [10, 11, 13, 14, 13, 12, 11]
    low = [9, 10, 11, 12, 9.4, 9, 8.5]
    sar, direction = run("psar", high, low, af0=0.02, af=0.02, max_af=0.2)
    np.testing.assert_allclose(sar, [NAN, 9, 9.04, 9.1984, 14, 14, 13.8])
    np.testing.assert_array_equal(direction, [NAN, 1, 1, 1, -1, -1, -1])


def test_volume_indicators():
    high, low, close, volume = [10, 12, 12, 11], [8, 8, 10, 11], [9, 11, 10, 11], [5, 10, 20, 30]
    np.testing.assert_allclose(run("obv", close, volume)[0], [0, 10, -10, 20])
    # places in the range: 0, (3 - 1)/4, -1, none (high equals low)
    np.testing.assert_allclose(run("ad", high, low, close, volume)[0], [0, 5, -15, -15])
    np.testing.assert_allclose(run("cmf", high, low, close, volume, length=2)[0], [NAN, 1 / 3, -0.5, -0.4])
    # typical prices 9, 31/3, 32/3, 11: all rising
    np.testing.assert_allclose(run("mfi", high, low, close, volume, length=2)[0], [NAN, NAN, 100, 100])
    falling = [9, 10, 8]
    # flows: in 10 * 10, out 8 * 20
    (mfi,) = run("mfi", falling, falling, falling, [5, 10, 20], length=2)
    assert mfi[-1] == pytest.approx(100 * 100 / 260)


def test_trix_of_a_steady_growth():
    # the EMAs of a geometric series grow as it does, once their start has faded: 1 % per bar
    line, signal = run("trix", list(100 * 1.01 ** np.arange(400)), length=3, signal=4)
    assert line[-1] == pytest.approx(1.0, abs=1e-6)
    assert signal[-1] == pytest.approx(1.0, abs=1e-6)
