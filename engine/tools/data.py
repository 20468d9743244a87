"""Tools on market data: sync them from the exchange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.settings import TradeSettings
from engine.timeframes import Timeframe
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import market_of
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_client, market_store


class WhatToSync(ToolInput):
    """Which series to fetch; without a choice it is what the cards and the settings name."""

    symbols: tuple[str, ...] = Field((), description="symbols, as BTCUSDT; none: those of all cards")
    timeframes: tuple[str, ...] = Field((), description="timeframes, as 15m; none: those of all cards")
    index: bool = Field(False, description="index klines too, which no card reads")


def sync(asked: WhatToSync, context: ToolContext) -> dict[str, Any]:
    """Fetch closed candles, mark klines, funding, open interest and rules, from the last stored on.

    A symbol the exchange does not list or serve does not stop the others; an exchange that does not answer
    stops all.
    """
    from engine.market_data.sync import USUAL_KINDS, MarketSync
    from engine.market_data.sync_many import Partition, sync_partitions
    from engine.market_data.sync_report import SyncProgress
    from engine.market_data.tables import SeriesKind

    symbols, timeframes = _chosen(asked, context.settings)
    store, client = market_store(context.settings), market_client(context.settings)
    partitions = [(symbol, timeframe) for symbol in symbols for timeframe in sorted(timeframes, reverse=True)]

    def tell(partition: Partition, step: SyncProgress) -> None:
        note = f"{partition[0]} {partition[1]}, {step.rows} rows of {step.series.kind.value}"
        context.progress.advance("sync", 0, note=note)

    def count(partition: Partition) -> None:
        context.progress.advance("sync", note=f"{partition[0]} {partition[1]}")

    context.progress.start("sync", len(partitions))
    synced = sync_partitions(
        MarketSync(store, client),
        partitions,
        start_ms=context.settings.history_start_ms,
        now_ms=client.server_time_ms(),
        kinds=USUAL_KINDS | {SeriesKind.INDEX} if asked.index else USUAL_KINDS,
        on_step=tell,
        on_done=count,
    )
    context.progress.finish("sync")
    return {
        "market": market_of(store.source_identity()),
        "synced": [report.to_plain() for report in synced.reports],
        "failed": [failure.to_plain() for failure in synced.failures],
    }


def _chosen(asked: WhatToSync, settings: TradeSettings) -> tuple[Sequence[str], Sequence[Timeframe]]:
    symbols, timeframes = asked.symbols, tuple(map(Timeframe.parse, asked.timeframes))
    if not symbols or not timeframes:
        from engine.idea_card.load import load_cards
        from engine.market_data.universe import wanted_series

        wanted = wanted_series(settings, load_cards(settings.cards_dir).cards.values())
        symbols, timeframes = symbols or wanted.traded, timeframes or wanted.timeframes
    if not symbols or not timeframes:
        raise ConfigurationError(
            f"no card in {settings.cards_dir} names a symbol and a timeframe",
            way_out="mend the cards (`trade cards validate`), or say which: --symbol BTCUSDT --timeframe 15m",
        )
    return symbols, timeframes


TOOLS = (
    ToolSpec(
        "data.sync",
        "Fetch closed candles, mark klines, funding, open interest and instrument rules from the exchange.",
        SideEffect.WRITE,
        WhatToSync,
        sync,
        cost=ToolCost(CostScale.MINUTES, "series x candles not yet stored"),
    ),
)
