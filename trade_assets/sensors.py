"""Sensors: closed candles start the runs that carry them down to the decisions.

Looks at the clock only. Asking the exchange is the work of the run: a sensor has a minute, for everything.

https://docs.dagster.io/guides/automate/sensors
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection

import dagster as dg

from engine.strategies.card_plan import CardPlan
from engine.timeframes import MINUTE_MS
from trade_assets.assets.cards import card_group
from trade_assets.assets.market import GROUP, MARKET_KEYS
from trade_assets.partitions import Universe
from trade_assets.passes import Pass, passes_of
from trade_assets.ranges import ranges_of

# The exchange publishes a closed candle a moment after the close.
LAG_MS = 10_000
_LOOKS_EVERY_S = 30

# Starting a run takes about three seconds. So a few symbols get a run each, which fails for itself, and
# hundreds share this many.
_MOST_RUNS = 12


def candle_close_sensor(
    universe: Universe,
    plans: Collection[CardPlan],
    *,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> dg.SensorDefinition:
    """Return the sensor `candle_close`: when a candle closes, a run per symbol makes what it changes.

    The cursor holds, per timeframe, the close up to which runs were asked for; it moves on only with all the
    requests of a look. After a pause there is one run and not one per candle missed, since a sync fetches
    whatever is new. Where several timeframes close at once, detail timeframes have the highest priority and
    then the largest, and the runs of a symbol follow each other: a backtest reads all of its card's. A detail
    timeframe has a run when an exec candle of its cards closes, and not for each of its own.

    It is stopped until somebody starts it in the UI: once started it asks an exchange every quarter of an
    hour, for as long as the daemon runs, and that is not something opening a UI should do by itself.
    """

    passes = passes_of(plans, universe.timeframes)

    @dg.sensor(
        name="candle_close",
        target=dg.AssetSelection.groups(GROUP, *(card_group(plan) for plan in plans)),
        minimum_interval_seconds=_LOOKS_EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Runs what a newly closed candle changes, {LAG_MS // 1000} seconds after its close.",
    )
    def candle_close(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        done = _read_cursor(context.cursor)
        closed = _newly_closed(passes, done, now_ms() - LAG_MS)
        if not closed or not universe.symbols:
            return dg.SkipReason("no candle has closed since the last look")
        most = symbols_per_run(universe)
        requests = [
            each.request(
                of=f"{close}|detail" if step.is_detail else close,
                asset_keys=_keys_of(step),
                priority=_priority(step, universe),
            )
            for step, close in closed
            for each in ranges_of(universe, universe.symbols, [step.timeframe], most_symbols=most)
        ]
        moved = done | {_cursor_name(step): close for step, close in closed}
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(moved, sort_keys=True))

    return candle_close


def _newly_closed(passes: Collection[Pass], done: dict[str, int], now: int) -> list[tuple[Pass, int]]:
    """Return the passes there is new work for since `done`, each with the close that brings it."""
    closes = [(step, step.pace.floor(now)) for step in passes]
    return [(step, close) for step, close in closes if close > done.get(_cursor_name(step), 0)]


def _cursor_name(step: Pass) -> str:
    return f"{step.timeframe} detail" if step.is_detail else str(step.timeframe)


def _keys_of(step: Pass) -> list[dg.AssetKey]:
    keys = [*MARKET_KEYS, *(key for keys in step.keys.values() for key in keys)]
    return [dg.AssetKey(list(key)) for key in keys]


def _priority(step: Pass, universe: Universe) -> int:
    largest_ms = universe.timeframes[0].ms if step.is_detail else 0
    return (largest_ms + step.timeframe.ms) // MINUTE_MS


def _read_cursor(cursor: str | None) -> dict[str, int]:
    """Return the closes in a cursor; one that cannot be read counts as none, and everything is run once."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: close for name, close in found.items() if isinstance(close, int)}


def symbols_per_run(universe: Universe) -> int:
    """Return how many symbols automatic runs put together."""
    return max(1, math.ceil(len(universe.symbols) / _MOST_RUNS))
