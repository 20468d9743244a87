import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from market_data_frames import START, candles, events, marks, store_in_memory, store_over

from engine.market_data.journal import Action
from engine.market_data.series_write import upsert
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import HOUR_MS, Timeframe

H1 = Timeframe.H1
OHLCV = Series(SeriesKind.OHLCV, "BTCUSDT", H1)


@pytest.fixture
def store():
    with store_in_memory() as opened:
        yield opened


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("high", 99.0, "not so: high is not below open or close"),
        ("low", 101.5, "not so: low is not above open or close"),
        ("low", 0.0, "not so: every price is above 0"),
        ("volume", -1.0, "not so: volume and turnover are not below 0"),
        ("turnover", np.inf, "not so: every value is a finite number"),
        ("open", np.nan, "not so: every value is a finite number"),
    ],
)
def test_a_row_that_cannot_be_is_put_aside_with_its_reason_and_the_others_are_stored(
    store, column, value, reason
):
    bad = candles(4)
    bad.loc[1, column] = value
    assert store.upsert_ohlcv("BTCUSDT", H1, bad) == 3
    pd.testing.assert_frame_equal(
        store.read_ohlcv("BTCUSDT", H1), candles(4).drop(index=1).reset_index(drop=True)
    )
    (row,) = store.quarantine()
    assert (row.kind, row.symbol, row.timeframe, row.ts) == ("ohlcv", "BTCUSDT", "1h", START + HOUR_MS)
    assert row.reason == reason
    given = bad.drop(columns="ts_open").iloc[1].to_dict()
    assert row.values == pytest.approx(given, nan_ok=True)
    assert not row.stored_since


def test_a_candle_off_the_grid_is_put_aside(store):
    bad = candles(2)
    bad.loc[1, "ts_open"] += 1
    assert store.upsert_ohlcv("BTCUSDT", H1, bad) == 1
    assert store.quarantine()[0].reason == "not so: ts_open is on the grid of 1h"


def test_a_row_that_breaks_several_rules_names_each(store):
    bad = candles(1).assign(high=90.0, low=120.0, volume=-2.0)
    store.upsert_ohlcv("BTCUSDT", H1, bad)
    assert store.quarantine()[0].reason == (
        "not so: high is not below open or close; low is not above open or close; "
        "volume and turnover are not below 0"
    )


def test_two_different_rows_for_one_key_are_both_put_aside(store):
    twice = pd.concat([candles(3), candles(1, base=300.0)])
    assert store.upsert_ohlcv("BTCUSDT", H1, twice) == 2
    rows = store.quarantine()
    assert [(row.ts, row.values["open"]) for row in rows] == [(START, 100.0), (START, 300.0)]
    assert "one row per time" in rows[0].reason


@pytest.mark.parametrize("value", [np.inf, np.nan, 1.0, -2.5])
def test_a_funding_rate_that_is_no_fraction_is_put_aside(store, value):
    assert store.upsert_funding("BTCUSDT", events([START], value)) == 0
    assert store.read_funding("BTCUSDT").empty
    assert len(store.quarantine(["BTCUSDT"])) == 1


def test_open_interest_below_zero_is_put_aside(store):
    assert store.upsert_open_interest("BTCUSDT", events([START], -1.0, "open_interest")) == 0
    assert len(store.quarantine()) == 1


def test_marks_and_index_have_the_same_rules(store):
    bad = marks(2).assign(high=1.0)
    assert store.upsert_mark_klines("BTCUSDT", H1, bad) == store.upsert_index_klines("BTCUSDT", H1, bad) == 0
    assert [row.kind for row in store.quarantine()] == ["mark_klines"] * 2 + ["index_klines"] * 2


def test_what_is_stored_under_the_key_of_a_bad_row_stays(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(1))
    store.upsert_ohlcv("BTCUSDT", H1, candles(1).assign(low=-1.0))
    pd.testing.assert_frame_equal(store.read_ohlcv("BTCUSDT", H1), candles(1))
    assert store.revisions() == ()


def test_the_same_bad_row_is_kept_once_however_often_it_comes(store):
    for _ in range(3):
        store.upsert_ohlcv("BTCUSDT", H1, candles(2).assign(open=math.nan))
    assert len(store.quarantine()) == 2
    assert len(store.journal(actions=[Action.QUARANTINED])) == 1


def test_a_row_in_quarantine_says_when_a_good_one_was_stored_since(store):
    store.upsert_ohlcv("BTCUSDT", H1, candles(2).assign(low=-1.0))
    store.upsert_ohlcv("BTCUSDT", Timeframe.M30, candles(2, timeframe=Timeframe.M30))
    store.upsert_ohlcv("BTCUSDT", H1, candles(1))
    assert [row.stored_since for row in store.quarantine()] == [True, False]


def test_quarantine_is_read_by_symbol_and_from_the_newest(store):
    for symbol in ("BTCUSDT", "ETHUSDT"):
        store.upsert_ohlcv(symbol, H1, candles(3).assign(volume=-1.0))
    assert {row.symbol for row in store.quarantine(["ETHUSDT"])} == {"ETHUSDT"}
    assert [row.ts for row in store.quarantine(limit=2)] == [START + HOUR_MS, START + 2 * HOUR_MS]
    assert store.quarantine(limit=0) == ()


def test_the_journal_and_the_quarantine_carry_the_clock_of_the_writer():
    with duckdb.connect(":memory:") as connection:
        store = store_over(connection)
        upserted = upsert(connection, OHLCV, candles(3).assign(volume=[1.0, -1.0, 1.0]), at_ms=77)
        assert upserted == (2, 0, 1)
        assert store.quarantine()[0].at_ms == 77
        (entry,) = store.journal()
        assert (entry.action, entry.at_ms, entry.rows) == (Action.QUARANTINED, 77, 1)
        assert (entry.first_ts, entry.last_ts) == (START + HOUR_MS, START + HOUR_MS)


def test_a_revised_candle_is_recorded_with_its_old_and_its_new_values():
    with duckdb.connect(":memory:") as connection:
        store = store_over(connection)
        upsert(connection, OHLCV, candles(20))
        later = candles(20)
        later.loc[[3, 15], "close"] += 0.1
        assert upsert(connection, OHLCV, later, at_ms=99) == (0, 2, 0)
        first, second = store.revisions(["BTCUSDT"])
        assert (first.ts, second.ts) == (START + 3 * HOUR_MS, START + 15 * HOUR_MS)
        assert first.old == candles(20).drop(columns="ts_open").iloc[3].to_dict()
        assert first.new == later.drop(columns="ts_open").iloc[3].to_dict()
        assert first.at_ms == 99
        (entry,) = store.journal()
        assert (entry.action, entry.rows, entry.at_ms) == (Action.REVISED, 2, 99)
        assert (entry.first_ts, entry.last_ts) == (first.ts, second.ts)


def test_a_row_revised_twice_has_two_revisions_that_follow_from_each_other(store):
    for value in (1.0, 2.0, 3.0):
        store.upsert_open_interest("BTCUSDT", events([START], value, "open_interest"))
    changes = [
        (revision.old["open_interest"], revision.new["open_interest"]) for revision in store.revisions()
    ]
    assert changes == [(1.0, 2.0), (2.0, 3.0)]
