"""Tools that look at stored market data: what there is, whether it is right, what was done to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import ConfigurationError, DataNotFound
from engine.timeframes import Timeframe
from engine.tools.cost import CostScale, ToolCost
from engine.tools.data_files import stored_series
from engine.tools.market import market_of
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from engine.gates.market_evidence import MarketEvidence
    from engine.market_data.store import HistoricalDataStore


class WhatToLookAt(ToolInput):
    """Which symbols and timeframes."""

    symbols: tuple[str, ...] = Field((), description="symbols; none: all that are stored")
    timeframes: tuple[str, ...] = Field((), description="timeframes; none: all that are stored")


class WhatToList(ToolInput):
    """Which lines, from the newest."""

    symbols: tuple[str, ...] = Field((), description="symbols; none: all")
    limit: int = Field(50, ge=1, le=10_000, description="the newest so many")


class WhatToJournal(WhatToList):
    """Which entries of the journal."""

    actions: tuple[str, ...] = Field((), description="refetched, absent, revised, …; none: all")


def status(asked: WhatToLookAt, context: ToolContext) -> dict[str, Any]:
    """Say what is stored: every series with its span, its rows and its missing candles."""
    store = market_store(context.settings)
    timeframes = {Timeframe.parse(name).value for name in asked.timeframes}
    coverage = store.coverage()
    if asked.symbols:
        coverage = coverage[coverage["symbol"].isin(asked.symbols)]
    if timeframes:
        coverage = coverage[coverage["timeframe"].isin(timeframes | {""})]
    now_ms = context.now_ms()
    rows = [
        {**row, "behind_bars": _behind(row["timeframe"], row["last_ts"], now_ms)}
        for row in coverage.to_dict("records")
    ]
    return {"market": market_of(store.source_identity()), "series": rows, "now_ms": now_ms}


def check(asked: WhatToLookAt, context: ToolContext) -> dict[str, Any]:
    """Hold what is stored of symbols against every gate on market data. Asks no exchange."""
    from engine.gates.market_catalogue import judge_market

    store = market_store(context.settings)
    chosen = stored_series(store, asked.symbols, tuple(map(Timeframe.parse, asked.timeframes)))
    symbols = sorted({series.symbol for series in chosen})
    absent = [symbol for symbol in asked.symbols if symbol not in symbols]
    if absent or not symbols:
        raise DataNotFound(
            f"nothing is stored of {', '.join(absent) or 'any symbol'}",
            way_out="see `trade data status` for what there is, or sync it: `trade sync`",
        )
    context.progress.start("check", len(symbols))
    checked = []
    for symbol in symbols:
        results = judge_market(_evidence(store, symbol, [each for each in chosen if each.symbol == symbol]))
        checked.append(
            {
                "symbol": symbol,
                "passed": not any(result.blocks for result in results),
                "gates": [result.to_plain() for result in results],
            }
        )
        context.progress.advance("check", note=symbol)
    context.progress.finish("check")
    return {
        "market": market_of(store.source_identity()),
        "checked": checked,
        "passed": all(each["passed"] for each in checked),
    }


def journal(asked: WhatToJournal, context: ToolContext) -> dict[str, Any]:
    """Show what was done to stored data: refetched, found absent, revised, put aside, imported."""
    from engine.market_data.journal import Action

    known = {action.value: action for action in Action}
    wrong = [name for name in asked.actions if name not in known]
    if wrong:
        raise ConfigurationError(f"{wrong[0]!r} is no action", way_out=f"use one of {', '.join(known)}")
    store = market_store(context.settings)
    entries = store.journal(asked.symbols, [known[name] for name in asked.actions], asked.limit)
    return {"market": market_of(store.source_identity()), "entries": [asdict(entry) for entry in entries]}


def quarantine(asked: WhatToList, context: ToolContext) -> dict[str, Any]:
    """Show rows that were not stored because they cannot be, with their reasons."""
    store = market_store(context.settings)
    rows = store.quarantine(asked.symbols, asked.limit)
    return {"market": market_of(store.source_identity()), "rows": [asdict(row) for row in rows]}


def _behind(timeframe: str, last_ts: int, now_ms: int) -> int | None:
    if not timeframe:
        return None
    length = Timeframe(timeframe)
    return max(0, (length.last_closed(now_ms) - last_ts) // length.ms)


def _evidence(store: HistoricalDataStore, symbol: str, chosen: list[Any]) -> MarketEvidence:
    from engine.gates.market_evidence import MarketEvidence
    from engine.market_data.tables import SeriesKind

    frames = {(each.kind, each.timeframe): store.read_series(each) for each in chosen}
    of = {
        kind: {timeframe: frame for (held, timeframe), frame in frames.items() if held is kind and timeframe}
        for kind in (SeriesKind.OHLCV, SeriesKind.MARK)
    }
    evidence = MarketEvidence(symbol, of[SeriesKind.OHLCV], of[SeriesKind.MARK])
    funding = frames.get((SeriesKind.FUNDING, None))
    return evidence if funding is None else MarketEvidence(symbol, evidence.candles, evidence.marks, funding)


TOOLS = (
    ToolSpec(
        "data.status",
        "Say what is stored: every series with its span, its rows and its missing candles.",
        SideEffect.READ,
        WhatToLookAt,
        status,
    ),
    ToolSpec(
        "data.check",
        "Hold stored data against the gates: holes, aggregates, funding spacing, jumps, marks.",
        SideEffect.READ,
        WhatToLookAt,
        check,
        cost=ToolCost(CostScale.SECONDS, "stored rows"),
    ),
    ToolSpec(
        "data.journal",
        "Show what was done to stored data: refetched, absent at the exchange, revised, put aside, imported.",
        SideEffect.READ,
        WhatToJournal,
        journal,
    ),
    ToolSpec(
        "data.quarantine",
        "Show rows that were not stored because they cannot be, with their reasons.",
        SideEffect.READ,
        WhatToList,
        quarantine,
    ),
)
