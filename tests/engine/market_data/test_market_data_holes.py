import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_data_frames import START, candles, marks, store_in_memory, store_over

from engine.market_data.gaps import Gap, find_gaps
from engine.market_data.holes import Hole, without
from engine.market_data.journal import Action
from engine.market_data.sync_rows import Fetched, SyncWrite
from engine.market_data.sync_state import Window
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

H1, M1 = Timeframe.H1, Timeframe.M1
OHLCV = Series(SeriesKind.OHLCV, "BTCUSDT", H1)
WHO = "exchange"


@pytest.fixture
def store():
    with store_in_memory() as opened:
        yield opened


def hour(n):
    return START + n * HOUR_MS


def fetched(store, hours, window=(0, 10), at_ms=5):
    """A sync has asked for the hours of the window and got these."""
    frame = candles(window[1]).iloc[list(hours)]
    write = SyncWrite(WHO, None, (Fetched(OHLCV, Window(hour(window[0]), hour(window[1])), frame),), at_ms)
    store.write_sync(write)


def status(store):
    return store.sync_status(WHO, "BTCUSDT", [OHLCV]).series[OHLCV]


def test_holes_of_many_series_are_found_at_once(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(12).drop(index=[3, 6, 7, 8]))
    store.upsert_ohlcv("ETHUSDT", H1, candles(5))
    store.upsert_ohlcv("ETHUSDT", Timeframe.W1, candles(4, timeframe=Timeframe.W1).drop(index=2))
    store.upsert_mark_klines("ETHUSDT", H1, marks(5).drop(index=1))
    eth_week = Series(SeriesKind.OHLCV, "ETHUSDT", Timeframe.W1)
    week = START + 2 * Timeframe.W1.ms
    expected = (
        Hole(OHLCV, Gap(hour(3), hour(3), 1), False),
        Hole(OHLCV, Gap(hour(6), hour(8), 3), False),
        Hole(eth_week, Gap(week, week, 1), False),
    )
    assert store.holes() == expected
    assert store.holes(["ETHUSDT"]) == expected[2:]
    assert store.holes(timeframes=[H1]) == expected[:2]
    assert [hole.gap.bars for hole in store.holes(kind=SeriesKind.MARK)] == [1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60, unique=True), st.integers(0, 3000))
def test_holes_of_one_query_are_the_holes_found_one_by_one(missing, first_minute):
    """Over several stretches of 1024 candles, with holes inside, across and of whole stretches."""
    keep = np.setdiff1d(np.arange(5001), missing + list(range(1500, 3900)))
    with store_in_memory() as store:
        first = START + first_minute * MINUTE_MS
        store.upsert_ohlcv("BTCUSDT", M1, candles(5001, first=first, timeframe=M1).iloc[keep])
        assert tuple(hole.gap for hole in store.holes()) == store.gaps("BTCUSDT", M1)


def test_holes_are_cut_at_the_edges_of_a_window():
    with duckdb.connect(":memory:") as connection:
        store = store_over(connection)
        store.upsert_ohlcv("BTCUSDT", H1, candles(12).drop(index=[2, 3, 4, 5, 8]))
        every = find_gaps(connection, OHLCV)
        assert every == (Gap(hour(2), hour(5), 4), Gap(hour(8), hour(8), 1))
        assert find_gaps(connection, OHLCV, hour(0), hour(12)) == every
        assert find_gaps(connection, OHLCV, hour(3), hour(5)) == (Gap(hour(3), hour(4), 2),)
        assert find_gaps(connection, OHLCV, hour(5), hour(9)) == (Gap(hour(5), hour(5), 1), every[1])
        assert find_gaps(connection, OHLCV, hour(9), hour(30)) == ()
        assert find_gaps(connection, OHLCV, hour(-9), hour(2)) == ()


