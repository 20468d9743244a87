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
from engine.timeframes import MINUTE_MS, Timeframe
from trade_assets.assets.cards import card_group
from trade_assets.assets.market import GROUP
from trade_assets.partitions import Universe
from trade_assets.ranges import keys_to_make, ranges_of

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
    whatever is new. Where several timeframes close at once, the largest has the highest priority, and the
    runs of a symbol follow each other: a backtest reads the higher timeframes.

    It is stopped until somebody starts it in the UI: once started it asks an exchange every quarter of an
    hour, for as long as the daemon runs, and that is not something opening a UI should do by itself.
    """

    @dg.sensor(
        name="candle_close",
        target=dg.AssetSelection.groups(GROUP, *(card_group(plan) for plan in plans)),
        minimum_interval_seconds=_LOOKS_EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Runs what a newly closed candle changes, {LAG_MS // 1000} seconds after its close.",
    )
    def candle_close(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        done = _read_cursor(context.cursor)
        closed = _newly_closed(universe.timeframes, done, now_ms() - LAG_MS)
        if not closed or not universe.symbols:
            return dg.SkipReason("no candle has closed since the last look")
        most = symbols_per_run(universe)
        requests = [
            each.request(
                of=close,
                asset_keys=keys_to_make(plans, [timeframe]),
                priority=timeframe.ms // MINUTE_MS,
            )
            for timeframe, close in closed.items()
            for each in ranges_of(universe, universe.symbols, [timeframe], most_symbols=most)
        ]
        moved = done | {str(each): close for each, close in closed.items()}
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(moved, sort_keys=True))

    return candle_close


def _newly_closed(timeframes: Collection[Timeframe], done: dict[str, int], now: int) -> dict[Timeframe, int]:
    """Return the close of each timeframe that has closed since `done`."""
    closes = {each: each.floor(now) for each in timeframes}
    return {each: close for each, close in closes.items() if close > done.get(str(each), 0)}


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
