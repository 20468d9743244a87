"""Market structure on bars drawn by hand; most are the project's reference cases, named by their ids."""

from __future__ import annotations

import numpy as np
import pytest

from engine.features.indicators.structure import displacement
from engine.features.kernels import structure
from engine.features.registry import INDICATORS

NAN = np.nan
BOS_UP = [
    (100, 105, 95, 103),
    (103, 110, 100, 108),
    (108, 120, 106, 115),
    (115, 115, 108, 110),
    (110, 112, 105, 108),
    (108, 109, 95, 97),
    (97, 98, 85, 87),
    (87, 88, 80, 82),
    (82, 90, 85, 88),
    (88, 92, 86, 90),
    (90, 100, 89, 98),
    (98, 110, 96, 108),
    (108, 126, 106, 125),
]
CHOCH_DOWN = [*BOS_UP, (125, 127, 110, 112), (112, 113, 78, 79)]


def run(name: str, bars: list[tuple[float, ...]], **params: float) -> dict[str, np.ndarray]:
    open_, high, low, close = (np.array(column, dtype=np.float64) for column in zip(*bars, strict=True))
    columns = {"open": open_, "high": high, "low": low, "close": close}
    entry = INDICATORS[name]
    outputs = entry.compute(*(columns[name] for name in entry.inputs), **params)
    return dict(zip(entry.outputs, outputs, strict=True))


def highs(*values: float) -> list[tuple[float, ...]]:
    return [(value, value, value - 50, value) for value in values]


def lows(*values: float) -> list[tuple[float, ...]]:
    return [(value, value + 50, value, value) for value in values]


def test_rolling_min_and_max_expand_at_the_start():
    assert run("rolling_range", lows(100, 95, 102, 98, 103), length=3)["low"].tolist() == [
        100,
        95,
        95,
        95,
        98,
    ]
    found = run("rolling_range", highs(110, 112, 108, 107, 106), length=3)
    assert found["high"].tolist() == [110, 112, 112, 112, 108]


def test_swing_high_is_known_two_bars_later_and_not_before():
    found = run("swing", highs(100, 105, 120, 110, 108), left=2, right=2)
    np.testing.assert_array_equal(found["high"], [NAN, NAN, NAN, NAN, 120])
    np.testing.assert_array_equal(found["high_age"], [NAN, NAN, NAN, NAN, 2])


def test_swing_low():
    found = run("swing", lows(100, 95, 80, 90, 92), left=2, right=2)
    np.testing.assert_array_equal(found["low"], [NAN, NAN, NAN, NAN, 80])


def test_swing_tie_is_none():
    assert np.isnan(run("swing", highs(100, 110, 110, 100, 95), left=2, right=2)["high"]).all()


def test_fib_and_premium_discount():
    # a swing low of 70, then a swing high of 140, with sides of one bar
    leg = [
        (90, 95, 80, 90),
        (75, 80, 70, 75),
        (100, 120, 90, 110),
        (130, 140, 120, 135),
        (120, 130, 115, 120),
    ]
    for ratio, level in ((0.382, 113.26), (0.5, 105.0), (0.618, 96.74)):
        found = run("fib", leg, left=1, right=1, ratio=ratio)
        assert found["retracement"][-1] == pytest.approx(level)
        assert found["direction"][-1] == 1
    assert run("fib", leg, left=1, right=1, ratio=0.618)["extension"][-1] == pytest.approx(183.26)
    found = run("premium_discount", leg, left=1, right=1)
    assert (found["discount"][-1], found["equilibrium"][-1], found["premium"][-1]) == (87.5, 105.0, 122.5)
    # the high is confirmed by the last bar, not before
    assert np.isnan(found["premium"][:-1]).all()


def test_bos_up():
    found = run("market_structure", BOS_UP, left=2, right=2)
    assert found["bos"].tolist() == [0] * 12 + [1]
    assert not found["choch"].any()
    assert (found["level"][12], found["trend"][12]) == (120, 1)
    assert found["trend"][:12].tolist() == [0] * 12


def test_choch_down():
    found = run("market_structure", CHOCH_DOWN, left=2, right=2)
    assert found["choch"].tolist() == [0] * 14 + [-1]
    assert (found["level"][14], found["trend"][14]) == (80, -1)


def test_a_swing_breaks_once():
    more = [*BOS_UP, (125, 130, 118, 121), (121, 131, 117, 130)]
    assert run("market_structure", more, left=2, right=2)["bos"].tolist() == [0] * 12 + [1, 0, 0]


def test_a_sweep_pierces_a_swing_and_closes_back():
    # the swing low of 80 is known at bar 9; bar 10 trades at 78 and closes at 85
    swept = [*BOS_UP[:10], (90, 95, 78, 85), (85, 90, 77, 88)]
    found = run("liquidity_sweep", swept, left=2, right=2)
    assert found["sweep"].tolist() == [0] * 10 + [1, 0]
    assert found["level"][10] == 80
    closed_under = [*BOS_UP[:10], (90, 95, 78, 79), (79, 90, 77, 88)]
    assert not run("liquidity_sweep", closed_under, left=2, right=2)["sweep"].any()


def test_displacement():
    bars = [(100, 122, 99, 120), (120, 121, 99, 100), (100, 106, 99, 105), (100, 140, 80, 120)]
    columns = [np.array(column, dtype=np.float64) for column in zip(*bars, strict=True)]
    direction, share = displacement(*columns, np.full(4, 10.0), body=1.5, wick=0.4)
    assert direction.tolist() == [1, -1, 0, 0]
    assert share[0] == 2.0


def test_fvg_bull():
    bars = [(100, 105, 98, 103), (103, 115, 102, 112), (112, 120, 108, 118), (118, 119, 106, 110)]
    found = run("fvg", bars)
    assert np.isnan(found["bull_top"][:2]).all()
    assert (found["bull_bottom"][2], found["bull_top"][2], found["bull_filled"][2]) == (105, 108, 0)
    assert found["bull_filled"][3] == pytest.approx(2 / 3)
    assert np.isnan(run("fvg", [*bars, (110, 111, 105, 107)])["bull_top"][4])


def test_fvg_bear():
    bars = [(100, 102, 95, 97), (97, 98, 85, 87), (87, 92, 80, 82)]
    found = run("fvg", bars)
    assert (found["bear_bottom"][2], found["bear_top"][2]) == (92, 95)
    assert np.isnan(found["bull_top"]).all()


def test_order_block():
    open_, close = np.array([102.0, 105, 100]), np.array([103.0, 100, 125])
    bottom, top = np.empty(3), np.empty(3)
    structure.order_blocks(open_, close, np.array([0.0, 0, 1]), 5, 1.0, bottom, top)
    np.testing.assert_array_equal(bottom, [NAN, NAN, 100])
    np.testing.assert_array_equal(top, [NAN, NAN, 105])


def test_an_order_block_is_gone_with_a_close_beyond_it():
    open_, close = np.array([105.0, 100, 124, 105]), np.array([100.0, 125, 101, 99])
    bottom, top = np.empty(4), np.empty(4)
    structure.order_blocks(open_, close, np.array([0.0, 1, 0, 0]), 5, 1.0, bottom, top)
    np.testing.assert_array_equal(bottom, [NAN, 100, 100, NAN])
    np.testing.assert_array_equal(top, [NAN, 105, 105, NAN])
