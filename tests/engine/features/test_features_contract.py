"""Anchors, funding, zones and windows worked out on paper."""

from __future__ import annotations

import numpy as np

from engine.features.registry import INDICATORS
from engine.timeframes import HOUR_MS, parse_utc

NAN = np.nan
DAY_MS = 24 * HOUR_MS


def run(name, *inputs, **params):
    columns = (np.array(values, dtype=np.float64) for values in inputs)
    result = INDICATORS[name].compute(*columns, **params)
    return result if isinstance(result, tuple) else (result,)


def test_a_session_begins_at_midnight_utc_and_one_that_was_not_seen_to_begin_has_no_average():
    opens = parse_utc("2024-01-01") + np.array([22, 23, 24, 25]) * HOUR_MS
    (found,) = run("vwap", [10, 20, 30, 60], [1, 1, 2, 1], opens, anchor="day")
    # two parts of 30 and one of 60
    np.testing.assert_allclose(found, [NAN, NAN, 30, 40])
    (whole,) = run("vwap", [10, 20], [1, 3], opens[2:], anchor="day")
    np.testing.assert_allclose(whole, [10, 17.5])


def test_a_week_begins_on_monday_and_a_month_on_its_first():
    # 31 January 2024 was a Wednesday
    opens = parse_utc("2024-01-28") + np.arange(6) * DAY_MS
    (week,) = run("vwap", [1, 2, 4, 6, 8, 10], np.ones(6), opens, anchor="week")
    np.testing.assert_allclose(week, [NAN, 2, 3, 4, 5, 6])
    (month,) = run("vwap", [1, 2, 4, 6, 8, 10], np.ones(6), opens, anchor="month")
    np.testing.assert_allclose(month, [NAN, NAN, NAN, NAN, 8, 9])


def test_a_session_without_volume_shows_the_price():
    (found,) = run("vwap", [7, 9], [0, 0], [0, HOUR_MS], anchor="day")
    np.testing.assert_array_equal(found, [7, 9])


def test_an_average_from_a_swing_counts_its_bars_once_it_is_confirmed():
    # the high of 12 at row 1 is confirmed by row 2: prices 12 and 9 count, volumes 1 and 2
    high, low = [10, 12, 9, 8], [1, 1, 1, 1]
    of_high, of_low = run("vwap_swing", [10, 12, 9, 6], [5, 1, 2, 3], high, low, left=1, right=1)
    np.testing.assert_allclose(of_high, [NAN, NAN, 10, 8])
    assert np.isnan(of_low).all()


def test_funding_of_some_hours_whatever_the_bars_are():
    settled = np.zeros(24)
    settled[[7, 15, 23]] = [0.0001, 0.0003, -0.0002]
    opens = np.arange(24) * HOUR_MS
    (hourly,) = run("funding_sum", opens, opens + HOUR_MS, settled, hours=16)
    assert np.isnan(hourly[:15]).all()
    np.testing.assert_allclose(hourly[[15, 22, 23]], [0.0004, 0.0004, 0.0001], rtol=1e-12)
    opens = np.arange(3) * 8 * HOUR_MS
    in_bars = settled.reshape(3, 8).sum(axis=1)
    (longer,) = run("funding_sum", opens, opens + 8 * HOUR_MS, in_bars, hours=16)
    np.testing.assert_allclose(longer, [NAN, 0.0004, 0.0001], rtol=1e-12)
    # 0.01 % every eight hours is 10.95 % a year
    (annual,) = run("funding_annual", opens, opens + 8 * HOUR_MS, in_bars, hours=8)
    np.testing.assert_allclose(annual[0], 10.95)


def test_the_basis_is_of_the_mark_to_the_last_price():
    (found,) = run("basis", [101, 99, NAN], [100, 100, 100])
    np.testing.assert_allclose(found, [100, -100, NAN])


def test_zones_are_swings_that_lie_together():
    # swing highs 110 and 111, swing lows 90 and 95; 110 and 111 lie within 2 percent
    turning = [100, 110, 90, 111, 95, 100]
    high = low = close = turning
    params = {"left": 1, "right": 1, "swings": 10, "width": 2.0}
    found = run("support_resistance", high, low, close, **params, touches=1)
    # the last swing low, 95 at row 4, is confirmed by row 5; the close of 100 lies between
    assert [values[5] for values in found] == [95, 95, 1, 110, 111, 2]
    # one bar before it is not known, and the close of 95 lies above the low of 90
    assert [values[4] for values in found] == [90, 90, 1, 110, 111, 2]
    twice = run("support_resistance", high, low, close, **params, touches=2)
    np.testing.assert_array_equal([values[5] for values in twice], [NAN, NAN, NAN, 110, 111, 2])


def test_only_the_last_swings_are_remembered():
    turning = [100, 110, 90, 111, 95, 100]
    params = {"left": 1, "right": 1, "width": 0.0, "touches": 1}
    found = run("support_resistance", turning, turning, turning, **params, swings=2)
    # 111 and 95; 110 and 90 are forgotten
    assert [values[5] for values in found] == [95, 95, 1, 111, 111, 1]


def test_quantiles_lie_on_the_line_between_two_values():
    values = [4, 1, 3, 2, 9]
    np.testing.assert_allclose(run("median", values, length=4)[0], [NAN, NAN, NAN, 2.5, 2.5])
    np.testing.assert_allclose(run("quantile", values, length=3, q=0.25)[0], [NAN, NAN, 2, 1.5, 2.5])
    np.testing.assert_allclose(run("quantile", values, length=3, q=1.0)[0], [NAN, NAN, 4, 3, 9])


def test_correlation_and_beta():
    (found,) = run("correlation", [1, 2, 3, 3], [10, 8, 6, 9], length=3)
    np.testing.assert_allclose(found[2], -1)
    # the source moves by 2 %, -2 %, 4 % where the other moves by 1 %, -1 %, 2 %
    ours, theirs = np.cumprod([1, 1.02, 0.98, 1.04]), np.cumprod([1, 1.01, 0.99, 1.02])
    np.testing.assert_allclose(run("beta", ours, theirs, length=3)[0], [NAN, NAN, NAN, 2])
    assert run("beta", ours, np.ones(4), length=3)[0][3] == 0
