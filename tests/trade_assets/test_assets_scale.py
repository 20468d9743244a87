"""Many partitions: one run makes them all, and a look at hundreds of symbols is cheap."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

import dagster as dg
import pytest
from conftest import Location, checks, made, universe

from engine.settings import TradeSettings
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.ranges import PartitionRange, ranges_of
from trade_assets.sensors import LAG_MS, candle_close_sensor

SYMBOLS = (
    "ADAUSDT", "AVAXUSDT", "BNBUSDT", "BTCUSDT", "DOGEUSDT", "DOTUSDT", "ETHUSDT", "LINKUSDT", "LTCUSDT",
    "NEARUSDT", "SOLUSDT", "SUIUSDT", "TRXUSDT", "XRPUSDT",
)  # fmt: skip


def synced_in_one_run(
    settings: TradeSettings,
    instance: dg.DagsterInstance,
    symbols: Collection[str],
    timeframes: Collection[Timeframe],
) -> tuple[Location, dg.ExecuteInProcessResult]:
    """Sync symbols without a card in one run over all of their partitions."""
    (settings.cards_dir / "averages.yaml").unlink()
    wide = replace(settings, extra_symbols=tuple(symbols), extra_timeframes=tuple(timeframes))
    location = Location(wide, instance)
    every = universe(*symbols, timeframes=timeframes)
    (whole,) = ranges_of(every, dict.fromkeys(symbols, timeframes), most_symbols=len(symbols))
    return location, location.make("raw_ohlcv", at=whole.first.key, to=whole.last.key)


def test_twenty_partitions_are_one_run(settings: TradeSettings, instance: dg.DagsterInstance):
    timeframes = [Timeframe.H12, Timeframe.D1]
    _, result = synced_in_one_run(settings, instance, SYMBOLS[:10], timeframes)
    assert result.success
    keys = {f"{symbol}|{timeframe}" for symbol in SYMBOLS[:10] for timeframe in timeframes}
    assert made(result) == {("raw_ohlcv", key) for key in keys}
    said = checks(result)
    assert said.keys() == {
        ("raw_ohlcv", check, key) for check in ("schema", "fresh", "no_gaps") for key in keys
    }
    assert all(said.values())


@pytest.mark.slow
def test_every_symbol_of_the_stand_in_at_every_timeframe_is_one_run(
    settings: TradeSettings, instance: dg.DagsterInstance
):
    # Weeks close too seldom for ten days of history to be sure of one.
    timeframes = [each for each in Timeframe if each is not Timeframe.W1]
    location, result = synced_in_one_run(settings, instance, SYMBOLS, timeframes)
    assert result.success
    assert len(made(result)) == len(SYMBOLS) * 11
    assert location.read("raw_ohlcv", "XRPUSDT|1m")["rows"] == 10 * 24 * 60


def test_a_look_at_three_hundred_symbols_is_cheap(instance: dg.DagsterInstance):
    timeframes = [Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1]
    many = universe(*(f"C{number:03}USDT" for number in range(300)), timeframes=timeframes)
    now = [parse_utc("2025-03-01") + LAG_MS]
    sensor = candle_close_sensor(many, [], now_ms=lambda: now[0])
    cursor, taken, asked = None, [], []
    for _ in range(3):
        began = time.perf_counter()
        found = sensor(dg.build_sensor_context(cursor=cursor, instance=instance))
        taken.append(time.perf_counter() - began)
        asked.append([str(PartitionRange.of_run(request.tags)) for request in found.run_requests])
        cursor = found.cursor
        now[0] += 24 * HOUR_MS
    both = ["C000USDT|1d...C149USDT|1m", "C150USDT|1d...C299USDT|1m"]
    assert asked == [both, both, both]
    # Some 50 ms; a second is what it may take.
    assert min(taken) < 1.0
