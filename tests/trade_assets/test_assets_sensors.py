"""The candle-close sensor and the daily schedule, with a clock of the test's."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
from conftest import Location, card_text

from engine.timeframes import MINUTE_MS, Timeframe, parse_utc
from trade_assets.build import universe_of, usable_cards
from trade_assets.partitions import Universe
from trade_assets.schedules import daily_sync_schedule
from trade_assets.sensors import LAG_MS, candle_close_sensor

FOUR_O_CLOCK = parse_utc("2025-03-01T04:00")


def look(location: Location, now_ms: int, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    cards = usable_cards(location.settings)
    universe = universe_of(location.settings, cards)
    sensor = candle_close_sensor(universe, cards.plans.values(), now_ms=lambda: now_ms)
    found = sensor(dg.build_sensor_context(cursor=cursor, instance=location.instance))
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def keys_of(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_the_first_look_runs_everything_a_symbol_at_a_time(location: Location):
    result = look(location, FOUR_O_CLOCK + LAG_MS)
    assert [request.run_key for request in result.run_requests] == [
        f"BTCUSDT|1h...BTCUSDT|15m|{FOUR_O_CLOCK}",
        f"ETHUSDT|1h...ETHUSDT|15m|{FOUR_O_CLOCK}",
    ]
    (first, _) = result.run_requests
    assert first.tags["dagster/asset_partition_range_start"] == "BTCUSDT|1h"
    assert first.tags["dagster/asset_partition_range_end"] == "BTCUSDT|15m"
    assert {"raw_ohlcv", "cards/averages/feature_frames", "cards/averages/promotion"} <= keys_of(first)


def test_nothing_happens_until_a_candle_closes_and_the_lag_is_over(location: Location):
    cursor = look(location, FOUR_O_CLOCK + LAG_MS).cursor
    assert isinstance(look(location, FOUR_O_CLOCK + 14 * MINUTE_MS, cursor), dg.SkipReason)
    assert isinstance(look(location, FOUR_O_CLOCK + 15 * MINUTE_MS + LAG_MS - 1, cursor), dg.SkipReason)
    result = look(location, FOUR_O_CLOCK + 15 * MINUTE_MS + LAG_MS, cursor)
    assert [request.tags["dagster/asset_partition_range_start"] for request in result.run_requests] == [
        "BTCUSDT|15m",
        "ETHUSDT|15m",
    ]


def test_a_close_of_the_higher_timeframe_alone_makes_no_backtest(location: Location):
    location.add_card(
        card_text("hourly", symbols="BTCUSDT").replace("exec: 15m, htf: 1h", "exec: 1h, htf: 4h")
    )
    cursor = json.dumps({"15m": FOUR_O_CLOCK, "1h": FOUR_O_CLOCK, "4h": 0})
    (first, *_) = look(location, FOUR_O_CLOCK + LAG_MS, cursor).run_requests
    assert "cards/hourly/feature_frames" in keys_of(first)
    assert "cards/hourly/backtest_results" not in keys_of(first)
    assert "cards/averages/feature_frames" not in keys_of(first)


def test_after_a_night_off_there_is_one_run_for_each_symbol(location: Location):
    cursor = look(location, FOUR_O_CLOCK + LAG_MS).cursor
    result = look(location, parse_utc("2025-03-02T09:07"), cursor)
    assert len(result.run_requests) == 2
    assert json.loads(result.cursor) == {
        "15m": parse_utc("2025-03-02T09:00"),
        "1h": parse_utc("2025-03-02T09:00"),
    }


def test_a_cursor_that_cannot_be_read_counts_as_none(location: Location):
    for cursor in ("", "not json", "[]", '{"15m": "yesterday"}'):
        assert len(look(location, FOUR_O_CLOCK + LAG_MS, cursor).run_requests) == 2


def test_hundreds_of_symbols_are_a_few_runs():
    universe = Universe.of([f"C{number:03}USDT" for number in range(300)], [Timeframe.M15, Timeframe.H1])
    sensor = candle_close_sensor(universe, [], now_ms=lambda: FOUR_O_CLOCK + LAG_MS)
    assert len(sensor(dg.build_sensor_context()).run_requests) == 12


def test_the_schedule_asks_for_every_partition_once_a_day(location: Location):
    universe = universe_of(location.settings, usable_cards(location.settings))
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2025, 3, 1, 0, 20, tzinfo=UTC))
    requests = daily_sync_schedule(universe)(context)
    assert [request.run_key for request in requests] == [
        "BTCUSDT|1h...BTCUSDT|15m|2025-03-01",
        "ETHUSDT|1h...ETHUSDT|15m|2025-03-01",
    ]


def test_a_request_of_the_sensor_runs_as_it_is(location: Location):
    (first, *_) = look(location, FOUR_O_CLOCK + LAG_MS).run_requests
    result = location.job.execute_in_process(
        asset_selection=list(first.asset_selection), tags=first.tags, instance=location.instance
    )
    assert result.success
    assert location.read("cards/averages/promotion", "BTCUSDT|15m")["decision"]["symbol"] == "BTCUSDT"


def test_both_wait_to_be_started(location: Location):
    repository = location.definitions.get_repository_def()
    assert repository.get_sensor_def("candle_close").default_status is dg.DefaultSensorStatus.STOPPED
    assert repository.get_schedule_def("daily_sync").default_status is dg.DefaultScheduleStatus.STOPPED
