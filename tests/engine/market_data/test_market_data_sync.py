import json
import threading

import pandas as pd
import pytest
from market_data_frames import START, events, marks
from market_data_trial import (
    BARS,
    FUNDING_TIMES,
    INTEREST_TIMES,
    SYMBOL,
    Trial,
    expected_hours,
    record,
    running_trial,
)

from engine.errors import (
    ConfigurationError,
    DataNotFound,
    ExchangeError,
    ExchangeUnavailable,
    SymbolNotListed,
)
from engine.market_data.duckdb_file import connection_factory
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe

H1, H4 = Timeframe.H1, Timeframe.H4


def hour(n):
    return START + n * HOUR_MS


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    record(folder)
    return folder


@pytest.fixture
def trial(recording, tmp_path):
    with running_trial(recording, connection_factory(tmp_path / "market.duckdb", timeout_s=20)) as running:
        yield running


def test_a_first_sync_stores_all_that_the_exchange_has(trial):
    report = trial.sync()
    store = trial.store
    pd.testing.assert_frame_equal(store.read_ohlcv(SYMBOL, H1), expected_hours())
    pd.testing.assert_frame_equal(store.read_mark_klines(SYMBOL, H1), marks(BARS))
    pd.testing.assert_frame_equal(store.read_funding(SYMBOL), events(FUNDING_TIMES))
    assert store.read_open_interest(SYMBOL)["ts"].tolist() == INTEREST_TIMES
    rules = store.read_instrument(SYMBOL)
    assert (rules.tick_size, rules.as_of_ms) == (0.1, trial.now_ms)
    assert rules.tiers[1].mm_deduction_usdt == 1200.0
    assert store.source_identity() == trial.market.identity
    assert json.loads(json.dumps(report.to_plain())) == {
        "symbol": "BTCUSDT",
        "timeframe": "1h",
        "new_candles": BARS,
        "revised_candles": 0,
        "quarantined_rows": 0,
        "mark_klines": BARS,
        "index_klines": 0,
        "funding_events": len(FUNDING_TIMES),
        "open_interest_rows": len(INTEREST_TIMES),
        "first_ts_open": START,
        "last_ts_open": hour(BARS - 1),
        "gap_bars": 0,
        "now_ms": hour(BARS),
    }


def test_a_sync_that_stores_as_it_goes_reports_and_heals_the_same(recording, tmp_path, monkeypatch):
    # every answer is stored at once, so nothing is left to store at the end
    monkeypatch.setattr("engine.market_data.sync_writer._ROWS_PER_WRITE", 1)
    with running_trial(recording, connection_factory(tmp_path / "market.duckdb", timeout_s=20)) as trial:
        report = trial.sync()
    assert (report.first_ts_open, report.last_ts_open) == (hour(0), hour(BARS - 1))


def test_a_second_sync_at_the_same_time_asks_for_nothing_and_changes_nothing(trial):
    trial.sync()
    mark = trial.store.watermark(SYMBOL)
    asked = trial.asked_since(trial.sync)
    assert asked == {}
    assert trial.store.watermark(SYMBOL) == mark


def test_the_forming_candle_is_never_stored_and_comes_when_it_is_closed(trial):
    """Pitfall 22: the predecessor stored it and never fetched it again."""
    trial.now_ms = hour(10) + 59 * MINUTE_MS
    assert trial.sync().last_ts_open == hour(9)
    trial.now_ms = hour(11)
    assert trial.sync().last_ts_open == hour(10)
    pd.testing.assert_frame_equal(trial.store.read_ohlcv(SYMBOL, H1), expected_hours(0, 11))


def test_the_clock_that_decides_is_the_exchange_s(trial):
    trial.now_ms = hour(10) + MINUTE_MS
    # a machine whose clock is a day ahead
    report = trial.sync(now_ms=hour(34))
    assert (report.last_ts_open, report.now_ms) == (hour(9), trial.now_ms)
    # and a caller that wants to stop earlier
    trial.now_ms = hour(20)
    assert trial.sync(now_ms=hour(15)).last_ts_open == hour(14)


def test_a_sync_resumes_from_the_last_stored_candle(trial):
    trial.now_ms = hour(50)
    trial.sync()
    trial.now_ms = hour(53)
    trial.market.windows.clear()
    report = trial.sync()
    assert report.new_candles == 3
    assert [window for window in trial.market.windows if window[0] == "klines"] == [
        ("klines", hour(49), hour(52))
    ]
    pd.testing.assert_frame_equal(trial.store.read_ohlcv(SYMBOL, H1), expected_hours(0, 53))


