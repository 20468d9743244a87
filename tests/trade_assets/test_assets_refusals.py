"""Bad input: the asset fails with the cause, nothing half-written stays, and the next run recovers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from conftest import NOW_MS, Location, MovableClock, ScriptedMarket, card_text, causes, checks, made

from engine.errors import DataNotFound
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.artifacts import Address
from trade_assets.partitions import Partition

HEALED = "healed_ohlcv"
FRAMES = "cards/averages/feature_frames"
BACKTEST = "cards/averages/backtest_results"
BTC = "BTCUSDT|15m"

Scripted = tuple[Location, ScriptedMarket, MovableClock]


def without_hours(symbol: str, timeframe: Timeframe, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out six hours of BTCUSDT 15m: 24 of 960 candles, 2.5 per cent."""
    start = parse_utc("2025-02-05")
    hole = (frame["ts_open"] >= start) & (frame["ts_open"] < start + 6 * HOUR_MS)
    return frame[~hole] if (symbol, timeframe) == ("BTCUSDT", Timeframe.M15) else frame


def impossible_bar(symbol: str, timeframe: Timeframe, frame: pd.DataFrame) -> pd.DataFrame:
    """Put the high of one BTCUSDT 15m candle below its low."""
    if (symbol, timeframe) != ("BTCUSDT", Timeframe.M15):
        return frame
    return frame.assign(
        high=frame["high"].where(frame["ts_open"] != parse_utc("2025-02-05"), frame["low"] * 0.9)
    )


