import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_data_frames import START, candles, events, marks

from engine.market_data.funding import price_funding_events
from engine.market_data.schemas import FUNDING_EVENTS, validate
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

H1, H4, M1 = Timeframe.H1, Timeframe.H4, Timeframe.M1


def hour(n):
    return START + n * HOUR_MS


def priced(funding, marks_by_timeframe, ohlcv):
    """Price and source of each event, after the schema has passed them."""
    frame = validate(price_funding_events(funding, marks_by_timeframe, ohlcv), FUNDING_EVENTS, "events")
    return list(zip(frame["ts"], frame["mark_price"], frame["price_source"], strict=True))


def test_the_price_is_the_open_of_the_mark_kline_that_opens_then():
    # mark kline 8 opens at 208
    assert priced(events([hour(8)]), {H1: marks(24)}, candles(24)) == [(hour(8), 208.0, "mark")]


def test_the_finest_timeframe_that_has_one_decides():
    minute = marks(1, first=hour(8), timeframe=M1, base=500.0)
    coarse = marks(6, timeframe=H4, base=900.0)
    by_timeframe = {H4: coarse, M1: minute, H1: marks(6)}
    assert priced(events([hour(4), hour(8), hour(12)]), by_timeframe, candles(24)) == [
        (hour(4), 204.0, "mark"),  # no 1m kline then: the 1h one
        (hour(8), 500.0, "mark"),
        (hour(12), 903.0, "mark"),  # the 1h klines end at 05:00
    ]


def test_without_a_mark_the_last_price_at_the_event_stands_in():
    assert priced(events([hour(8)]), {}, candles(24)) == [(hour(8), 108.0, "last")]


def test_inside_a_candle_only_its_open_is_known():
    # at 02:00 and 03:59 the 00:00 candle of 4h is still open: its close is in the future
    times = [hour(2), hour(4) - MINUTE_MS]
    assert priced(events(times), {H4: marks(0, timeframe=H4)}, candles(6, timeframe=H4)) == [
        (times[0], 100.0, "last"),
        (times[1], 100.0, "last"),
    ]


def test_where_the_candle_is_missing_the_close_before_it_stands_in():
    # candle 7 closes at 108; candles 8 and 9 are missing
    ohlcv = candles(24).drop(index=[8, 9])
    assert priced(events([hour(8), hour(9)]), {}, ohlcv) == [
        (hour(8), 108.0, "last"),
        (hour(9), 108.0, "last"),
    ]


def test_an_event_at_the_end_of_the_last_candle_is_priced_at_its_close():
    assert priced(events([hour(3)]), {}, candles(3)) == [(hour(3), 103.0, "last")]


def test_events_before_anything_is_known_are_left_out():
    funding = events([hour(-8), hour(0)])
    assert priced(funding, {}, candles(3)) == [(hour(0), 100.0, "last")]
    early = marks(1, first=hour(-8))
    assert priced(funding, {H1: early}, candles(3))[0] == (hour(-8), 200.0, "mark")
    assert priced(funding, {}, candles(0)) == []


def test_no_spacing_of_events_is_assumed():
    times = [hour(0), hour(1), hour(1) + 7 * MINUTE_MS, hour(9), hour(17)]
    frame = price_funding_events(events(times, -0.002), {H1: marks(24)}, candles(24))
    assert frame["ts"].tolist() == times
    assert frame["funding_rate"].tolist() == [-0.002] * 5
    assert frame["price_source"].tolist() == ["mark", "mark", "last", "mark", "mark"]


def test_what_a_position_pays_is_the_sum_of_price_times_rate():
    # size 1 held over three events at marks 200, 208 and 216 with a rate of 0.01 %
    frame = price_funding_events(events([hour(0), hour(8), hour(16)]), {H1: marks(24)}, candles(24))
    paid = (frame["mark_price"] * frame["funding_rate"]).sum()
    assert paid == pytest.approx((200 + 208 + 216) * 0.0001, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 30), min_size=2), st.lists(st.integers(0, 31 * 60), unique=True, max_size=8))
def test_no_price_changes_when_later_candles_arrive(present, minutes):
    ohlcv = candles(31).loc[sorted(present)].reset_index(drop=True)
    funding = events(sorted(START + minute * MINUTE_MS for minute in minutes))
    whole = price_funding_events(funding, {}, ohlcv)
    # the shortest step, taken for the length of a candle, must be known from the first two on
    short = ohlcv[(ohlcv["ts_open"].diff() == HOUR_MS).cumsum() > 0]
    if short.empty:
        return
    cut = int(short.index[0]) + 1
    known_until = int(ohlcv["ts_open"].iloc[cut - 1])
    earlier = price_funding_events(funding[funding["ts"] <= known_until], {}, ohlcv.iloc[:cut])
    pd.testing.assert_frame_equal(whole.iloc[: len(earlier)], earlier)
    assert np.isfinite(whole["mark_price"]).all()
