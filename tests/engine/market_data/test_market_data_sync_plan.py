import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_data_frames import START, candles, events, store_in_memory, store_over

from engine.market_data.gaps import Gap
from engine.market_data.series import Span
from engine.market_data.sync_plan import hole_windows, plan_windows
from engine.market_data.sync_rows import Fetched, SeriesStatus, SyncWrite
from engine.market_data.sync_state import Window, known_after
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import HOUR_MS, Timeframe

CANDLES = Series(SeriesKind.OHLCV, "BTCUSDT", Timeframe.H1)
FUNDING = Series(SeriesKind.FUNDING, "BTCUSDT")


def hour(n):
    return START + n * HOUR_MS


def hours(first, end):
    return Window(hour(first), hour(end))


def planned(status, wanted, series=CANDLES, chunk=10):
    bar_ms = HOUR_MS if series is CANDLES else None
    windows = plan_windows(status, wanted, chunk_ms=chunk * HOUR_MS, bar_ms=bar_ms)
    return [((start - START) / HOUR_MS, (end - START) / HOUR_MS) for start, end in windows]


def span(first, last):
    return Span(hour(first), hour(last), last - first + 1)


@pytest.mark.parametrize("series", [CANDLES, FUNDING], ids=str)
def test_an_empty_store_is_filled_forwards(series):
    assert planned(SeriesStatus(), hours(0, 25), series) == [(0, 10), (10, 20), (20, 25)]
    assert planned(SeriesStatus(), hours(5, 5), series) == []
    assert planned(SeriesStatus(), hours(9, 5), series) == []


@pytest.mark.parametrize("series", [CANDLES, FUNDING], ids=str)
def test_what_lies_before_is_fetched_backwards_and_what_lies_after_forwards(series):
    status = SeriesStatus(span(25, 29), hours(25, 30))
    assert planned(status, hours(3, 45), series) == [(23, 25), (13, 23), (3, 13), (29, 39), (39, 45)]


def test_candles_are_resumed_from_the_last_stored_and_asked_for_nothing_when_current():
    status = SeriesStatus(span(0, 9), hours(0, 10))
    assert planned(status, hours(0, 12)) == [(9, 12)]
    assert planned(status, hours(0, 10)) == []
    assert planned(status, hours(0, 8)) == []


def test_candles_without_a_state_are_known_from_first_to_last():
    assert planned(SeriesStatus(span(4, 9)), hours(0, 12)) == [(0, 4), (9, 12)]


def test_events_without_a_state_are_fetched_from_the_start():
    assert planned(SeriesStatus(span(4, 9)), hours(0, 12), FUNDING, chunk=50) == [(0, 12)]


def test_where_nothing_was_found_is_not_asked_for_again():
    assert planned(SeriesStatus(None, hours(0, 10)), hours(0, 12)) == [(10, 12)]
    assert planned(SeriesStatus(span(5, 9), hours(0, 10)), hours(0, 10)) == []
    # nothing came after the last candle until hour 20: asked from it on all the same, for what came late
    assert planned(SeriesStatus(span(5, 9), hours(0, 20)), hours(0, 21), chunk=50) == [(9, 21)]


def test_holes_come_first_near_ones_together():
    gaps = (Gap(hour(3), hour(3), 1), Gap(hour(900), hour(901), 2), Gap(hour(5000), hour(5000), 1))
    status = SeriesStatus(span(0, 6000), hours(0, 6001), gaps)
    assert planned(status, hours(0, 6001), chunk=50_000) == [(3, 902), (5000, 5001)]
    wide = hole_windows((Gap(hour(0), hour(24), 25),), HOUR_MS, 10 * HOUR_MS)
    assert wide == (hours(0, 10), hours(10, 20), hours(20, 25))


