"""Bad input: the asset fails with the cause, nothing half-written stays, and the next run recovers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest
from conftest import NOW_MS, Location, MovableClock, ScriptedMarket, card_text, causes, checks, made

from engine.errors import ExchangeUnavailable
from engine.exchange.client import BybitMarketClient
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.artifacts import Address
from trade_assets.not_made import not_made
from trade_assets.partitions import Partition
from trade_assets.resources import ExchangeClient

HEALED = "healed_ohlcv"
FRAMES = "cards/averages/feature_frames"
BACKTEST = "cards/averages/backtest_results"
PROMOTION = "cards/averages/promotion"
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


class DeafClient(BybitMarketClient):
    """A client that gets no answer about one symbol."""

    deaf_to = ""

    def klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Get no answer, or the candles."""
        if symbol == self.deaf_to:
            raise ExchangeUnavailable(f"nobody answers about {symbol}")
        return super().klines(symbol, timeframe, start_ms, end_ms)


class DeafExchange(ExchangeClient):
    """An exchange that answers about all symbols but one."""

    deaf_to: str

    def client(self) -> DeafClient:
        """Return its client."""
        client = DeafClient(self.base_url)
        client.deaf_to = self.deaf_to
        return client


def noted(location: Location, result: dg.ExecuteInProcessResult) -> dict[str, list[str]]:
    """What the run has noted as not made."""
    run = location.instance.get_run_by_id(result.run_id)
    assert run is not None
    return not_made(run.tags)


def test_an_impossible_candle_is_kept_out_and_the_hole_it_leaves_is_filled(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = impossible_bar
    result = location.make("raw_ohlcv", HEALED, at=BTC)
    assert result.success
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert shown["raw_ohlcv"]["quarantined rows"].value == 1
    assert shown["raw_ohlcv"]["gap bars"].value == 1
    assert checks(result)["raw_ohlcv", "no_gaps", BTC] is False
    healed = location.read(HEALED, BTC)
    assert list(healed.loc[healed["is_filled"], "ts_open"]) == [parse_utc("2025-02-05")]


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

    # What the exchange had not is not asked for at each sync, but when somebody asks to have it healed.
    market.change = lambda _symbol, _timeframe, frame: frame
    location.definitions.resources["market_database"].store().reopen_holes(["BTCUSDT"])
    assert location.make("raw_ohlcv", HEALED, FRAMES, at=BTC).success
    assert len(location.read(HEALED, BTC)) == len(before) + 4


def test_a_symbol_that_fails_leaves_the_others_of_its_own_runs(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = without_hours
    assert not location.make_all("BTCUSDT").success
    assert location.make_all("ETHUSDT").success


def test_a_range_with_a_bad_partition_makes_the_others_and_names_it(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = without_hours
    result = location.make("raw_ohlcv", HEALED, at="BTCUSDT|1h", to="ETHUSDT|15m")
    said = {partition: passed for (key, _, partition), passed in checks(result).items() if key == HEALED}
    assert said == {"BTCUSDT|1h": True, BTC: False, "ETHUSDT|1h": True, "ETHUSDT|15m": True}
    assert not result.success
    assert {partition for key, partition in made(result) if key == HEALED} == said.keys() - {BTC}
    assert location.read(HEALED, "ETHUSDT|15m") is not None
    cause = causes(result)[HEALED]
    assert "BTCUSDT 15m" in cause
    assert "ETHUSDT" not in cause
    assert noted(location, result) == {HEALED: [BTC]}


def test_in_a_range_the_other_symbols_go_all_the_way_to_their_decision(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = without_hours
    result = location.make(at="BTCUSDT|1h", to="ETHUSDT|15m")
    assert not result.success
    assert location.read("cards/averages/promotion", "ETHUSDT|15m")["decision"]["symbol"] == "ETHUSDT"
    # What follows from the one defect fails for itself, down to the last step, and nothing of it is refused.
    assert noted(location, result) == {
        key: [BTC] for key in (HEALED, FRAMES, BACKTEST, "cards/averages/metrics", PROMOTION)
    }
    assert causes(result).keys() == {"cards__averages__promotion"}
    assert {file for file in location.files() if file.endswith(".refused.json")} == {
        f"{HEALED}/BTCUSDT/15m.refused.json"
    }


def test_a_run_is_red_where_what_failed_has_nothing_downstream(scripted_location: Scripted):
    location, market, _ = scripted_location
    market.change = without_hours
    # SOLUSDT has no card, so nothing looks at its healed candles; BTCUSDT and ETHUSDT have.
    location.add_card(card_text(symbols="ETHUSDT"))
    more = Location(replace(location.settings, extra_symbols=("BTCUSDT",)), location.instance)
    result = more.make(at="ETHUSDT|1h", to=BTC)
    assert not result.success
    assert noted(more, result) == {HEALED: [BTC]}
    assert "healed_ohlcv was not made for BTCUSDT|15m" in causes(result)["cards__averages__promotion"]
    assert more.read(PROMOTION, "ETHUSDT|15m")


def test_a_symbol_without_an_answer_leaves_what_is_stored_alone_and_goes_no_further(
    scripted_location: Scripted,
):
    location, _, clock = scripted_location
    assert location.make(at="BTCUSDT|1h", to="ETHUSDT|15m").success
    clock.ts_ms += HOUR_MS
    before = location.artifacts.pointer(Address(("raw_ohlcv",), Partition.parse(BTC)))
    answering = location.definitions.resources["exchange"]
    deaf = DeafExchange(
        base_url=answering.base_url, request_limit_file=answering.request_limit_file, deaf_to="BTCUSDT"
    )
    location = Location(location.settings, location.instance, {"exchange": deaf})
    result = location.make(at="BTCUSDT|1h", to="ETHUSDT|15m")
    assert not result.success
    assert noted(location, result)["raw_ohlcv"] == ["BTCUSDT|15m", "BTCUSDT|1h"]
    assert {partition for key, partition in made(result) if key == PROMOTION} == {"ETHUSDT|15m"}
    # Nothing of BTCUSDT was made of the older candles, as if they were today's, and nothing is refused by it.
    assert not [partition for _, partition in made(result) if partition.startswith("BTCUSDT")]
    assert location.artifacts.pointer(Address(("raw_ohlcv",), Partition.parse(BTC))) == before
    assert not [file for file in location.files() if file.endswith(".refused.json")]


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
    assert {key for key, _ in made(result)} == {"idea_cards", "listed_symbols", "shadow_performance"}


def test_a_range_of_dates_without_data_is_named(settings, instance):
    future = Location(replace(settings, history_start_ms=parse_utc("2025-03-01")), instance)
    result = future.make("raw_ohlcv", HEALED, at=BTC)
    cause = causes(result)["raw_ohlcv"]
    assert "no closed 15m candle of BTCUSDT since 2025-03-01" in cause
    assert "TRADE_HISTORY_START" in cause


def test_too_little_data_for_the_warm_up_is_named(location: Location):
    location.add_card(card_text(trend=500))
    result = location.make_all()
    # The frames of the 15m candles could be made; without those of the 1h candles nothing follows from them.
    cause = causes(result)["cards__averages__backtest_results"]
    assert "too little data for the warm-up" in cause
    assert "240 rows" in cause
    frames = [name for name in location.files() if "averages" in name and name.endswith(".parquet")]
    assert [name.rpartition("/")[0] for name in frames] == ["cards/averages/feature_frames/BTCUSDT/15m"]
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
