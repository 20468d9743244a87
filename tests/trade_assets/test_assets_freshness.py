"""The check `fresh`: which partitions have fallen behind, as the UI shows it, whether or not a run looks."""

from __future__ import annotations

import json

import dagster as dg
from conftest import NOW_MS, Location, checks

from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc
from trade_assets.build import universe_of, usable_cards
from trade_assets.candle_age import GRACE_MS, is_fresh
from trade_assets.freshness_sensor import freshness_sensor

M15, H1 = Timeframe.M15, Timeframe.H1
CHECK = dg.AssetCheckKey(dg.AssetKey("raw_ohlcv"), "fresh")
FOUR = parse_utc("2025-03-01T04:00")


def test_a_candle_may_be_missing_for_a_quarter_of_an_hour():
    assert GRACE_MS == 15 * MINUTE_MS
    # The hour from 03:00 closed at 04:00; until 04:15 that from 02:00 is good enough.
    assert is_fresh(FOUR - 2 * HOUR_MS, H1, FOUR + 15 * MINUTE_MS - 1)
    assert not is_fresh(FOUR - 2 * HOUR_MS, H1, FOUR + 15 * MINUTE_MS)
    assert is_fresh(FOUR - HOUR_MS, H1, FOUR + 75 * MINUTE_MS - 1)
    assert not is_fresh(FOUR - HOUR_MS, H1, FOUR + 75 * MINUTE_MS)
    # Quarters: at 04:29 the one from 04:00 closed 14 minutes ago, at 04:30 a quarter of an hour ago.
    assert is_fresh(FOUR - 15 * MINUTE_MS, M15, FOUR + 30 * MINUTE_MS - 1)
    assert not is_fresh(FOUR - 15 * MINUTE_MS, M15, FOUR + 30 * MINUTE_MS)


def look(location: Location, now_ms: int, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    universe = universe_of(location.settings, usable_cards(location.settings))
    sensor = freshness_sensor(universe, now_ms=lambda: now_ms)
    resources = {"market_database": location.definitions.resources["market_database"]}
    found = sensor(dg.build_sensor_context(cursor=cursor, instance=location.instance, resources=resources))
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def verdicts(result: dg.SensorResult | dg.SkipReason) -> dict[str | None, bool]:
    assert isinstance(result, dg.SensorResult)
    return {each.partition: each.passed for each in result.asset_events}


def test_only_what_has_changed_is_recorded(location: Location):
    made = location.make("raw_ohlcv", at="BTCUSDT|1h", to="BTCUSDT|15m")
    assert checks(made)["raw_ohlcv", "fresh", "BTCUSDT|15m"] is True
    # Synced at 00:00:05: everything is there.
    first = look(location, NOW_MS + 10 * MINUTE_MS)
    assert verdicts(first) == {}
    # At 00:31 the quarter that closed at 00:15 should be there, the hour that closes at 01:00 not yet.
    second = look(location, NOW_MS + 31 * MINUTE_MS, first.cursor)
    assert verdicts(second) == {"BTCUSDT|15m": False}
    (event,) = second.asset_events
    assert "31 minutes ago" in event.description
    third = look(location, NOW_MS + 75 * MINUTE_MS, second.cursor)
    assert verdicts(third) == {"BTCUSDT|1h": False}
    assert json.loads(third.cursor) == ["BTCUSDT|15m", "BTCUSDT|1h"]
    # It catches up, which is as if the clock went back.
    assert verdicts(look(location, NOW_MS + MINUTE_MS, third.cursor)) == {
        "BTCUSDT|15m": True,
        "BTCUSDT|1h": True,
    }


def test_the_ui_counts_the_partition_as_failed(location: Location):
    location.make("raw_ohlcv", at="BTCUSDT|1h", to="BTCUSDT|15m")
    for event in look(location, NOW_MS + 31 * MINUTE_MS).asset_events:
        location.instance.report_runless_asset_event(event)
    info = location.instance.event_log_storage.get_asset_check_partition_info([CHECK])
    assert {each.partition_key: each.latest_execution_status.value for each in info} == {
        "BTCUSDT|15m": "FAILED",
        "BTCUSDT|1h": "SUCCEEDED",
    }


def test_what_cannot_be_read_and_what_is_retired_gives_no_verdict(location: Location):
    assert isinstance(look(location, NOW_MS), dg.SkipReason)
    location.make("raw_ohlcv", at="BTCUSDT|1h", to="BTCUSDT|15m")
    for cursor in ("not json", "{}", "[1]", '["BTCUSDT|7m"]'):
        assert len(verdicts(look(location, NOW_MS + 31 * MINUTE_MS, cursor))) == 1
    location.add_card((location.settings.cards_dir / "averages.yaml").read_text().replace("BTCUSDT, ", ""))
    assert verdicts(look(location, NOW_MS + 31 * MINUTE_MS)) == {}
