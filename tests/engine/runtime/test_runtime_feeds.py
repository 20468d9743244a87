"""What is visible when: 15-minute bars with 1-hour and 4-hour ones above them, worked out by hand."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SimulationError
from engine.rules.columns import ColumnSource
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

NAN = np.nan
QUARTER_MS = 15 * MINUTE_MS


def feed(timeframe: Timeframe, opens: list[int], **columns: list) -> FeedStore:
    """Opens are counted in bars; without columns the close is the number of the bar."""
    frame = pd.DataFrame({"ts_open": np.array(opens, dtype=np.int64) * timeframe.ms})
    for name, values in (columns or {"close": [float(bar) for bar in opens]}).items():
        frame[name] = values
    return FeedStore(timeframe, frame)


def two_hours() -> MultiTFFeedStore:
    """Eight quarters from 00:00, and the two hours they make."""
    return MultiTFFeedStore(
        {"exec": feed(Timeframe.M15, list(range(8))), "htf": feed(Timeframe.H1, [0, 1], ema=[100.0, 200.0])}
    )


def test_a_higher_bar_is_visible_exactly_when_it_closes():
    # the bar of 00:00 to 01:00 closes with the quarter 00:45 to 01:00 (row 3): visible there, not before
    assert list(two_hours().last_closed_index("htf")) == [-1, -1, -1, 0, 0, 0, 0, 1]
    np.testing.assert_array_equal(
        two_hours().column("ema", "htf", 0), [NAN, NAN, NAN, 100, 100, 100, 100, 200]
    )


def test_the_exec_bars_see_themselves():
    store = two_hours()
    assert list(store.last_closed_index("exec")) == list(range(8))
    np.testing.assert_array_equal(store.column("close", "exec", 0), range(8))


def test_an_offset_counts_bars_of_its_own_timeframe():
    """Pitfalls 10 and 11: one back on the hour is the hour before, not the quarter before."""
    store = two_hours()
    np.testing.assert_array_equal(store.column("ema", "htf", 1), [NAN, NAN, NAN, NAN, NAN, NAN, NAN, 100])
    np.testing.assert_array_equal(store.column("close", "exec", 2), [NAN, NAN, 0, 1, 2, 3, 4, 5])
    assert np.isnan(store.column("ema", "htf", 2)).all()
    assert np.isnan(store.column("close", "exec", 99)).all()


def test_history_before_the_first_exec_bar_is_visible_at_once():
    store = MultiTFFeedStore(
        {"exec": feed(Timeframe.M15, [16, 17]), "htf": feed(Timeframe.H1, [0, 1, 2, 3], ema=[1.0, 2, 3, 4])}
    )
    np.testing.assert_array_equal(store.column("ema", "htf", 0), [4, 4])
    np.testing.assert_array_equal(store.column("ema", "htf", 3), [1, 1])


def test_a_hole_in_the_higher_feed_shows_the_last_closed_bar():
    # the hour from 01:00 is missing: the one before it stays until that of 02:00 has closed (row 11)
    store = MultiTFFeedStore(
        {"exec": feed(Timeframe.M15, list(range(13))), "htf": feed(Timeframe.H1, [0, 2], ema=[1.0, 3.0])}
    )
    np.testing.assert_array_equal(store.column("ema", "htf", 0), [NAN] * 3 + [1] * 8 + [3] * 2)


def test_a_hole_in_the_exec_feed_misses_no_higher_bar():
    # no quarter closes at 01:00 or 02:00; the first one after (row 1, closing 02:15) sees the hour of 01:00
    store = MultiTFFeedStore(
        {"exec": feed(Timeframe.M15, [2, 8]), "htf": feed(Timeframe.H1, [0, 1], ema=[1.0, 2.0])}
    )
    assert list(store.last_closed_index("htf")) == [-1, 1]


def test_a_higher_feed_that_begins_later_is_not_visible_before_its_first_close():
    store = MultiTFFeedStore(
        {"exec": feed(Timeframe.M15, list(range(10))), "htf": feed(Timeframe.H1, [1], ema=[5.0])}
    )
    np.testing.assert_array_equal(store.column("ema", "htf", 0), [NAN] * 7 + [5] * 3)


def test_two_higher_feeds_at_once():
    store = MultiTFFeedStore(
        {
            "exec": feed(Timeframe.M15, list(range(20))),
            "mtf": feed(Timeframe.H1, list(range(5))),
            "htf": feed(Timeframe.H4, [0, 1]),
        }
    )
    assert list(store.last_closed_index("mtf")) == [-1] * 3 + [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4]
    # the first 4-hour bar closes with row 15; the second one only in four hours' time
    assert list(store.last_closed_index("htf")) == [-1] * 15 + [0] * 5
    assert store.roles == ("exec", "mtf", "htf")


def test_a_role_of_the_same_timeframe_equals_exec():
    store = MultiTFFeedStore(
        {"exec": feed(Timeframe.H1, list(range(5))), "mtf": feed(Timeframe.H1, list(range(5)))}
    )
    np.testing.assert_array_equal(store.column("close", "mtf", 0), store.column("close", "exec", 0))


def test_weeks_begin_on_monday():
    # 1970-01-05 was a Monday; that week closes on the 12th
    monday = 4 * 24 * HOUR_MS
    days = FeedStore(
        Timeframe.D1,
        pd.DataFrame({"ts_open": monday + np.arange(8, dtype=np.int64) * 24 * HOUR_MS, "close": 1.0}),
    )
    weeks = FeedStore(Timeframe.W1, pd.DataFrame({"ts_open": np.array([monday]), "close": 9.0}))
    store = MultiTFFeedStore({"exec": days, "htf": weeks})
    assert list(store.last_closed_index("htf")) == [-1] * 6 + [0] * 2


OHLC = {"open": [1.0, 2.0], "high": [4.0, 8.0], "low": [1.0, 2.0], "close": [3.0, 3.0]}


def test_derived_prices_are_columns():
    bars = feed(Timeframe.H1, [0, 1], **OHLC)
    np.testing.assert_allclose(bars.column("hl2"), [2.5, 5])
    np.testing.assert_allclose(bars.column("hlc3"), [8 / 3, 13 / 3])
    np.testing.assert_allclose(bars.column("ohlc4"), [9 / 4, 15 / 4])
    assert bars.names == ("open", "high", "low", "close", "hl2", "hlc3", "ohlc4")
    assert "hl2" in bars
    assert "hl2" not in feed(Timeframe.H1, [0, 1])


def test_flags_are_noughts_and_ones():
    bars = feed(Timeframe.H1, [0, 1], close=[1.0, 2.0], is_filled=[False, True])
    np.testing.assert_array_equal(bars.column("is_filled"), [0.0, 1.0])


def test_times_of_bars():
    bars = feed(Timeframe.H1, [3, 4])
    assert list(bars.ts_open) == [3 * HOUR_MS, 4 * HOUR_MS]
    assert list(bars.ts_close) == [4 * HOUR_MS, 5 * HOUR_MS]
    assert len(bars) == 2


@pytest.mark.parametrize("offset", [0, 1])
def test_nothing_that_is_handed_out_can_be_written_to(offset):
    store = two_hours()
    arrays = (
        store.column("close", "exec", offset),
        store.column("ema", "htf", offset),
        store.last_closed_index("htf"),
        store.feed("htf").column("ema"),
        store.feed("htf").ts_open,
        store.feed("htf").ts_close,
    )
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_feed_does_not_follow_its_frame():
    frame = pd.DataFrame({"ts_open": np.array([0, HOUR_MS]), "close": [1.0, 2.0], "volume": [3.0, 4.0]})
    bars = FeedStore(Timeframe.H1, frame)
    bars.column("close")
    frame.loc[0, "close"] = 99.0
    frame.loc[0, "volume"] = 99.0
    frame.loc[1, "ts_open"] = 99
    assert list(bars.column("close")) == [1.0, 2.0]
    assert list(bars.column("volume")) == [3.0, 4.0]
    assert list(bars.ts_open) == [0, HOUR_MS]


def test_a_text_field_is_an_error_and_not_a_missing_value():
    """Pitfall 12: a higher timeframe's text field came back as missing."""
    store = MultiTFFeedStore(
        {
            "exec": feed(Timeframe.M15, list(range(8))),
            "htf": feed(Timeframe.H1, [0, 1], ema=[1.0, 2.0], state=["up", "down"]),
        }
    )
    with pytest.raises(SimulationError, match="'state' of the 1h bars is text"):
        store.column("state", "htf", 0)
    assert "state" not in store.feed("htf").names


