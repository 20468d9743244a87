"""Tools that close holes in stored data and answer questions in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.timeframes import Timeframe
from engine.tools.cost import CostScale, ToolCost
from engine.tools.data_quality import WhatToLookAt
from engine.tools.market import market_of
from engine.tools.plain import to_plain
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_client, market_store

if TYPE_CHECKING:
    from engine.market_data.holes import Hole
    from engine.market_data.store import HistoricalDataStore


class WhatToHeal(WhatToLookAt):
    """Which holes."""

    again: bool = Field(False, description="ask also for those the exchange had nothing for before")


class WhatToQuery(ToolInput):
    """A question in SQL."""

    sql: str = Field(description="one SELECT over the stored tables")
    limit: int = Field(100, ge=1, le=10_000, description="at most so many rows")


def heal(asked: WhatToHeal, context: ToolContext) -> dict[str, Any]:
    """Find holes between stored candles and ask the exchange for them.

    What it has not is remembered and not asked for again; healed candles are filled flat and flagged there.
    Series without a hole are not touched.
    """
    from engine.market_data.sync import MarketSync
    from engine.market_data.sync_many import sync_partitions

    store = market_store(context.settings)
    timeframes = tuple(map(Timeframe.parse, asked.timeframes))
    client = market_client(context.settings)
    if asked.again:
        store.reopen_holes(asked.symbols, context.now_ms())
    before = _holes(store, asked.symbols, timeframes)
    wanted = sorted({_partition(hole) for hole in before if not hole.is_absent}, key=lambda each: each[0])
    failed: list[dict[str, str]] = []
    if wanted:
        context.progress.start("heal", len(wanted))
        synced = sync_partitions(
            MarketSync(store, client),
            wanted,
            start_ms=context.settings.history_start_ms,
            now_ms=client.server_time_ms(),
            on_done=lambda each: context.progress.advance("heal", note=f"{each[0]} {each[1]}"),
        )
        context.progress.finish("heal")
        failed = [failure.to_plain() for failure in synced.failures]
    after = _holes(store, asked.symbols, timeframes)
    return {
        "market": market_of(store.source_identity()),
        "healed": _told(before, after),
        "failed": failed,
    }


def query(asked: WhatToQuery, context: ToolContext) -> dict[str, Any]:
    """Answer a question in SQL over the stored tables. Nothing can be changed by it."""
    store = market_store(context.settings)
    answer = store.query(asked.sql, asked.limit)
    return {
        "market": market_of(store.source_identity()),
        "columns": answer.columns,
        "rows": [[_plain(value) for value in row] for row in answer.rows],
        "is_cut": answer.is_cut,
    }


def _holes(
    store: HistoricalDataStore, symbols: tuple[str, ...], timeframes: tuple[Timeframe, ...]
) -> list[Hole]:
    from engine.market_data.tables import SeriesKind

    return [
        hole
        for kind in (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX)
        for hole in store.holes(symbols, timeframes, kind)
    ]


def _partition(hole: Hole) -> tuple[str, Timeframe]:
    assert hole.series.timeframe is not None
    return hole.series.symbol, hole.series.timeframe


def _told(before: list[Hole], after: list[Hole]) -> list[dict[str, Any]]:
    def bars(holes: list[Hole], series: object, *, absent: bool) -> int:
        return sum(hole.gap.bars for hole in holes if hole.series == series and hole.is_absent is absent)

    return [
        {
            "kind": series.kind.value,
            "symbol": series.symbol,
            "timeframe": series.timeframe_name,
            "missing_before": bars(before, series, absent=False) + bars(before, series, absent=True),
            "absent_at_exchange": bars(after, series, absent=True),
            "still_open": bars(after, series, absent=False),
        }
        for series in dict.fromkeys(hole.series for hole in before)
    ]


def _plain(value: Any) -> Any:
    try:
        return to_plain(value)
    except TypeError:
        return str(value)


TOOLS = (
    ToolSpec(
        "data.heal",
        "Find holes between stored candles and ask the exchange for them; what it has not is remembered.",
        SideEffect.WRITE,
        WhatToHeal,
        heal,
        cost=ToolCost(CostScale.SECONDS, "holes"),
    ),
    ToolSpec(
        "data.query",
        "Answer one SELECT over the stored tables; nothing can be changed by it.",
        SideEffect.READ,
        WhatToQuery,
        query,
        cost=ToolCost(CostScale.SECONDS, "rows looked at; ended after a minute"),
    ),
)
