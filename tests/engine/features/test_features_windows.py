"""Moving windows of any length against windows looked at one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.features import recursions, windows

RNG = np.random.default_rng(5)
WALK = 100.0 + np.cumsum(RNG.normal(0.0, 1.0, 700))
TIED = np.round(RNG.normal(0.0, 2.0, 700))
WEIGHTS = RNG.lognormal(0.0, 1.0, 700)


def line_of(window: np.ndarray) -> tuple[float, float]:
    slope, start = np.polyfit(np.arange(window.size), window, 1)
    return start + slope * (window.size - 1), slope


def falling_weights(length: int) -> np.ndarray:
    return np.arange(length, 0, -1) / (length * (length + 1) / 2)


BY_LOOKING: dict[str, tuple[Callable, Callable]] = {
    "total": (windows.total, np.sum),
    "mean": (windows.mean, np.mean),
    "deviation": (lambda x, n: windows.mean_and_deviation(x, n)[1], np.std),
    "absolute deviation": (
        lambda x, n: windows.mean_and_absolute_deviation(x, n)[1],
        lambda w: np.mean(np.abs(w - w.mean())),
    ),
    "weighted mean": (windows.weighted_mean, lambda w: w[::-1] @ falling_weights(w.size)),
    "filtered": (
        lambda x, n: windows.filtered(x, falling_weights(n)),
        lambda w: w[::-1] @ falling_weights(w.size),
    ),
    "end of line": (lambda x, n: windows.regression(x, n)[0], lambda w: line_of(w)[0]),
    "slope of line": (lambda x, n: windows.regression(x, n)[1], lambda w: line_of(w)[1]),
    "highest": (windows.highest, np.max),
    "lowest": (windows.lowest, np.min),
    "since highest": (windows.bars_since_highest, lambda w: np.argmax(w[::-1])),
    "since lowest": (windows.bars_since_lowest, lambda w: np.argmin(w[::-1])),
}


@pytest.mark.parametrize("name", BY_LOOKING)
@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7, 8, 13, 64, 513, 699, 700, 701, 5000])
@pytest.mark.parametrize("values", [WALK, TIED], ids=["walk", "tied"])
def test_a_window_of_any_length(name, length, values):
    ours, of_window = BY_LOOKING[name]
    expected = np.full(values.size, np.nan)
    for row in range(length - 1, values.size):
        expected[row] = of_window(values[row - length + 1 : row + 1])
    np.testing.assert_allclose(ours(values, length), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", BY_LOOKING)
@settings(max_examples=30, deadline=None)
@given(length=st.integers(2, 60), holes=st.sets(st.integers(0, 199), min_size=1, max_size=4))
def test_a_nan_is_in_all_windows_that_hold_it_and_in_no_other(name, length, holes):
    ours, _ = BY_LOOKING[name]
    broken = WALK[:200].copy()
    broken[list(holes)] = np.nan
    missing = {row + k for row in holes for k in range(length)} | set(range(length - 1))
    np.testing.assert_array_equal(np.isnan(ours(broken, length)), [row in missing for row in range(200)])


@pytest.mark.parametrize("name", BY_LOOKING)
@settings(max_examples=30, deadline=None)
@given(length=st.integers(2, 60), rows=st.integers(1, 200))
def test_to_the_bit_the_same_when_the_series_ends_earlier(name, length, rows):
    ours, _ = BY_LOOKING[name]
    np.testing.assert_array_equal(ours(WALK[:rows], length), ours(WALK[:200], length)[:rows])


@pytest.mark.parametrize("name", ["total", "mean", "deviation", "weighted mean", "filtered", "end of line"])
@pytest.mark.parametrize("length", [5, 20, 150])
def test_what_has_left_the_window_leaves_no_rounding_error(name, length):
    ours, _ = BY_LOOKING[name]
    values = np.r_[np.full(10, 1e12), RNG.normal(0.0, 1e6, 90), np.zeros(300)]
    assert (ours(values, length)[100 + length - 1 :] == 0.0).all()


@pytest.mark.parametrize("name", ["mean", "weighted mean", "filtered", "end of line", "highest", "lowest"])
@pytest.mark.parametrize("price", [0.1, 70_123.7, 1.23e-5])
def test_a_constant_is_given_back_to_the_bit(name, price):
    ours, _ = BY_LOOKING[name]
    assert (ours(np.full(300, price), 21)[20:] == price).all()


@pytest.mark.parametrize("length", [1, 2, 7, 30, 300])
def test_a_mean_by_weights(length):
    expected = [
        np.average(WALK[row - length + 1 : row + 1], weights=WEIGHTS[row - length + 1 : row + 1])
        for row in range(length - 1, 700)
    ]
    np.testing.assert_allclose(windows.mean_by(WALK, WEIGHTS, length)[length - 1 :], expected, rtol=1e-12)


def test_a_mean_by_weights_that_are_nothing_is_the_plain_mean():
    weights = np.r_[np.ones(5), np.zeros(10), np.ones(5)]
    result = windows.mean_by(WALK[:20], weights, 4)
    np.testing.assert_allclose(result[10], WALK[7:11].mean())
    np.testing.assert_allclose(result[7], WALK[4])


def recursive_mean(values: np.ndarray, length: int, alpha: float) -> np.ndarray:
    """The definition, one bar after the other."""
    first = int(np.argmax(~np.isnan(values)))
    result = np.full(values.size, np.nan)
    previous = values[first : first + length].mean()
    result[first + length - 1] = previous
    for row in range(first + length, values.size):
        previous = previous + alpha * (values[row] - previous)
        result[row] = previous
    return result


@pytest.mark.parametrize("length", [1, 2, 5, 50, 400])
@pytest.mark.parametrize("leading", [0, 1, 6])
def test_four_bars_at_once_are_four_single_ones(length, leading):
    values = np.r_[np.full(leading, np.nan), WALK[leading:]]
    for ours, alpha in (
        (recursions.exponential_mean, 2 / (length + 1)),
        (recursions.wilder_mean, 1 / length),
    ):
        np.testing.assert_allclose(ours(values, length), recursive_mean(values, length, alpha), rtol=1e-13)


@pytest.mark.parametrize("rows", range(18, 30))
def test_an_average_is_to_the_bit_the_same_when_the_series_ends_earlier(rows):
    whole = recursions.exponential_mean(WALK, 9)
    np.testing.assert_array_equal(recursions.exponential_mean(WALK[:rows], 9), whole[:rows])


def test_kernels_read_arrays_that_cannot_be_written_with_the_same_machine_code():
    from engine.features.kernels import sums

    frozen = WALK.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(windows.mean(frozen, 9), windows.mean(WALK, 9))
    assert len(sums.mean.machine_code.signatures) == 1