def test_an_unknown_column_gets_a_suggestion():
    bars = feed(Timeframe.H1, [0, 1], ema_fast=[1.0, 2.0])
    with pytest.raises(SimulationError, match=r"no column 'ema_fats'[\s\S]*did you mean ema_fast\?"):
        bars.column("ema_fats")
    with pytest.raises(SimulationError, match="no column 'ts_open'"):
        bars.column("ts_open")


def test_a_feature_with_several_outputs_suggests_them():
    bars = feed(Timeframe.H1, [0], **{"bands.lower": [1.0], "bands.upper": [2.0]})
    with pytest.raises(SimulationError, match=r"did you mean bands\.lower or bands\.upper\?"):
        bars.column("bands")


def test_a_column_of_another_timeframe_says_where_it_is():
    with pytest.raises(SimulationError, match=r"exec has no column 'ema'[\s\S]*it is on htf"):
        two_hours().column("ema", "exec", 0)


def test_an_unknown_role_gets_a_suggestion():
    for ask in (two_hours().last_closed_index, two_hours().feed, lambda r: two_hours().column("ema", r, 0)):
        with pytest.raises(SimulationError, match=r"no timeframe 'htff'[\s\S]*did you mean htf\?"):
            ask("htff")


def test_the_future_cannot_be_asked_for():
    with pytest.raises(SimulationError, match="lies in the future"):
        two_hours().column("close", "exec", -1)


