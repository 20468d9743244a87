import threading

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_data_frames import START, candles, events, marks, rules, store_in_memory, store_over

from engine.errors import ConfigurationError, DataNotFound, SchemaViolation
from engine.market_data.duckdb_file import connection_factory
from engine.market_data.store import HistoricalDataStore
from engine.timeframes import HOUR_MS, Timeframe

H1 = Timeframe.H1


@pytest.fixture
def store():
    with store_in_memory() as opened:
        yield opened


@pytest.fixture
def path(tmp_path):
    return tmp_path / "market.duckdb"


@pytest.fixture
def file_store(path):
    return HistoricalDataStore(connection_factory(path))


def test_candles_come_back_as_they_were_given(store):
    frame = candles(50)
    assert store.upsert_ohlcv("BTCUSDT", H1, frame) == 50
    pd.testing.assert_frame_equal(store.read_ohlcv("BTCUSDT", H1), frame)
    assert store.ohlcv_span("BTCUSDT", H1) == (START, START + 49 * HOUR_MS, 50)


def test_every_kind_of_series_comes_back_as_it_was_given(store):
    kline, funding = marks(5), events([START, START + HOUR_MS, START + 5 * HOUR_MS])
    interest = events([START, START + HOUR_MS], 1234.5, "open_interest")
    assert store.upsert_mark_klines("BTCUSDT", H1, kline) == 5
    assert store.upsert_funding("BTCUSDT", funding) == 3
    assert store.upsert_open_interest("BTCUSDT", interest) == 2
    pd.testing.assert_frame_equal(store.read_mark_klines("BTCUSDT", H1), kline)
    pd.testing.assert_frame_equal(store.read_funding("BTCUSDT"), funding)
    pd.testing.assert_frame_equal(store.read_open_interest("BTCUSDT"), interest)
    assert store.mark_span("BTCUSDT", H1) == (START, START + 4 * HOUR_MS, 5)
    assert store.funding_span("BTCUSDT") == (START, START + 5 * HOUR_MS, 3)
    assert store.open_interest_span("BTCUSDT") == (START, START + HOUR_MS, 2)


def test_what_a_run_reads_comes_at_once_as_it_comes_one_by_one(store):
    for timeframe in (H1, Timeframe.H4):
        store.upsert_ohlcv("BTCUSDT", timeframe, candles(6, timeframe=timeframe))
        store.upsert_ohlcv("ETHUSDT", timeframe, candles(6, timeframe=timeframe, base=50.0))
    store.upsert_mark_klines("BTCUSDT", H1, marks(5))
    store.upsert_funding("BTCUSDT", events([START, START + 9 * HOUR_MS]))
    store.save_instrument(rules(START))
    end_ms = START + 4 * HOUR_MS
    market = store.read_market("BTCUSDT", [H1, Timeframe.H4], end_ms)
    for timeframe in (H1, Timeframe.H4):
        expected = store.read_ohlcv("BTCUSDT", timeframe, end_ms=end_ms)
        pd.testing.assert_frame_equal(market.candles[timeframe], expected)
        expected = store.read_mark_klines("BTCUSDT", timeframe, end_ms=end_ms)
        pd.testing.assert_frame_equal(market.marks[timeframe], expected)
    assert len(market.candles[H1]) == len(market.marks[H1]) == 4
    # funding is not cut: the event after the end shows that it is known until then
    pd.testing.assert_frame_equal(market.funding, store.read_funding("BTCUSDT"))
    assert market.instrument == store.read_instrument("BTCUSDT")


def test_a_read_takes_the_start_and_leaves_the_end(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(10))
    store.upsert_funding("BTCUSDT", events([START + n * HOUR_MS for n in range(10)]))
    window = (START + 2 * HOUR_MS, START + 5 * HOUR_MS)
    wanted = [START + n * HOUR_MS for n in (2, 3, 4)]
    assert store.read_ohlcv("BTCUSDT", H1, *window)["ts_open"].tolist() == wanted
    assert store.read_funding("BTCUSDT", *window)["ts"].tolist() == wanted
    assert store.read_ohlcv("BTCUSDT", H1, start_ms=window[1])["ts_open"].iloc[0] == window[1]
    assert store.read_ohlcv("BTCUSDT", H1, end_ms=window[0])["ts_open"].iloc[-1] == window[0] - HOUR_MS


def test_series_do_not_mix(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(3))
    store.upsert_ohlcv("ETHUSDT", H1, candles(4, base=50.0))
    store.upsert_ohlcv("BTCUSDT", Timeframe.H4, candles(5, timeframe=Timeframe.H4))
    assert len(store.read_ohlcv("BTCUSDT", H1)) == 3
    assert store.read_ohlcv("ETHUSDT", H1)["open"].tolist() == [50.0, 51.0, 52.0, 53.0]
    assert len(store.read_ohlcv("BTCUSDT", Timeframe.H4)) == 5


