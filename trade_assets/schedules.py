"""Schedules: the list of symbols and the whole market once a day.

https://docs.dagster.io/guides/automate/schedules
"""

from __future__ import annotations

import dagster as dg

from trade_assets.assets.listed_symbols import LISTED_SYMBOLS_KEY
from trade_assets.assets.market import GROUP, MARKET_KEYS
from trade_assets.partitions import Universe
from trade_assets.ranges import ranges_of
from trade_assets.sensors import symbols_per_run

# Twenty minutes after the daily candle: out of the way of everybody who asks at midnight.
DAILY_CRON = "20 0 * * *"


# Before the market is synced, so that what is delisted is not asked for.
LISTING_CRON = "10 0 * * *"


def daily_listing_schedule() -> dg.ScheduleDefinition:
    """Return the schedule `daily_listing`: what the exchange lists, once a day. Stopped as the others."""
    return dg.ScheduleDefinition(
        name="daily_listing",
        target=dg.AssetSelection.assets(list(LISTED_SYMBOLS_KEY)),
        cron_schedule=LISTING_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Looks which symbols are new and which are retired.",
    )


def daily_sync_schedule(universe: Universe) -> dg.ScheduleDefinition:
    """Return the schedule `daily_sync`: every symbol that trades at every timeframe.

    It keeps what no candle close touches: the healed candles, events and rules of symbols without a card, and
    looks at every partition once, whatever became of the runs of the day. Stopped
    until it is started in the UI, for the reason given at `sensors.candle_close_sensor`.
    """

    @dg.schedule(
        name="daily_sync",
        target=dg.AssetSelection.groups(GROUP),
        cron_schedule=DAILY_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Syncs and heals every symbol at every timeframe.",
    )
    def daily_sync(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        day = context.scheduled_execution_time.date().isoformat()
        keys = [dg.AssetKey(list(key)) for key in MARKET_KEYS]
        wanted = dict.fromkeys(universe.traded, universe.timeframes) if universe.timeframes else {}
        ranges = ranges_of(universe, wanted, most_symbols=symbols_per_run(wanted))
        return [each.request(of=day, asset_keys=keys) for each in ranges]

    return daily_sync