def test_without_exec_there_are_no_rows():
    with pytest.raises(SimulationError, match="no exec feed among the roles htf"):
        MultiTFFeedStore({"htf": feed(Timeframe.H1, [0])})


@pytest.mark.parametrize(
    ("opens", "problem"),
    [([], "no 1h bars"), ([1, 0], "do not rise at 1970-01-01 00:00:00"), ([1, 1], "do not rise")],
)
def test_bars_that_cannot_be_run_on(opens, problem):
    with pytest.raises(SimulationError, match=problem):
        feed(Timeframe.H1, opens)


@pytest.mark.parametrize("times", [[MINUTE_MS], [0, HOUR_MS + MINUTE_MS]])
def test_bars_of_another_timeframe_are_refused(times):
    with pytest.raises(SimulationError, match="not on its grid"):
        FeedStore(Timeframe.H1, pd.DataFrame({"ts_open": np.array(times), "close": 1.0}))


def test_it_is_a_source_of_columns_for_the_rules():
    source: ColumnSource = two_hours()
    assert source.column("ema", "htf", 0)[3] == 100


sparse_bars = st.sets(st.integers(0, 60), min_size=1).map(sorted)


@settings(deadline=None)
@given(
    exec_opens=sparse_bars,
    other_opens=sparse_bars,
    other=st.sampled_from([Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1]),
    offset=st.integers(0, 5),
)
def test_alignment_equals_looking_each_bar_up(exec_opens, other_opens, other, offset):
    store = MultiTFFeedStore({"exec": feed(Timeframe.M15, exec_opens), "other": feed(other, other_opens)})
    expected = []
    for opened in exec_opens:
        now = (opened + 1) * QUARTER_MS
        closed = [bar for bar in other_opens if (bar + 1) * other.ms <= now]
        expected.append(float(closed[-1 - offset]) if len(closed) > offset else NAN)
    np.testing.assert_array_equal(store.column("close", "other", offset), expected)
    singly = [store.value(row, "close", "other", offset) for row in range(len(exec_opens))]
    np.testing.assert_array_equal(singly, expected)


def test_a_year_of_minutes_is_aligned_in_a_few_milliseconds():
    """The bound is ten times what it takes, so that a loop over bars fails and a busy machine does not."""

    def year(timeframe: Timeframe) -> FeedStore:
        bars = 525_600 * MINUTE_MS // timeframe.ms
        opens = np.arange(bars, dtype=np.int64) * timeframe.ms
        return FeedStore(timeframe, pd.DataFrame({"ts_open": opens, "close": np.ones(bars)}))

    feeds = {"exec": year(Timeframe.M1), "mtf": year(Timeframe.M15), "htf": year(Timeframe.H1)}
    began = time.perf_counter()
    store = MultiTFFeedStore(feeds)
    store.column("close", "mtf", 0)
    store.column("close", "htf", 1)
    assert time.perf_counter() - began < 0.1
