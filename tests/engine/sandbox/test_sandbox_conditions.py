"""What happens to a market: halts, listings, delistings, funding intervals; alike at every timeframe."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigurationError
from engine.sandbox.catalogue import InstrumentStatus
from engine.sandbox.conditions import ConditionedMarket, Delisting, FundingInterval, Halt, Listing
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe, format_utc, parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
DAY = parse_utc("2025-06-30")
HALT = Halt("BTCUSDT", DAY + 2 * HOUR_MS, DAY + 3 * HOUR_MS + 30 * MINUTE_MS)
EVERYTHING = RowWindow(DAY, NOW, 10**9)


@pytest.fixture(scope="module")
def whole():
    return GeneratedMarket(seed=7)


def opens(frame):
    return [format_utc(ts)[11:16] for ts in frame["ts_open"]]


def test_a_halt_leaves_a_hole_in_every_price(whole):
    market = ConditionedMarket(whole, (HALT,))
    for source in (market.klines, market.mark_klines, market.index_klines):
        half_hours = source("BTCUSDT", Timeframe.M30, RowWindow(DAY + HOUR_MS, DAY + 4 * HOUR_MS, 10), NOW)
        assert opens(half_hours) == ["01:00", "01:30", "03:30", "04:00"]
    untouched = market.klines("ETHUSDT", Timeframe.M30, EVERYTHING, NOW)
    pd.testing.assert_frame_equal(untouched, whole.klines("ETHUSDT", Timeframe.M30, EVERYTHING, NOW))


def test_a_bar_torn_by_a_halt_is_made_of_the_minutes_that_traded(whole):
    market = ConditionedMarket(whole, (HALT,))
    hour = market.klines("BTCUSDT", Timeframe.H1, RowWindow(DAY + 3 * HOUR_MS, DAY + 3 * HOUR_MS, 1), NOW)
    second_half = whole.klines("BTCUSDT", Timeframe.M30, RowWindow(HALT.end_ms, HALT.end_ms, 1), NOW)
    assert hour["ts_open"].tolist() == [DAY + 3 * HOUR_MS]
    prices = ["open", "high", "low", "close", "volume"]
    assert hour[prices].to_numpy() == pytest.approx(second_half[prices].to_numpy(), rel=1e-12)


spans = st.lists(st.tuples(st.integers(0, 600), st.integers(1, 300)), min_size=1, max_size=4)


@settings(max_examples=30, deadline=None)
@given(
    spans=spans,
    timeframe=st.sampled_from([Timeframe.M1, Timeframe.M15, Timeframe.H1, Timeframe.H4]),
    limit=st.integers(1, 60),
    first=st.integers(0, 900),
    oldest=st.booleans(),
)
def test_any_window_of_a_halted_market_is_a_stretch_of_the_aggregate_of_its_minutes(
    whole, spans, timeframe, limit, first, oldest
):
    halts = tuple(
        Halt("BTCUSDT", DAY + start * MINUTE_MS, DAY + (start + length) * MINUTE_MS)
        for start, length in spans
    )
    market = ConditionedMarket(whole, halts)
    minutes = market.klines("BTCUSDT", Timeframe.M1, RowWindow(DAY, DAY + DAY_MS - 1, 10**9), NOW)
    bar = minutes["ts_open"].map(timeframe.floor)
    expected = minutes.groupby(bar).agg({"open": "first", "high": "max", "low": "min", "close": "last"})
    window = RowWindow(timeframe.floor(DAY + first * MINUTE_MS), DAY + DAY_MS - 1, limit, oldest=oldest)
    wanted = window.select(expected.reset_index(), "ts_open").reset_index(drop=True)
    served = market.klines("BTCUSDT", timeframe, window, NOW)[wanted.columns]
    pd.testing.assert_frame_equal(served, wanted, check_exact=True)


def test_a_symbol_listed_yesterday_has_nothing_before(whole):
    listed_at = parse_utc("2025-06-30T09:20")
    market = ConditionedMarket(whole, (Listing("SOLUSDT", listed_at),))
    assert market.instruments["SOLUSDT"].launch_ms == listed_at
    first = market.klines("SOLUSDT", Timeframe.H1, RowWindow(0, NOW, 1, oldest=True), NOW)
    assert first["ts_open"].tolist() == [parse_utc("2025-06-30T09:00")]
    forty_minutes = whole.klines("SOLUSDT", Timeframe.M1, RowWindow(listed_at, listed_at, 1), NOW)
    assert first["open"].iloc[0] == forty_minutes["open"].iloc[0]
    ancient = RowWindow(0, NOW, 10**9)
    assert market.funding("SOLUSDT", ancient, NOW)["ts"].iloc[0] == parse_utc("2025-06-30T16:00")
    interest = market.open_interest("SOLUSDT", Timeframe.H1, ancient, NOW)
    assert interest["ts"].iloc[0] == parse_utc("2025-06-30T10:00")


def test_a_delisted_symbol_is_closed_and_keeps_its_history(whole):
    end = parse_utc("2025-06-30T12:00")
    market = ConditionedMarket(whole, (Delisting("SOLUSDT", end),))
    instrument = market.instruments["SOLUSDT"]
    assert instrument.status_at(end - 1) is InstrumentStatus.TRADING
    assert instrument.status_at(end) is InstrumentStatus.CLOSED
    last = market.klines("SOLUSDT", Timeframe.M1, RowWindow(0, NOW, 1), NOW)
    assert last["ts_open"].tolist() == [end - MINUTE_MS]
    assert market.funding("SOLUSDT", RowWindow(0, NOW, 1), NOW)["ts"].tolist() == [end - 4 * HOUR_MS]
    last_interest = market.open_interest("SOLUSDT", Timeframe.M5, RowWindow(0, NOW, 1), NOW)
    assert last_interest["ts"].tolist() == [end - 5 * MINUTE_MS]


def test_a_funding_interval_changes_from_a_moment_on(whole):
    change = parse_utc("2025-06-30T10:30")
    market = ConditionedMarket(
        whole, (FundingInterval("BTCUSDT", change, 240), FundingInterval("BTCUSDT", change + DAY_MS // 2, 60))
    )
    events = market.funding("BTCUSDT", RowWindow(DAY, NOW, 200), NOW)
    assert [format_utc(ts)[8:16] for ts in events["ts"]] == [
        *("30 00:00", "30 08:00", "30 12:00", "30 16:00", "30 20:00"),
        *(f"{30 if hour == 23 else 1:02d} {hour:02d}:00" for hour in (23, *range(11))),
    ]
    before = whole.funding("BTCUSDT", RowWindow(DAY, NOW, 200), NOW).set_index("ts")["funding_rate"]
    rates = events.set_index("ts")["funding_rate"]
    assert rates[DAY + 12 * HOUR_MS] == before[DAY + 8 * HOUR_MS]
    instrument = market.instruments["BTCUSDT"]
    at = [instrument.funding_interval_at(change + offset) for offset in (-1, 0, DAY_MS // 2)]
    assert at == [480, 240, 60]


def test_conditions_of_nothing_are_refused(whole):
    with pytest.raises(ConfigurationError, match="Halt names NOPEUSDT"):
        ConditionedMarket(whole, (Halt("NOPEUSDT", DAY, DAY + MINUTE_MS),))
    for start, end in ((DAY, DAY), (DAY + 1, DAY + MINUTE_MS)):
        with pytest.raises(ConfigurationError, match="whole minutes") as refused:
            Halt("BTCUSDT", start, end)
        assert refused.value.way_out
    with pytest.raises(ConfigurationError, match="90 minutes"):
        FundingInterval("BTCUSDT", DAY, 90)