def test_a_revision_of_the_last_candle_is_taken_over(trial):
    trial.now_ms = hour(50)
    trial.sync()
    trial.market.revised[hour(49)] = 12345.0
    trial.now_ms = hour(51)
    report = trial.sync()
    assert (report.new_candles, report.revised_candles) == (1, 1)
    assert trial.store.read_ohlcv(SYMBOL, H1)["volume"].iloc[49] == 12345.0


def test_holes_inside_are_fetched_again_near_ones_together(trial):
    trial.sync()
    trial.delete("ohlcv", f"ts_open IN ({hour(5)}, {hour(6)}, {hour(40)})")
    assert len(trial.store.gaps(SYMBOL, H1)) == 2
    asked = trial.asked_since(trial.sync)
    assert asked == {"klines": 1}
    pd.testing.assert_frame_equal(trial.store.read_ohlcv(SYMBOL, H1), expected_hours())


def test_rows_that_were_removed_at_either_end_come_back(trial):
    trial.sync()
    trial.delete("ohlcv", f"ts_open < {hour(7)} OR ts_open > {hour(80)}")
    trial.sync()
    pd.testing.assert_frame_equal(trial.store.read_ohlcv(SYMBOL, H1), expected_hours())


@pytest.mark.parametrize("condition", [f"ts = {hour(8)}", f"ts >= {hour(60)}", f"ts <= {hour(8)}", "true"])
def test_funding_that_was_removed_comes_back_though_events_show_no_holes(trial, condition):
    trial.sync()
    trial.delete("funding", condition)
    trial.sync()
    assert trial.store.read_funding(SYMBOL)["ts"].tolist() == FUNDING_TIMES


def test_an_earlier_start_fetches_what_lies_before(trial):
    trial.sync(start_ms=hour(40))
    assert trial.hours()[0] == 40
    assert trial.store.read_funding(SYMBOL)["ts"].iloc[0] == hour(40)
    report = trial.sync(start_ms=hour(10) + 1)
    assert report.new_candles == 29
    assert trial.hours() == list(range(11, BARS))
    assert trial.store.read_funding(SYMBOL)["ts"].iloc[0] == hour(16)
    assert trial.asked_since(lambda: trial.sync(start_ms=hour(10) + 1)) == {}


def test_what_lies_before_the_listing_is_no_gap_and_is_asked_for_once(trial):
    report = trial.sync(start_ms=START - 400 * 24 * HOUR_MS)
    assert (report.first_ts_open, report.gap_bars) == (START, 0)
    again = trial.asked_since(lambda: trial.sync(start_ms=START - 400 * 24 * HOUR_MS))
    assert again == {}


def test_a_later_start_changes_nothing(trial):
    trial.now_ms = hour(20)
    trial.sync()
    trial.now_ms = hour(90)
    trial.sync(start_ms=hour(80))
    assert trial.hours() == list(range(90))


def test_a_page_that_lacks_rows_is_asked_for_again_at_once(trial):
    trial.market.hidden_once = {hour(30), hour(31)}
    report = trial.sync()
    assert report.gap_bars == 0
    assert trial.hours() == list(range(BARS))


def test_a_hole_the_exchange_has_itself_is_reported_and_not_asked_for_again_until_somebody_wants_it(trial):
    trial.market.hidden = {hour(30), hour(31)}
    assert trial.sync().gap_bars == 2
    trial.market.hidden = set()
    assert trial.sync().gap_bars == 2
    assert trial.store.reopen_holes([SYMBOL]) == 1
    report = trial.sync()
    assert (report.new_candles, report.gap_bars) == (2, 0)


