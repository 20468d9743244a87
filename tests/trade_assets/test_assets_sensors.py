"""The candle-close sensor and the daily schedule, with a clock of the test's."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg
from conftest import Location, universe

from engine.timeframes import MINUTE_MS, parse_utc
from trade_assets.build import universe_of, usable_cards
from trade_assets.schedules import daily_sync_schedule
from trade_assets.sensors import LAG_MS, candle_close_sensor

FOUR_O_CLOCK = parse_utc("2025-03-01T04:00")
MARKET = {"raw_ohlcv", "healed_ohlcv", "funding_events", "instrument_rules"}


def look(location: Location, now_ms: int, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    cards = usable_cards(location.settings)
    cards_universe = universe_of(location.settings, cards)
    sensor = candle_close_sensor(cards_universe, cards.plans.values(), now_ms=lambda: now_ms)
    found = sensor(dg.build_sensor_context(cursor=cursor, instance=location.instance))
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def keys_of(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_the_first_look_runs_everything_a_partition_at_a_time_the_largest_first(location: Location):
    requests = look(location, FOUR_O_CLOCK + LAG_MS).run_requests
    asked = [(request.partition_key, request.tags["dagster/priority"]) for request in requests]
    assert asked == [
        ("BTCUSDT|1h", "60"),
        ("ETHUSDT|1h", "60"),
        ("BTCUSDT|15m", "15"),
        ("ETHUSDT|15m", "15"),
    ]
    assert requests[0].run_key == f"BTCUSDT|1h|{FOUR_O_CLOCK}"
    assert {request.tags["trade/symbols"] for request in requests} == {"BTCUSDT", "ETHUSDT"}
    higher, exec_timeframe = requests[0], requests[2]
    assert keys_of(higher) == MARKET | {"cards/averages/feature_frames"}
    assert keys_of(exec_timeframe) == MARKET | {
        f"cards/averages/{asset}" for asset in ("feature_frames", "backtest_results", "metrics", "promotion")
    }


def test_nothing_happens_until_a_candle_closes_and_the_lag_is_over(location: Location):
    cursor = look(location, FOUR_O_CLOCK + LAG_MS).cursor
    assert isinstance(look(location, FOUR_O_CLOCK + 14 * MINUTE_MS, cursor), dg.SkipReason)
    assert isinstance(look(location, FOUR_O_CLOCK + 15 * MINUTE_MS + LAG_MS - 1, cursor), dg.SkipReason)
    result = look(location, FOUR_O_CLOCK + 15 * MINUTE_MS + LAG_MS, cursor)
    assert [request.partition_key for request in result.run_requests] == ["BTCUSDT|15m", "ETHUSDT|15m"]


def test_after_a_night_off_there_is_one_run_for_each_partition(location: Location):
    cursor = look(location, FOUR_O_CLOCK + LAG_MS).cursor
    result = look(location, parse_utc("2025-03-02T09:07"), cursor)
    assert len(result.run_requests) == 4
    assert json.loads(result.cursor) == {
        "15m": parse_utc("2025-03-02T09:00"),
        "1h": parse_utc("2025-03-02T09:00"),
    }


def test_a_cursor_that_cannot_be_read_counts_as_none(location: Location):
    for cursor in ("", "not json", "[]", '{"15m": "yesterday"}'):
        assert len(look(location, FOUR_O_CLOCK + LAG_MS, cursor).run_requests) == 4


def test_hundreds_of_symbols_are_a_few_runs():
    many = universe(*(f"C{number:03}USDT" for number in range(300)))
    sensor = candle_close_sensor(many, [], now_ms=lambda: FOUR_O_CLOCK + LAG_MS)
    requests = sensor(dg.build_sensor_context()).run_requests
    assert len(requests) == 2 * 12
    assert requests[0].tags["dagster/asset_partition_range_start"] == "C000USDT|1h"
    assert requests[0].tags["dagster/asset_partition_range_end"] == "C024USDT|1h"


def test_the_schedule_asks_for_every_partition_once_a_day(location: Location):
    cards_universe = universe_of(location.settings, usable_cards(location.settings))
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2025, 3, 1, 0, 20, tzinfo=UTC))
    requests = daily_sync_schedule(cards_universe)(context)
    assert [request.run_key for request in requests] == [
        "BTCUSDT|1h...BTCUSDT|15m|2025-03-01",
        "ETHUSDT|1h...ETHUSDT|15m|2025-03-01",
    ]


def test_the_requests_of_the_sensor_lead_to_a_decision(location: Location):
    requests = look(location, FOUR_O_CLOCK + LAG_MS).run_requests
    for request in requests[::2]:
        result = location.job.execute_in_process(
            asset_selection=list(request.asset_selection or ()),
            partition_key=request.partition_key,
            tags=request.tags,
            instance=location.instance,
        )
        assert result.success
    assert location.read("cards/averages/promotion", "BTCUSDT|15m")["decision"]["symbol"] == "BTCUSDT"


def test_both_wait_to_be_started(location: Location):
    repository = location.definitions.get_repository_def()
    assert repository.get_sensor_def("candle_close").default_status is dg.DefaultSensorStatus.STOPPED
    assert repository.get_schedule_def("daily_sync").default_status is dg.DefaultScheduleStatus.STOPPED
