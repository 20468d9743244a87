import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_data_frames import START, candles, store_in_memory

from engine.market_data.gaps import Gap
from engine.timeframes import HOUR_MS, Timeframe


@pytest.fixture(scope="module")
def store():
    with store_in_memory() as opened:
        yield opened


def hour(n):
    return START + n * HOUR_MS


def test_holes_are_found_between_the_first_and_the_last_candle(store):
    store.upsert_ohlcv("BTCUSDT", Timeframe.H1, candles(12).drop(index=[0, 3, 6, 7, 8, 11]))
    assert store.gaps("BTCUSDT", Timeframe.H1) == (Gap(hour(3), hour(3), 1), Gap(hour(6), hour(8), 3))


def test_one_candle_has_no_hole(store):
    store.upsert_ohlcv("ETHUSDT", Timeframe.H1, candles(1))
    assert store.gaps("ETHUSDT", Timeframe.H1) == ()


def test_weeks_start_on_monday_and_have_holes_too(store):
    monday = START  # 1 January 2024
    weeks = candles(4, first=monday, timeframe=Timeframe.W1).drop(index=2)
    store.upsert_ohlcv("BTCUSDT", Timeframe.W1, weeks)
    missing = monday + 2 * Timeframe.W1.ms
    assert store.gaps("BTCUSDT", Timeframe.W1) == (Gap(missing, missing, 1),)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 40), min_size=1), st.integers(1, 10**6))
def test_holes_and_candles_together_are_the_whole_grid(store, present, number):
    symbol = f"S{number}USDT"
    store.upsert_ohlcv(symbol, Timeframe.H1, candles(41).loc[sorted(present)])
    stored = store.read_ohlcv(symbol, Timeframe.H1)["ts_open"].to_numpy()
    gaps = store.gaps(symbol, Timeframe.H1)
    filled = [np.arange(gap.first_ts_open, gap.last_ts_open + 1, HOUR_MS) for gap in gaps]
    assert [len(times) for times in filled] == [gap.bars for gap in gaps]
    grid = np.arange(stored[0], stored[-1] + 1, HOUR_MS)
    assert sorted(np.concatenate([stored, *filled])) == grid.tolist()
