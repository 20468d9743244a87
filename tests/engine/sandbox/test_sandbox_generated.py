"""The generated market: reproducible, consistent from one minute up, plausible, silent about the future."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigurationError
from engine.hashing import hash_of_frame
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
START = parse_utc("2020-01-01")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT")
TIMEFRAMES = tuple(Timeframe)

symbols = st.sampled_from(SYMBOLS)
timeframes = st.sampled_from(TIMEFRAMES)
moments = st.integers(min_value=START, max_value=NOW)


@pytest.fixture(scope="module")
def market():
    return GeneratedMarket(seed=7)


def span(start, end):
    """Every row that opens in [start, end)."""
    return RowWindow(start, end - 1, 10**9)


def steps(values, per_unit):
    """Prices or volumes as whole ticks or steps."""
    return np.rint(values.to_numpy() * per_unit).astype(np.int64)


def aggregated(minutes, timeframe):
    """Candles of `timeframe` from one-minute candles, by pandas and not by the market's own code."""
    bar = minutes["ts_open"].map(timeframe.floor)
    return minutes.groupby(bar).agg({"open": "first", "high": "max", "low": "min", "close": "last"})


def test_a_seed_gives_the_history_it_has_always_given():
    # A store that was filled from the sandbox must go on from the same history after an upgrade. If this hash
    # changes on purpose, GeneratedMarket.identity must change with it.
    market = GeneratedMarket(seed=7)
    window = span(parse_utc("2024-02-28T12:00"), parse_utc("2024-03-02T12:00"))
    hashes = [
        hash_of_frame(frame)[:16]
        for frame in (
            market.klines("BTCUSDT", Timeframe.M1, window, NOW),
            market.mark_klines("SOLUSDT", Timeframe.M15, window, NOW),
            market.funding("ETHUSDT", window, NOW),
            market.open_interest("ADAUSDT", Timeframe.H1, window, NOW),
        )
    ]
    assert hashes == ["87cc7b3aa668bbe5", "0cf7e23d4a351172", "e551a19acdd37b4c", "f6388bd5ead0aa4a"]


def test_another_seed_is_another_market():
    window = span(START, START + DAY_MS)
    one, other = (GeneratedMarket(seed).klines("BTCUSDT", Timeframe.H1, window, NOW) for seed in (1, 2))
    assert not (one["close"] == other["close"]).any()
    assert GeneratedMarket(1).identity == "sandbox:generated:seed=1"


def test_a_negative_seed_is_refused():
    with pytest.raises(ConfigurationError, match="seed is -1"):
        GeneratedMarket(seed=-1)


@settings(max_examples=40, deadline=None)
@given(symbol=symbols, timeframe=timeframes, moment=moments, bars=st.integers(1, 4))
def test_every_timeframe_is_the_aggregate_of_one_minute(market, symbol, timeframe, moment, bars):
    start = max(timeframe.floor(moment), timeframe.floor(START) + timeframe.ms)
    end = min(start + bars * timeframe.ms, timeframe.floor(NOW))
    window = span(start, end)
    for source in (market.klines, market.mark_klines):
        candles = source(symbol, timeframe, window, NOW)
        minutes = source(symbol, Timeframe.M1, window, NOW)
        expected = aggregated(minutes, timeframe)
        assert candles["ts_open"].tolist() == list(range(start, end, timeframe.ms))
        pd.testing.assert_frame_equal(
            candles[["open", "high", "low", "close"]], expected.reset_index(drop=True), check_exact=True
        )
    traded = market.klines(symbol, timeframe, window, NOW)
    minutes = market.klines(symbol, Timeframe.M1, window, NOW)
    per_coin = market.instruments[symbol].steps_per_unit
    assert steps(traded["volume"], per_coin).sum() == steps(minutes["volume"], per_coin).sum()
    assert traded["turnover"].sum() == pytest.approx(minutes["turnover"].sum(), rel=1e-12)