def test_what_is_not_stored_is_an_empty_frame_of_the_right_shape(store):
    frame = store.read_ohlcv("BTCUSDT", H1)
    assert frame.empty
    assert frame.dtypes.astype(str).to_dict() == {
        "ts_open": "int64",
        **dict.fromkeys(("open", "high", "low", "close", "volume", "turnover"), "float64"),
    }
    assert store.ohlcv_span("BTCUSDT", H1) is None
    assert store.gaps("BTCUSDT", H1) == ()
    assert store.coverage().empty


def test_a_store_in_a_file_makes_its_tables_and_keeps_its_rows(file_store):
    file_store.upsert_ohlcv("BTCUSDT", H1, candles(50))
    pd.testing.assert_frame_equal(file_store.read_ohlcv("BTCUSDT", H1), candles(50))


def test_a_store_that_does_not_exist_says_what_to_run(file_store, path):
    with pytest.raises(DataNotFound, match="trade sync"):
        file_store.read_ohlcv("BTCUSDT", H1)
    assert not path.exists()


def test_a_database_without_tables_says_what_to_run(file_store, path):
    duckdb.connect(str(path)).close()
    with pytest.raises(DataNotFound) as caught:
        file_store.coverage()
    assert "trade sync" in caught.value.way_out


def test_the_same_rows_again_change_nothing(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(20))
    mark = store.watermark("BTCUSDT")
    assert store.upsert_ohlcv("BTCUSDT", H1, candles(20)) == 0
    assert store.watermark("BTCUSDT") == mark
    pd.testing.assert_frame_equal(store.read_ohlcv("BTCUSDT", H1), candles(20))


def test_an_upsert_of_scattered_rows_leaves_the_rows_between_them(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(100))
    scattered = candles(100).iloc[[3, 50, 97]].copy()
    scattered["volume"] += 1000
    assert store.upsert_ohlcv("BTCUSDT", H1, scattered) == 3
    stored = store.read_ohlcv("BTCUSDT", H1)
    expected = candles(100)
    expected.loc[[3, 50, 97], "volume"] += 1000
    pd.testing.assert_frame_equal(stored, expected)


def test_new_and_revised_rows_in_any_order_and_repeated_become_one_row_each(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(4))
    later = candles(8)
    later.loc[2, "close"] = later.loc[2, "open"]
    shuffled = pd.concat([later, later.iloc[[5, 2]]]).sample(frac=1, random_state=1)
    assert store.upsert_ohlcv("BTCUSDT", H1, shuffled) == 5  # 4 new, 1 revised
    pd.testing.assert_frame_equal(store.read_ohlcv("BTCUSDT", H1), later)


@pytest.mark.parametrize("timeframe", list(Timeframe), ids=str)
def test_the_table_takes_candles_on_the_grid_and_no_others(store, timeframe):
    first = timeframe.floor(START)
    store.upsert_ohlcv("BTCUSDT", timeframe, candles(3, first=first, timeframe=timeframe))
    beside = candles(1, first=first + 60_000 * 7 + 1, timeframe=timeframe)
    assert store.upsert_ohlcv("BTCUSDT", timeframe, beside) == 0
    assert store.ohlcv_span("BTCUSDT", timeframe).rows == 3
    assert "on the grid" in store.quarantine()[0].reason


@pytest.mark.parametrize(
    "frame",
    [candles(2).drop(columns="turnover"), candles(2).astype({"ts_open": float}), candles(2).astype(str)],
    ids=["column missing", "time as float", "text"],
)
def test_a_frame_of_another_shape_is_refused(store, frame):
    with pytest.raises(SchemaViolation, match="ohlcv BTCUSDT 1h"):
        store.upsert_ohlcv("BTCUSDT", H1, frame)


def test_the_mark_changes_with_every_kind_of_content_and_only_then(store):
    seen = [store.watermark("BTCUSDT")]
    changes = [
        lambda: store.upsert_ohlcv("BTCUSDT", H1, candles(3)),
        lambda: store.upsert_ohlcv("BTCUSDT", H1, candles(3).assign(volume=5.0)),
        lambda: store.upsert_ohlcv(
            "BTCUSDT", Timeframe.H4, candles(1, timeframe=Timeframe.H4).assign(volume=5.0)
        ),
        lambda: store.upsert_mark_klines("BTCUSDT", H1, marks(1)),
        lambda: store.upsert_index_klines("BTCUSDT", H1, marks(1)),
        lambda: store.upsert_funding("BTCUSDT", events([START])),
        lambda: store.upsert_open_interest("BTCUSDT", events([START], 1.0, "open_interest")),
        lambda: store.save_instrument(rules(START)),
        lambda: store.save_instrument(rules(START + 1, tick_size=0.5)),
    ]
    for change in changes:
        change()
        seen.append(store.watermark("BTCUSDT"))
    assert len(set(seen)) == len(seen)
    store.upsert_ohlcv("ETHUSDT", H1, candles(3))
    store.save_instrument(rules(START + 2, tick_size=0.5))
    assert store.watermark("BTCUSDT") == seen[-1]


