"""The sensor that keeps partitions current: closed candles start the runs that carry them down to decisions.

Looks at the clock and at the runs there are. Asking the exchange is the work of a run: a sensor has a minute,
for everything.

https://docs.dagster.io/guides/automate/sensors
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import replace

import dagster as dg

from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.assets.cards import card_group, card_keys
from trade_assets.assets.market import GROUP, MARKET_KEYS, RAW_OHLCV_KEY
from trade_assets.due import RETRY_EVERY_MS, Due, Memory, due, latest_close
from trade_assets.partitions import Universe
from trade_assets.ranges import PartitionRange, ranges_of
from trade_assets.run_outcomes import outcome_of

# The exchange publishes a closed candle a moment after the close.
LAG_MS = 10_000
_LOOKS_EVERY_S = 30

# Starting a run takes about three seconds. So the symbols of a few cards get a run each, which fails for
# itself, and hundreds share this many; symbols that are only synced are so many to a run.
_MOST_CARD_RUNS = 12
_SYNCED_TOGETHER = 150


def candle_close_sensor(
    universe: Universe,
    plans: Collection[CardPlan],
    *,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> dg.SensorDefinition:
    """Return the sensor `candle_close`: when candles close, a few runs sync them and make what they change.

    A symbol that cards trade is carried down to its decisions, over all timeframes that have closed; of the
    others `raw_ohlcv` is synced, many in one run. After a pause there is one run and not one per candle
    missed, since a sync fetches whatever is new. What is due, what waits and what is tried again: `due.py`.
    A detail timeframe is due when an exec candle of its cards closes, and not for each of its own.

    It is stopped until somebody starts it in the UI: once started it asks an exchange every quarter of an
    hour, for as long as the daemon runs, and that is not something opening a UI should do by itself.
    """

    paces = paces_of(plans, universe.timeframes)
    sync_only = [dg.AssetKey(list(RAW_OHLCV_KEY))]
    down_to_decisions = [dg.AssetKey(list(key)) for key in _card_run_keys(plans)]

    @dg.sensor(
        name="candle_close",
        target=dg.AssetSelection.groups(GROUP, *(card_group(plan) for plan in plans)),
        minimum_interval_seconds=_LOOKS_EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Runs what a newly closed candle changes, {LAG_MS // 1000} seconds after its close.",
    )
    def candle_close(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        memory, now = Memory.parse(context.cursor), now_ms()
        outcome = outcome_of(context.instance, universe, memory.asked, now_ms=now)
        found = due(universe, paces, memory, outcome, now - LAG_MS)
        of_cards = {symbol: each for symbol, each in found.partitions.items() if symbol in universe.of_cards}
        others = {symbol: each for symbol, each in found.partitions.items() if symbol not in of_cards}
        requests = [
            each.request(of=_occasion(each, universe, found), asset_keys=keys, priority=priority)
            for wanted, keys, most, priority in (
                (of_cards, down_to_decisions, symbols_per_run(universe.of_cards), 1),
                (others, sync_only, _SYNCED_TOGETHER, 0),
            )
            for each in ranges_of(universe, wanted, most_symbols=most)
        ]
        asked = (*found.memory.asked, *(str(request.run_key) for request in requests))
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _why_nothing(found.memory),
            cursor=replace(found.memory, asked=asked).to_cursor(),
        )

    return candle_close


def paces_of(plans: Collection[CardPlan], timeframes: Collection[Timeframe]) -> dict[Timeframe, Timeframe]:
    """Return, by timeframe, the one whose closes bring it work.

    That is its own; for one on which cards only fill their orders it is the smallest exec timeframe of those
    cards, which read it no sooner.
    """
    looked_at = {each for plan in plans for each in plan.card.timeframes.roles().values()}
    filled_on: dict[Timeframe, Timeframe] = {}
    for plan in plans:
        detail, executes = plan.card.timeframes.detail, plan.card.timeframes.exec
        if detail is not None and detail not in looked_at:
            filled_on[detail] = min(executes, filled_on.get(detail, executes))
    return {timeframe: filled_on.get(timeframe, timeframe) for timeframe in timeframes}


def symbols_per_run(symbols: Collection[str]) -> int:
    """Return how many of `symbols` runs put together that make more than the sync."""
    return max(1, math.ceil(len(symbols) / _MOST_CARD_RUNS))


def _occasion(covered: PartitionRange, universe: Universe, found: Due) -> str:
    """Return what a run is for: the newest close it brings, and which attempt at it this is.

    It is part of the run's key, by which Dagster starts a run once only, also after a daemon that was killed
    between asking and remembering.
    """
    timeframes = set(covered.timeframes_in(universe))
    wanted = [
        timeframe
        for symbol in covered.symbols_in(universe)
        for timeframe in found.partitions[symbol]
        if timeframe in timeframes
    ]
    close = latest_close(wanted, found.memory)
    again = found.again & set(covered.symbols_in(universe))
    return f"{close}|again {found.memory.failed_at_ms // RETRY_EVERY_MS}" if again else str(close)


def _card_run_keys(plans: Collection[CardPlan]) -> list[tuple[str, ...]]:
    of_cards = (
        key for plan in plans for key in card_keys(plan, plan.card.timeframes.all_timeframes().values())
    )
    return list(dict.fromkeys((*MARKET_KEYS, *of_cards)))


def _why_nothing(memory: Memory) -> str:
    told = "no candle has closed since the last look"
    if memory.waiting:
        told += f"; {len(memory.waiting)} partitions wait for the runs that are busy with them"
    if memory.failed:
        names = ", ".join(sorted(each.key for each in memory.failed)[:5])
        told += f"; {len(memory.failed)} partitions are tried again soon: {names}"
    return told
