import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_data_frames import START, candles, marks

from engine.errors import DataError, DataNotFound
from engine.market_data.gaps import Gap
from engine.market_data.healing import heal
from engine.timeframes import HOUR_MS, Timeframe

H1 = Timeframe.H1
COLUMNS = ["ts_open", "open", "high", "low", "close", "volume", "turnover", "is_filled"]
COLUMNS += ["mark_open", "mark_high", "mark_low", "mark_close"]


def hour(n):
    return START + n * HOUR_MS


def test_candles_without_a_hole_stay_as_they_are():
    healed = heal(candles(10), marks(10), H1)
    assert healed.frame.columns.tolist() == COLUMNS
    pd.testing.assert_frame_equal(healed.frame[candles(1).columns], candles(10))
    assert healed.frame["mark_close"].tolist() == marks(10)["close"].tolist()
    assert (healed.filled_bars, healed.holes) == (0, ())
    assert healed.frame["is_filled"].dtype == bool
    assert not healed.frame["is_filled"].any()


def test_a_hole_is_flat_at_the_close_before_it_without_volume():
    healed = heal(candles(6).drop(index=[2, 3]), marks(0), H1)
    assert healed.holes == (Gap(hour(2), hour(3), 2),)
    assert healed.filled_bars == 2
    # candle 1 opened at 101 and closed at 102
    filled = healed.frame[healed.frame["is_filled"]]
    assert filled["ts_open"].tolist() == [hour(2), hour(3)]
    assert (filled[["open", "high", "low", "close"]] == 102.0).all(axis=None)
    assert (filled[["volume", "turnover"]] == 0.0).all(axis=None)
    pd.testing.assert_frame_equal(
        healed.frame[~healed.frame["is_filled"]][candles(1).columns].reset_index(drop=True),
        candles(6).drop(index=[2, 3]).reset_index(drop=True),
    )


def test_a_window_as_long_as_the_candles_that_are_there_is_filled_all_the_same():
    healed = heal(candles(10).drop(index=[1, 2]), marks(0), H1, start_ms=hour(0), end_ms=hour(8))
    assert healed.frame["ts_open"].tolist() == [hour(n) for n in range(8)]
    assert healed.frame["is_filled"].tolist() == [False, True, True, False, False, False, False, False]


def test_nothing_is_filled_before_the_first_candle_or_after_the_last():
    healed = heal(candles(10).iloc[3:7], marks(10), H1, start_ms=hour(0), end_ms=hour(10))
    assert healed.frame["ts_open"].tolist() == [hour(n) for n in (3, 4, 5, 6)]


def test_a_missing_mark_is_missing_and_a_present_one_is_beside_its_candle():
    healed = heal(candles(5), marks(5).drop(index=[1, 4]), H1)
    assert healed.frame["mark_open"].isna().tolist() == [False, True, False, False, True]
    assert healed.frame["mark_open"].iloc[2] == 202.0
    # a mark kline beside a filled candle is kept: it is what the exchange has
    filled = heal(candles(5).drop(index=2), marks(5), H1).frame
    assert filled["mark_high"].tolist() == [202.0, 203.0, 204.0, 205.0, 206.0]


def test_a_window_takes_its_start_and_leaves_its_end():
    healed = heal(candles(10), marks(10), H1, start_ms=hour(2) + 1, end_ms=hour(5))
    assert healed.frame["ts_open"].tolist() == [hour(3), hour(4)]


def test_a_candle_is_the_same_in_every_window_that_contains_it():
    raw = candles(10).drop(index=[4, 5, 6])
    whole = heal(raw, marks(10), H1).frame
    inside = heal(raw, marks(10), H1, start_ms=hour(5), end_ms=hour(8))
    pd.testing.assert_frame_equal(inside.frame, whole.iloc[5:8].reset_index(drop=True))
    assert inside.holes == (Gap(hour(5), hour(6), 2),)
    assert inside.filled_bars == 2


def test_no_candle_at_all_says_what_to_sync():
    with pytest.raises(DataNotFound) as caught:
        heal(candles(0), marks(0), H1)
    assert "sync" in caught.value.way_out
    assert "1h" in str(caught.value)


def test_a_window_without_candles_says_what_is_stored():
    with pytest.raises(DataNotFound, match="2024-01-01 00:00:00 to 2024-01-01 04:00:00"):
        heal(candles(5), marks(5), H1, start_ms=hour(20))


@pytest.mark.parametrize(
    "frame",
    [
        candles(3).iloc[::-1].reset_index(drop=True),
        pd.concat([candles(3), candles(3).iloc[2:]]),
        candles(3).assign(ts_open=[hour(0), hour(1) + 1, hour(2)]),
        candles(3, first=START + 1),
    ],
    ids=["backwards", "repeated", "one off the grid", "all off the grid"],
)
def test_candles_that_are_no_series_are_refused(frame):
    with pytest.raises(DataError, match="1h candle at 2024-01-01"):
        heal(frame, marks(0), H1)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 60), min_size=1))
def test_healing_keeps_every_candle_and_adds_only_what_is_missing(present):
    raw = candles(61).loc[sorted(present)].reset_index(drop=True)
    healed = heal(raw, marks(61), H1)
    frame = healed.frame
    assert (np.diff(frame["ts_open"]) == HOUR_MS).all()
    kept = frame[~frame["is_filled"]][raw.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, raw)
    assert healed.filled_bars == sum(gap.bars for gap in healed.holes) == frame["is_filled"].sum()
    # looking back only: what comes later changes nothing that was there
    cut = len(raw) // 2 + 1
    earlier = heal(raw.iloc[:cut], marks(61), H1).frame
    pd.testing.assert_frame_equal(frame.iloc[: len(earlier)], earlier)