def test_the_mark_does_not_depend_on_how_the_rows_came(store, file_store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(10))
    other = file_store
    other.upsert_ohlcv("BTCUSDT", H1, candles(10).iloc[6:])
    other.upsert_ohlcv("BTCUSDT", H1, candles(8).assign(volume=7.0))
    other.upsert_ohlcv("BTCUSDT", H1, candles(8))
    assert store.watermark("BTCUSDT") == other.watermark("BTCUSDT")


def test_the_mark_tells_timeframes_apart(store, file_store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(1))
    file_store.upsert_ohlcv("BTCUSDT", Timeframe.H4, candles(1))
    assert store.watermark("BTCUSDT") != file_store.watermark("BTCUSDT")


def test_coverage_lists_every_series_with_its_gaps(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(10).drop(index=[4, 5, 8]))
    store.upsert_ohlcv("BTCUSDT", Timeframe.M15, candles(4, timeframe=Timeframe.M15))
    store.upsert_mark_klines("BTCUSDT", H1, marks(3).drop(index=1))
    store.upsert_funding("ETHUSDT", events([START, START + 7 * HOUR_MS]))
    store.upsert_open_interest("ETHUSDT", events([START], 1.0, "open_interest"))
    assert store.coverage().to_dict("split")["data"] == [
        ["mark_klines", "BTCUSDT", "1h", 2, START, START + 2 * HOUR_MS, 1],
        ["ohlcv", "BTCUSDT", "15m", 4, START, START + 45 * 60_000, 0],
        ["ohlcv", "BTCUSDT", "1h", 7, START, START + 9 * HOUR_MS, 3],
        ["funding", "ETHUSDT", "", 2, START, START + 7 * HOUR_MS, 0],
        ["open_interest", "ETHUSDT", "", 1, START, START, 0],
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), max_size=8))
def test_coverage_counts_what_a_count_of_the_rows_gives(batches):
    """After any sequence of new, repeated, revised and refused rows."""
    with duckdb.connect(":memory:") as connection:
        store = store_over(connection)
        for first, bars, bad in batches:
            frame = candles(60).iloc[first : first + bars]
            store.upsert_ohlcv("BTCUSDT", H1, frame.assign(volume=-1.0 if bad else float(bars)))
        expected = connection.execute("SELECT count(*), min(ts_open), max(ts_open) FROM ohlcv").fetchall()
        held = store.coverage()[["rows", "first_ts", "last_ts"]].to_numpy().tolist()
    assert held == [list(row) for row in expected if row[0]]


def test_a_database_of_before_the_counts_is_counted_once(path):
    store = HistoricalDataStore(connection_factory(path))
    store.upsert_ohlcv("BTCUSDT", H1, candles(5))
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE series_counts")
        connection.execute("ALTER TABLE instrument_rules DROP COLUMN delisting_ts")
    with pytest.raises(DataNotFound, match="older version") as caught:
        store.coverage()
    assert "trade init" in caught.value.way_out
    store.create_tables()
    assert store.coverage()["rows"].tolist() == [5]
    store.save_instrument(rules(START, delisting_ts=START + 7))
    assert store.read_instrument("BTCUSDT").delisting_ts == START + 7


def test_a_store_belongs_to_one_exchange(store):
    assert store.source_identity() is None
    store.claim_source("sandbox:generated:seed=7")
    store.claim_source("sandbox:generated:seed=7")
    assert store.source_identity() == "sandbox:generated:seed=7"
    with pytest.raises(ConfigurationError, match=r"seed=7.*bybit:mainnet") as caught:
        store.claim_source("bybit:mainnet")
    assert "TRADE_DATA" in caught.value.way_out
    assert store.source_identity() == "sandbox:generated:seed=7"


def test_threads_that_write_the_same_rows_leave_one_of_each(file_store):
    barrier, failures = threading.Barrier(6), []

    def write(offset):
        barrier.wait()
        try:
            for first in range(0, 60, 10):
                file_store.upsert_ohlcv("BTCUSDT", H1, candles(100).iloc[first : first + 30 + offset])
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    pd.testing.assert_frame_equal(file_store.read_ohlcv("BTCUSDT", H1), candles(85))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 4), max_size=12), max_size=6))
def test_upserts_leave_exactly_the_last_value_of_every_key(batches):
    """Against a plain dictionary: any sequence of batches of keys and values, each key in any of them."""
    expected = {}
    with store_in_memory() as store:
        for batch in batches:
            frame = pd.DataFrame(
                {
                    "ts": np.array([START + key for key in batch], dtype=np.int64),
                    "funding_rate": np.array(list(batch.values()), dtype=np.float64) / 1000,
                }
            )
            changed = sum(expected.get(key) != value for key, value in batch.items())
            assert store.upsert_funding("BTCUSDT", frame) == changed
            expected.update(batch)
        stored = store.read_funding("BTCUSDT")
    assert (stored["ts"] - START).tolist() == sorted(expected)
    assert (stored["funding_rate"] * 1000).round(9).tolist() == [expected[key] for key in sorted(expected)]