@pytest.mark.parametrize("timeframe", [Timeframe.M5, Timeframe.M15, Timeframe.H4, Timeframe.D1])
def test_index_and_premium_add_up_too(market, timeframe):
    window = span(parse_utc("2024-05-03"), parse_utc("2024-05-05"))
    for source in (market.index_klines, market.premium_klines):
        candles = source("ETHUSDT", timeframe, window, NOW)
        expected = aggregated(source("ETHUSDT", Timeframe.M1, window, NOW), timeframe)
        pd.testing.assert_frame_equal(
            candles[["open", "high", "low", "close"]], expected.reset_index(drop=True), check_exact=True
        )


@settings(max_examples=40, deadline=None)
@given(
    symbol=symbols,
    timeframe=timeframes,
    edges=st.lists(moments, min_size=2, max_size=2),
    limit=st.integers(1, 50),
)
def test_a_row_does_not_depend_on_the_range_or_order_it_is_asked_in(market, symbol, timeframe, edges, limit):
    start, end = sorted(edges)
    fresh = GeneratedMarket(seed=7)
    rows = fresh.klines(symbol, timeframe, RowWindow(start, end, limit), NOW)
    for ts_open in rows["ts_open"].iloc[[0, -1]] if len(rows) else ():
        alone = market.klines(symbol, timeframe, RowWindow(ts_open, ts_open, 1), NOW)
        row = rows[rows["ts_open"] == ts_open].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, row, check_exact=True)


def test_candles_hang_together(market):
    window = span(parse_utc("2023-05-01"), parse_utc("2023-06-01"))
    for symbol in SYMBOLS:
        instrument = market.instruments[symbol]
        for source in (market.klines, market.mark_klines):
            candles = source(symbol, Timeframe.M1, window, NOW)
            assert len(candles) == 31 * 1440
            assert (candles["open"].to_numpy()[1:] == candles["close"].to_numpy()[:-1]).all()
            assert (candles["high"] >= candles[["open", "close"]].max(axis=1)).all()
            assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all()
            assert (candles["low"] > 0).all()
            for name in ("open", "high", "low", "close"):
                ticks = candles[name].to_numpy() * instrument.ticks_per_unit
                assert np.abs(ticks - np.rint(ticks)).max() < 1e-6
        assert (market.klines(symbol, Timeframe.M1, window, NOW)["volume"] >= 0).all()


def test_the_mark_price_stays_close_to_the_last_price(market):
    window = span(parse_utc("2022-01-01"), parse_utc("2023-01-01"))
    last = market.klines("ETHUSDT", Timeframe.M15, window, NOW)["close"]
    mark = market.mark_klines("ETHUSDT", Timeframe.M15, window, NOW)["close"]
    distance = (mark / last - 1).abs()
    assert distance.max() < 0.002
    assert 0.00001 < distance.mean() < 0.0002


def test_prices_look_like_a_market(market):
    window = span(START, parse_utc("2025-01-01"))
    for symbol, low, high in (("BTCUSDT", 0.35, 0.75), ("SOLUSDT", 0.6, 1.3)):
        candles = market.klines(symbol, Timeframe.H1, window, NOW)
        returns = np.log(candles["close"]).diff().dropna()
        assert low < returns.std() * np.sqrt(24 * 365) < high  # a year's volatility
        assert returns.kurt() > 3  # jumps and quiet times
        assert returns.abs().autocorr(1) > 0.1  # volatility clusters within the day
        assert returns.abs().autocorr(24) > 0.05  # and across days
        spread = np.log(candles["high"] / candles["low"])
        # activity comes with movement; in USDT, as the volume in coins also falls as the price rises
        assert np.corrcoef(np.log(candles["turnover"] + 1), spread)[0, 1] > 0.4