def test_the_known_range_grows_only_with_what_touches_it():
    stored = span(10, 19)
    assert known_after(hours(5, 10), hours(10, 20), stored, has_grid=True) == hours(5, 20)
    assert known_after(hours(19, 30), None, stored, has_grid=True) == hours(10, 30)
    assert known_after(hours(40, 50), hours(0, 20), stored, has_grid=True) == hours(0, 20)
    # events: the rows by themselves say nothing
    assert known_after(hours(0, 5), None, stored, has_grid=False) == hours(0, 5)
    assert known_after(hours(5, 9), hours(0, 5), stored, has_grid=False) == hours(0, 9)


class Exchange:
    """What there is, as hours since the start, up to a moment."""

    def __init__(self, existing):
        self.existing = sorted(existing)

    def rows(self, series, window):
        inside = [n for n in self.existing if window.start_ms <= hour(n) < window.end_ms]
        return candles(61).loc[inside] if series is CANDLES else events([hour(n) for n in inside])


def run_sync(store, exchange, series, wanted, *, until=None):
    """Do what `MarketSync` does with one series; stop after some windows, as a kill would."""
    bar_ms = HOUR_MS if series is CANDLES else None
    status = store.sync_status("trial", series.symbol, [series]).series[series]
    windows = plan_windows(status, wanted, chunk_ms=7 * HOUR_MS, bar_ms=bar_ms)
    for window in windows[:until]:
        store.write_sync(SyncWrite("trial", None, (Fetched(series, window, exchange.rows(series, window)),)))
    return len(windows)


def stored_hours(store, series):
    frame = store.read_ohlcv("BTCUSDT", Timeframe.H1) if series is CANDLES else store.read_funding("BTCUSDT")
    return ((frame[series.kind.time_column] - START) // HOUR_MS).tolist()


def remove(connection, series, hours_to_remove):
    """Take rows away past the store, as nobody should."""
    times = ", ".join(str(hour(n)) for n in hours_to_remove) or "0"
    connection.execute(
        f"DELETE FROM {series.kind.value} WHERE {series.kind.time_column} IN ({times})"
    ).fetchall()


step = st.one_of(
    st.tuples(st.just("sync"), st.integers(0, 40), st.integers(1, 60), st.integers(0, 6)),
    st.tuples(st.just("remove"), st.sets(st.integers(0, 60), max_size=8)),
)


@pytest.mark.parametrize("series", [CANDLES, FUNDING], ids=str)
@settings(max_examples=25, deadline=None)
@given(
    existing=st.sets(st.integers(0, 60), max_size=61),
    steps=st.lists(step, max_size=5),
    start=st.integers(0, 40),
    now=st.integers(41, 61),
)
def test_after_any_sequence_of_broken_syncs_and_losses_one_sync_makes_the_store_whole(
    series, existing, steps, start, now
):
    exchange = Exchange(existing)
    with duckdb.connect(":memory:") as connection:
        store = store_over(connection)
        for kind, *arguments in steps:
            if kind == "sync":
                first, end, until = arguments
                run_sync(store, exchange, series, hours(first, end), until=until)
            else:
                remove(connection, series, arguments[0])
        run_sync(store, exchange, series, hours(start, now))
        stored = stored_hours(store, series)
        wanted = [n for n in exchange.existing if start <= n < now]
        assert [n for n in stored if start <= n < now] == wanted
        # the same again finds nothing new to ask for, but holes of the exchange's own
        if series is FUNDING:
            assert run_sync(store, exchange, series, hours(start, now)) == 0


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 30), moved=st.integers(0, 30), until=st.integers(0, 8))
def test_a_sync_that_is_broken_off_leaves_one_stretch_without_a_hole(start, moved, until):
    exchange = Exchange(range(61))
    with store_in_memory() as store:
        run_sync(store, exchange, CANDLES, hours(start, 40))
        run_sync(store, exchange, CANDLES, hours(moved, 61), until=until)
        assert store.gaps("BTCUSDT", Timeframe.H1) == ()