def test_mark_klines_the_exchange_does_not_have_are_not_asked_for_again(trial):
    report = trial.sync(H4)
    assert (report.new_candles, report.mark_klines) == (BARS // 4, 0)
    assert trial.store.read_mark_klines(SYMBOL, H4).empty
    assert trial.asked_since(lambda: trial.sync(H4)) == {}
    trial.now_ms -= 8 * HOUR_MS
    assert trial.asked_since(lambda: trial.sync(H4)) == {}


def test_what_belongs_to_a_symbol_is_not_fetched_twice(trial):
    trial.sync(H1)
    trial.now_ms += 59_000  # the next partition comes a little later, inside the same minute
    asked = trial.asked_since(lambda: trial.sync(H4))
    assert set(asked) == {"klines", "mark_klines"}
    trial.now_ms += 1_000
    assert set(trial.asked_since(lambda: trial.sync(H4))) == {"funding"}


def test_rules_are_asked_for_once_an_hour_and_kept_as_dated_snapshots(trial):
    trial.now_ms = hour(20)
    trial.sync()
    trial.market.tick_size = "0.50"
    trial.now_ms = hour(20) + 59 * MINUTE_MS
    trial.sync()
    assert trial.store.read_instrument(SYMBOL).tick_size == 0.1
    trial.now_ms = hour(21)
    trial.sync()
    assert trial.store.read_instrument(SYMBOL).tick_size == 0.5
    assert trial.store.read_instrument(SYMBOL, hour(21) - 1).tick_size == 0.1


def test_funding_is_resumed_from_the_last_event_stored(trial):
    """Pitfall 24: events come at their own times; from hour 48 on they are hourly."""
    trial.now_ms = hour(47)
    trial.sync()
    trial.now_ms = hour(52)
    trial.market.windows.clear()
    assert trial.sync().funding_events == 5
    # twice: the interval seems to have changed, or a row to be missing
    asked = [window for window in trial.market.windows if window[0] == "funding"]
    assert [(first, last) for _, first, last in asked] == [(hour(40), hour(52))] * 2
    assert trial.store.read_funding(SYMBOL)["ts"].tolist() == [ts for ts in FUNDING_TIMES if ts <= hour(52)]


@pytest.mark.parametrize("failing", ["klines", "mark_klines", "funding", "open_interest"])
def test_a_failure_is_reported_and_the_next_sync_completes(trial, failing):
    """Pitfall 23: an error in the middle was stored as success."""
    trial.market.failing = failing
    with pytest.raises(ExchangeError, match="fails here"):
        trial.sync()
    trial.market.failing = ""
    report = trial.sync()
    assert report.gap_bars == 0
    pd.testing.assert_frame_equal(trial.store.read_ohlcv(SYMBOL, H1), expected_hours())
    pd.testing.assert_frame_equal(trial.store.read_mark_klines(SYMBOL, H1), marks(BARS))
    assert trial.store.read_funding(SYMBOL)["ts"].tolist() == FUNDING_TIMES
    assert trial.store.read_open_interest(SYMBOL)["ts"].tolist() == INTEREST_TIMES


def test_an_unknown_symbol_writes_nothing(trial):
    with pytest.raises(SymbolNotListed, match="BTCUSD"):
        trial.sync(symbol="BTCUSD")
    with pytest.raises(DataNotFound):
        trial.store.coverage()


def test_an_exchange_that_is_not_there_writes_nothing(recording, tmp_path):
    trial = Trial(None, connection_factory(tmp_path / "market.duckdb"))
    trial.url = "http://127.0.0.1:9"
    with pytest.raises(ExchangeUnavailable, match=r"127\.0\.0\.1:9"):
        trial.sync()
    assert not (tmp_path / "market.duckdb").exists()


def test_another_exchange_is_refused_and_nothing_of_it_is_stored(trial):
    trial.now_ms = hour(20)
    trial.sync()
    mark = trial.store.watermark(SYMBOL)
    trial.now_ms = hour(30)
    trial.market.identity_suffix = ":another"
    with pytest.raises(ConfigurationError, match="another") as caught:
        trial.sync()
    assert trial.market.identity in str(caught.value)
    assert "TRADE_DATA" in caught.value.way_out
    assert trial.store.watermark(SYMBOL) == mark


def test_a_start_in_the_future_finds_nothing_and_says_so(trial):
    report = trial.sync(start_ms=trial.now_ms + HOUR_MS)
    assert (report.new_candles, report.first_ts_open, report.last_ts_open) == (0, None, None)


def test_progress_tells_what_was_received(trial):
    seen = []
    trial.sync(progress=seen.append)
    last = {step.series.kind.value: step for step in seen}
    assert {kind: (step.windows_done, step.windows) for kind, step in last.items()} == dict.fromkeys(
        ("ohlcv", "mark_klines", "funding", "open_interest"), (1, 1)
    )
    assert last["ohlcv"].rows == BARS


def test_threads_that_sync_the_same_symbol_leave_one_row_per_key(trial):
    barrier, failures = threading.Barrier(4), []

    def work(timeframe):
        barrier.wait()
        try:
            trial.sync(timeframe)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(timeframe,)) for timeframe in (H1, H4, H1, H4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    pd.testing.assert_frame_equal(trial.store.read_ohlcv(SYMBOL, H1), expected_hours())
    assert trial.store.read_funding(SYMBOL)["ts"].tolist() == FUNDING_TIMES
    assert trial.store.ohlcv_span(SYMBOL, H4).rows == BARS // 4