def test_symbols_move_together_and_not_as_one(market):
    window = span(parse_utc("2024-01-01"), parse_utc("2025-01-01"))
    returns = [
        np.log(market.klines(symbol, Timeframe.H1, window, NOW)["close"]).diff().dropna()
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    assert 0.3 < np.corrcoef(*returns)[0, 1] < 0.95


def test_funding_comes_every_eight_hours_with_both_signs(market):
    events = market.funding("BTCUSDT", span(START, NOW), NOW)
    assert events["ts"].iloc[0] == START + 8 * HOUR_MS
    assert set(np.diff(events["ts"])) == {8 * HOUR_MS}
    assert events["ts"].iloc[-1] == parse_utc("2025-07-01T08:00")
    rates = events["funding_rate"]
    assert 0.00004 < rates.mean() < 0.00015
    assert 0.05 < (rates < 0).mean() < 0.35
    assert rates.abs().max() <= 0.005


def test_open_interest_is_one_series_whatever_the_interval(market):
    window = span(parse_utc("2024-03-01"), parse_utc("2024-03-04"))
    finest = market.open_interest("SOLUSDT", Timeframe.M5, window, NOW).set_index("ts")["open_interest"]
    for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1):
        sampled = market.open_interest("SOLUSDT", timeframe, window, NOW)
        assert sampled["ts"].tolist() == list(range(window.first_ts, window.last_ts, timeframe.ms))
        assert sampled["open_interest"].tolist() == finest[sampled["ts"]].tolist()
    # a walk, not a staircase or a leap: five minutes move it by less than 1 %
    assert (finest > 0).all()
    assert finest.pct_change().abs().max() < 0.01
    assert finest.nunique() > 500


@settings(max_examples=30, deadline=None)
@given(symbol=symbols, timeframe=timeframes, moment=moments)
def test_the_forming_candle_grows_into_the_finished_one(market, symbol, timeframe, moment):
    ts_open = timeframe.floor(moment)
    one = RowWindow(ts_open, ts_open, 1)
    for source in (market.klines, market.mark_klines):
        finished = source(symbol, timeframe, one, timeframe.close(ts_open)).iloc[0]
        early = source(symbol, timeframe, one, moment).iloc[0]
        later = source(symbol, timeframe, one, min(moment + 20_000, timeframe.close(ts_open) - 1)).iloc[0]
        assert early["open"] == later["open"] == finished["open"]
        assert early["high"] <= later["high"] <= finished["high"]
        assert early["low"] >= later["low"] >= finished["low"]
        assert early["low"] <= early["close"] <= early["high"]
        if "volume" in finished:
            assert early["volume"] <= later["volume"] <= finished["volume"]
            assert early["turnover"] <= later["turnover"] <= finished["turnover"]


def test_a_candle_that_just_opened_is_flat(market):
    midnight = parse_utc("2024-05-01")
    row = market.klines("BTCUSDT", Timeframe.H4, RowWindow(0, midnight, 1), midnight).iloc[0]
    assert row["ts_open"] == midnight
    assert row["open"] == row["high"] == row["low"] == row["close"]
    assert row["volume"] == 0


def test_nothing_beyond_now_is_served(market):
    now = parse_utc("2024-05-01T06:30:20")
    far = RowWindow(now - 2 * HOUR_MS, now + DAY_MS, 10**9)
    assert market.klines("BTCUSDT", Timeframe.M1, far, now)["ts_open"].iloc[-1] == parse_utc(
        "2024-05-01T06:30"
    )
    assert market.funding("BTCUSDT", far, now).empty
    assert market.open_interest("BTCUSDT", Timeframe.M15, far, now)["ts"].iloc[-1] == parse_utc(
        "2024-05-01T06:30"
    )


def test_closed_candles_do_not_change_as_time_goes_on(market):
    end = parse_utc("2024-05-01T06:30")
    window = span(end - 40 * MINUTE_MS, end)
    then = market.klines("BTCUSDT", Timeframe.M5, window, end + 7_000)
    much_later = market.klines("BTCUSDT", Timeframe.M5, window, end + 300 * DAY_MS)
    pd.testing.assert_frame_equal(then, much_later, check_exact=True)


def test_history_begins_in_2020(market):
    before = RowWindow(0, START - 1, 10)
    assert market.klines("BTCUSDT", Timeframe.M15, before, NOW).empty
    assert market.klines("BTCUSDT", Timeframe.M15, before, START - 1).empty
    first_week = market.klines("BTCUSDT", Timeframe.W1, RowWindow(0, START, 10), NOW)
    # the week opens on Monday, the market on Wednesday: the candle holds what there is
    assert first_week["ts_open"].tolist() == [parse_utc("2019-12-30")]
    since_wednesday = market.klines("BTCUSDT", Timeframe.D1, span(START, START + 5 * DAY_MS), NOW)
    assert first_week["open"].iloc[0] == since_wednesday["open"].iloc[0]
    assert first_week["high"].iloc[0] == since_wednesday["high"].max()
