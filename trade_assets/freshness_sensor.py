"""The sensor that says which partitions have fallen behind, also where no run does anything.

A run's own verdict is about the moment of its sync; a partition falls behind when no run comes. So this looks
at the store and at the clock, and records the check `fresh` wherever the verdict has changed. It starts no
run and asks no exchange.

https://docs.dagster.io/guides/test/data-freshness-testing
"""

# No `from __future__ import annotations` here: Dagster finds the resource by its annotation, as a type.

import json
import time
from collections.abc import Callable

import dagster as dg

from engine.errors import TradeError
from engine.market_data.store import HistoricalDataStore
from engine.market_data.tables import SeriesKind
from engine.timeframes import Timeframe
from trade_assets.assets.market import RAW_OHLCV_KEY, freshness
from trade_assets.candle_age import is_fresh
from trade_assets.checks import FRESH, evaluation, newest_materialization
from trade_assets.partitions import Partition, Universe
from trade_assets.resources import MarketDatabase

_LOOKS_EVERY_S = 300

# Each verdict is a write to Dagster's event log; the others follow at the next look.
_MOST_VERDICTS = 300


def freshness_sensor(
    universe: Universe, *, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
) -> dg.SensorDefinition:
    """Return the sensor `freshness`: a verdict for each partition that fell behind or caught up.

    The cursor holds the partitions that are behind. Retired symbols are not looked at, and what was never
    synced shows in the UI as missing. Stopped until it is started: over a stand-in whose clock stands still,
    everything is behind.
    """
    raw, traded = dg.AssetKey(list(RAW_OHLCV_KEY)), set(universe.traded)

    @dg.sensor(
        name="freshness",
        minimum_interval_seconds=_LOOKS_EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Records which partitions have fallen behind, and which have caught up.",
    )
    def look(
        context: dg.SensorEvaluationContext, market_database: MarketDatabase
    ) -> dg.SensorResult | dg.SkipReason:
        now = now_ms()
        try:
            newest = _newest_candles(market_database.store())
        except TradeError as error:
            return dg.SkipReason(f"the store cannot be read: {error.problem}")
        known = {
            partition: last
            for partition, last in newest.items()
            if partition.symbol in traded and partition.timeframe in universe.timeframes
        }
        before = _read_cursor(context.cursor)
        behind = {each for each, last in known.items() if not is_fresh(last, each.timeframe, now)}
        changed = sorted(behind ^ (before & known.keys()), key=lambda each: each.key)[:_MOST_VERDICTS]
        events = [
            evaluation(
                dg.AssetCheckKey(raw, FRESH),
                partition,
                freshness(known[partition], partition.timeframe, now),
                newest_materialization(context.instance, raw, partition),
            )
            for partition in changed
        ]
        told = (before & known.keys()) ^ set(changed)
        return dg.SensorResult(
            asset_events=events,
            skip_reason=f"{len(behind)} of {len(known)} partitions are behind; {len(events)} new verdicts",
            cursor=json.dumps(sorted(each.key for each in told)),
        )

    return look


def _newest_candles(store: HistoricalDataStore) -> dict[Partition, int]:
    coverage = store.coverage()
    candles = coverage[coverage["kind"] == SeriesKind.OHLCV.value]
    rows = zip(candles["symbol"], candles["timeframe"], candles["last_ts"], strict=True)
    return {Partition(symbol, Timeframe(timeframe)): int(last) for symbol, timeframe, last in rows}


def _read_cursor(cursor: str | None) -> set[Partition]:
    """Return the partitions in a cursor; none if it cannot be read, and all verdicts are given again."""
    try:
        return set(map(Partition.parse, json.loads(cursor or "[]")))
    except (ValueError, TypeError, TradeError):
        return set()
