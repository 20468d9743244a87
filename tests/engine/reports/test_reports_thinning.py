import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.reports.thinning import extremes


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(4, 80))
def test_ends_and_extremes_stay_in_order_and_within_the_limit(values, most):
    series = np.array(values)
    kept = extremes(series, most)
    assert len(kept) <= max(most, 4)
    assert (np.diff(kept) > 0).all()
    assert (kept[0], kept[-1]) == (0, len(series) - 1)
    assert series[kept].min() == series.min()
    assert series[kept].max() == series.max()


def test_a_short_series_is_kept_whole():
    assert extremes(np.arange(5.0), 5).tolist() == [0, 1, 2, 3, 4]


def test_each_bucket_keeps_its_lowest_and_its_highest_point():
    # Room for 6: the two ends and two buckets of five: 3 1 4 1 5 | 9 2 6 5 3
    series = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    assert extremes(series, 6).tolist() == [0, 1, 4, 5, 6, 9]


def test_a_single_spike_in_half_a_million_points_survives():
    series = np.zeros(525_600)
    series[123_457] = 1.0
    assert 123_457 in extremes(series, 1_600)
