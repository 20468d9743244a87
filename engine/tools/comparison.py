"""Tools on comparisons: several cards over the same stretch of a symbol's history."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from engine.hashing import hash_of
from engine.tools.backtest import asked_window
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import MarketKind, stored_market
from engine.tools.plain import to_plain
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

COMPARISONS_FOLDER = "comparisons"
_TASK = "compare"
_NAME_DIGITS = 12


class WhatToCompare(ToolInput):
    """Which cards, on what."""

    cards: tuple[str, ...] = Field(min_length=2, description="two cards or more: ids, or YAML files")
    symbol: str = Field(description="the symbol, as BTCUSDT")
    start: str | None = Field(None, description="first moment (UTC), as 2025-01-31; none: all there is")
    end: str | None = Field(None, description="end of the window (UTC), not included")


def compare_cards(asked: WhatToCompare, context: ToolContext) -> dict[str, Any]:
    """Backtest several cards on stored candles of one symbol, and write a report that compares them."""
    from engine.backtest.artifacts import reachable_base
    from engine.backtest.measure import measure
    from engine.backtest.runner import run_card
    from engine.reports.comparison import MeasuredRun, daily_correlation, write_comparison

    start_ms, end_ms = asked_window(asked.start, asked.end)
    plans = [find_plan(card, context.settings) for card in dict.fromkeys(asked.cards)]
    market, store = stored_market(context.settings), market_store(context.settings)
    context.progress.start(_TASK, len(plans))
    runs = []
    for plan in plans:
        result = run_card(plan, asked.symbol, store, start_ms=start_ms, end_ms=end_ms)
        runs.append(MeasuredRun(result, measure(result)))
        context.progress.advance(_TASK, note=plan.card.id)
    context.progress.finish(_TASK)
    identity = hash_of([run.result.run_id for run in runs])[:_NAME_DIGITS]
    report = (
        reachable_base(context.settings.artifacts_uri)
        / COMPARISONS_FOLDER
        / f"{asked.symbol}_{identity}.html"
    )
    write_comparison(runs, report, generated=market.kind is MarketKind.GENERATED)
    return {
        "market": market,
        "symbol": asked.symbol,
        "runs": [
            {
                "card_id": run.result.card_id,
                "card_version": run.result.card_version,
                "timeframe": run.result.exec_timeframe,
                "run_id": run.result.run_id,
                "window": run.result.window,
                "metrics": run.metrics.to_plain(),
            }
            for run in runs
        ],
        "daily_correlation": to_plain(daily_correlation(runs).to_numpy().tolist()),
        "report": str(report),
    }


TOOLS = (
    ToolSpec(
        "backtest.compare",
        "Backtest several cards on stored candles of one symbol, and write an HTML report comparing them.",
        SideEffect.COMPUTE,
        WhatToCompare,
        compare_cards,
        cost=ToolCost(CostScale.SECONDS, "cards x bars in the window"),
    ),
)