def test_an_impossible_candle_is_not_stored_and_blocks_what_is_downstream(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = impossible_bar
    result = location.make("raw_ohlcv", HEALED, FRAMES, at=BTC)
    assert not result.success
    assert made(result) == set()
    assert checks(result) == {("raw_ohlcv", "schema", BTC): False}
    assert "high" in causes(result)["raw_ohlcv"]
    store = location.definitions.resources["market_database"].store()
    with pytest.raises(DataNotFound, match="there is no database"):
        store.ohlcv_span("BTCUSDT", Timeframe.M15)
    assert location.files() == {"raw_ohlcv/BTCUSDT/15m.refused.json"}


def test_a_frame_with_too_many_holes_is_refused_before_it_is_written(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = without_hours
    result = location.make("raw_ohlcv", HEALED, FRAMES, at=BTC)
    assert made(result) == {("raw_ohlcv", BTC)}
    assert checks(result)[HEALED, "schema", BTC] is False
    assert "24 of 960 rows" in causes(result)[HEALED]
    assert not [name for name in location.files() if name.endswith(".parquet")]


def test_a_later_run_is_still_refused_by_the_verdict_that_was_stored(scripted_location: Scripted):
    location, market, clock = scripted_location
    assert location.make("raw_ohlcv", HEALED, FRAMES, at=BTC).success
    before = location.read(HEALED, BTC)

    market.change = without_hours
    clock.ts_ms = NOW_MS + HOUR_MS
    location.definitions.resources["market_database"].store()
    with duckdb.connect(str(location.settings.market_database)) as connection:
        connection.execute("DELETE FROM ohlcv WHERE timeframe = '15m'")
    assert not location.make("raw_ohlcv", HEALED, at=BTC).success

    # Dagster's blocking ended with that run; the frame from before is still there, and not for use.
    result = location.make(FRAMES, at=BTC)
    assert not result.success
    assert "was refused by its check 'schema'" in causes(result)["cards__averages__feature_frames"]

    market.change = lambda _symbol, _timeframe, frame: frame
    assert location.make("raw_ohlcv", HEALED, FRAMES, at=BTC).success
    assert len(location.read(HEALED, BTC)) == len(before) + 4


def test_a_symbol_that_fails_leaves_the_others_of_its_own_runs(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = impossible_bar
    assert not location.make_all("BTCUSDT").success
    assert location.make_all("ETHUSDT").success


def test_a_range_with_a_bad_partition_writes_nothing_of_that_asset(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = without_hours
    result = location.make("raw_ohlcv", HEALED, at="BTCUSDT|1h", to="ETHUSDT|15m")
    said = {partition: passed for (key, _, partition), passed in checks(result).items() if key == HEALED}
    assert said == {BTC: False}
    assert {key for key, _ in made(result)} == {"raw_ohlcv"}
    assert "BTCUSDT 15m" in causes(result)[HEALED]


def test_a_candle_that_is_stored_twice_is_found(made_location: Location):
    with duckdb.connect(str(made_location.settings.market_database)) as connection:
        connection.execute(
            "INSERT INTO ohlcv SELECT * FROM ohlcv WHERE timeframe = '15m' ORDER BY ts_open LIMIT 1"
        )
    result = made_location.make("raw_ohlcv", at=BTC)
    assert checks(result) == {("raw_ohlcv", "schema", BTC): False}
    assert "2025-02-01 00:00:00" in causes(result)["raw_ohlcv"]


def test_an_exchange_that_is_not_there_is_asked_again_and_then_named(location: Location, settings, instance):
    nowhere = Location(replace(settings, sandbox_url="http://127.0.0.1:9"), instance)
    result = nowhere.make("raw_ohlcv", HEALED, at=BTC)
    assert not result.success
    cause = causes(result)["raw_ohlcv"]
    assert "127.0.0.1:9" in cause
    assert "trade sandbox" in cause
    assert len([event for event in result.all_events if event.is_step_up_for_retry]) == 2
    # Nobody answered: that is no verdict on the data, so nothing is held against them.
    assert checks(result) == {}
    assert nowhere.files() == set()
    assert location.make("raw_ohlcv", HEALED, at=BTC).success


def test_a_symbol_the_exchange_does_not_list_is_named(location: Location):
    location.add_card(card_text(symbols="NOSUCHUSDT"))
    result = location.make_all("NOSUCHUSDT")
    assert not result.success
    assert "NOSUCHUSDT" in causes(result)["raw_ohlcv"]
    assert {key for key, _ in made(result)} == {"idea_cards"}


def test_a_range_of_dates_without_data_is_named(settings, instance):
    future = Location(replace(settings, history_start_ms=parse_utc("2025-03-01")), instance)
    result = future.make("raw_ohlcv", HEALED, at=BTC)
    cause = causes(result)["raw_ohlcv"]
    assert "no closed 15m candle of BTCUSDT since 2025-03-01" in cause
    assert "TRADE_HISTORY_START" in cause


def test_too_little_data_for_the_warm_up_is_named(location: Location):
    location.add_card(card_text(trend=500))
    result = location.make_all()
    cause = causes(result)["cards__averages__feature_frames"]
    assert "too little data for the warm-up" in cause
    assert "240 rows" in cause
    assert not any("averages" in name and name.endswith(".parquet") for name in location.files())
    location.add_card(card_text(trend=20))
    assert location.make_all().success


def test_a_damaged_parquet_file_is_named_and_made_again(made_location: Location):
    pointer = made_location.artifacts.pointer(Address((HEALED,), Partition.parse(BTC)))
    damaged = Path(made_location.settings.artifacts_uri) / pointer.file
    damaged.write_bytes(damaged.read_bytes()[:-100])
    result = made_location.make(FRAMES, at=BTC)
    cause = causes(result)["cards__averages__feature_frames"]
    assert damaged.name in cause
    assert "damaged" in cause
    assert "--partition 'BTCUSDT|15m'" in cause
    assert made_location.make(HEALED, FRAMES, at=BTC).success
    assert made_location.artifacts.pointer(Address((HEALED,), Partition.parse(BTC))).file == pointer.file


def test_a_damaged_backtest_is_named_and_made_again(made_location: Location):
    pointer = made_location.artifacts.pointer(Address(tuple(BACKTEST.split("/")), Partition.parse(BTC)))
    trades = Path(made_location.settings.artifacts_uri) / pointer.file / "trades.parquet"
    trades.write_bytes(b"PAR1")
    result = made_location.make("cards/averages/metrics", at=BTC)
    assert "trades.parquet" in causes(result)["cards__averages__metrics"]
    assert made_location.make(BACKTEST, "cards/averages/metrics", at=BTC).success


def test_a_damaged_database_is_named_and_the_next_run_recovers(made_location: Location):
    database = made_location.settings.market_database
    database.write_bytes(b"this is no database" * 1000)
    result = made_location.make("raw_ohlcv", HEALED, at=BTC)
    cause = causes(result)["raw_ohlcv"]
    assert str(database) in cause
    assert "not a readable database" in cause
    database.unlink()
    assert made_location.make("raw_ohlcv", HEALED, at=BTC).success


def test_a_backtest_does_not_run_on_a_higher_timeframe_that_lags(scripted_location: Scripted):
    location, _, clock = scripted_location
    assert location.make_all().success
    clock.ts_ms += 2 * HOUR_MS
    result = location.make(at=BTC)
    cause = causes(result)["cards__averages__backtest_results"]
    assert "but the 1h candles end at 2025-02-11 00:00:00" in cause
    assert location.make_all().success


@pytest.mark.parametrize("key", ["cards/averages/metrics", "cards/averages/promotion"])
def test_what_is_asked_for_too_early_says_what_to_make_first(location: Location, key: str):
    result = location.make(key, at=BTC)
    (cause,) = causes(result).values()
    assert "has not been made yet" in cause
    assert "dagster asset materialize" in cause