def test_a_hole_that_the_second_asking_does_not_fill_is_the_exchange_s_and_is_not_asked_for_again(store):
    fetched(store, (0, 1, 4, 5, 9))
    assert status(store).open_gaps(HOUR_MS) == (Gap(hour(2), hour(3), 2), Gap(hour(6), hour(8), 3))
    assert store.journal() == ()
    fetched(store, (2, 3, 7), window=(2, 9), at_ms=42)
    assert status(store).gaps == (Gap(hour(6), hour(6), 1), Gap(hour(8), hour(8), 1))
    assert status(store).open_gaps(HOUR_MS) == ()
    told = [
        (entry.action, entry.first_ts, entry.last_ts, entry.rows, entry.at_ms) for entry in store.journal()
    ]
    assert told == [
        (Action.REFETCHED, hour(2), hour(3), 2, 42),
        (Action.REFETCHED, hour(7), hour(7), 1, 42),
        (Action.ABSENT, hour(6), hour(6), 1, 42),
        (Action.ABSENT, hour(8), hour(8), 1, 42),
    ]
    assert [(hole.gap.first_ts_open, hole.is_absent) for hole in store.holes()] == [
        (hour(6), True),
        (hour(8), True),
    ]


def test_a_hole_outside_of_what_was_asked_stays_open(store):
    fetched(store, (0, 1, 9))
    fetched(store, (), window=(2, 5))
    assert status(store).open_gaps(HOUR_MS) == (Gap(hour(5), hour(8), 4),)
    assert [(hole.gap.bars, hole.is_absent) for hole in store.holes()] == [(3, True), (4, False)]


def test_a_hole_for_which_a_bad_row_came_stays_open(store):
    fetched(store, (0, 1, 3))
    bad = candles(3).iloc[[2]].assign(high=1.0)
    store.write_sync(SyncWrite(WHO, None, (Fetched(OHLCV, Window(hour(2), hour(3)), bad),)))
    assert status(store).open_gaps(HOUR_MS) == (Gap(hour(2), hour(2), 1),)
    assert len(store.quarantine()) == 1


def test_a_hole_asked_for_a_third_time_is_noted_once(store):
    for _ in range(3):
        fetched(store, (0, 1, 3))
    assert [entry.action for entry in store.journal()] == [Action.ABSENT]


def test_holes_can_be_opened_again(store):
    fetched(store, (0, 3))
    fetched(store, (0, 3))
    assert status(store).open_gaps(HOUR_MS) == ()
    assert store.reopen_holes(["ETHUSDT"]) == 0
    assert store.reopen_holes(at_ms=9) == 1
    assert status(store).open_gaps(HOUR_MS) == (Gap(hour(1), hour(2), 2),)
    assert [entry.action for entry in store.journal()] == [Action.ABSENT, Action.REOPENED]


def test_the_journal_is_read_by_symbol_action_and_from_the_newest(store):
    fetched(store, (0, 2, 4))
    fetched(store, (1,))
    assert [entry.action for entry in store.journal()] == [Action.REFETCHED, Action.ABSENT]
    assert [entry.action for entry in store.journal(limit=1)] == [Action.ABSENT]
    assert [entry.action for entry in store.journal(actions=[Action.REFETCHED])] == [Action.REFETCHED]
    assert store.journal(["ETHUSDT"]) == ()
    numbers = [entry.sequence for entry in store.journal()]
    assert numbers == sorted(numbers)


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
def test_what_is_left_of_gaps_is_set_difference(first, second):
    """Against sets of hours."""
    left = without(runs(first), runs(second), HOUR_MS)
    hours = {n for gap in left for n in range(gap.first_ts_open // HOUR_MS, gap.last_ts_open // HOUR_MS + 1)}
    assert hours == first - second
    assert sum(gap.bars for gap in left) == len(hours)


def runs(hours):
    starts = [n for n in sorted(hours) if n - 1 not in hours]
    ends = [n for n in sorted(hours) if n + 1 not in hours]
    return [Gap(a * HOUR_MS, b * HOUR_MS, b - a + 1) for a, b in zip(starts, ends, strict=True)]
