"""Tools on backtests: run one from the store, without Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.timeframes import parse_utc
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import MarketKind, stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.reports import RUNS_FOLDER
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from engine.backtest.result import BacktestResult

_RUN_DIGITS = 12


class WhatToBacktest(ToolInput):
    """Which card, on what."""

    card: str = Field(description="the card's id, or a YAML file")
    symbol: str = Field(description="the symbol, as BTCUSDT")
    start: str | None = Field(None, description="first moment (UTC), as 2025-01-31; none: all there is")
    end: str | None = Field(None, description="end of the window (UTC), not included")


def asked_window(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Return a window in UTC ms, None where it is open.

    Raises
    ------
    ConfigurationError
        If a moment is none, or the window is empty.
    """
    start_ms = None if start is None else parse_utc(start)
    end_ms = None if end is None else parse_utc(end)
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise ConfigurationError(
            f"the window is empty: it starts {start} and ends {end}",
            way_out="give a start before the end",
        )
    return start_ms, end_ms


def report_of_run(result: BacktestResult) -> str:
    """Return where the report of a run is, below the base of the artifacts, in a folder of the run's own."""
    name = f"{result.symbol}_{result.exec_timeframe}_{result.run_id[:_RUN_DIGITS]}"
    return f"{RUNS_FOLDER}/{result.card_id}/{name}/report.html"


def run_backtest(asked: WhatToBacktest, context: ToolContext) -> dict[str, Any]:
    """Backtest a card on stored candles; write its artifacts and its report.

    The gates judge the result, and nothing is entered in the ledger: that is the pipeline's to do.
    """
    from engine.backtest.artifacts import reachable_base, write_artifacts
    from engine.backtest.measure import measure
    from engine.backtest.runner import run_card
    from engine.metrics.tags import tag_breakdown
    from engine.promotion.policy import decide_run
    from engine.reports.html import write_report

    start_ms, end_ms = asked_window(asked.start, asked.end)
    context.progress.start("backtest", 3)
    plan = find_plan(asked.card, context.settings)
    market = stored_market(context.settings)
    store = market_store(context.settings)
    result = run_card(plan, asked.symbol, store, start_ms=start_ms, end_ms=end_ms)
    context.progress.advance("backtest", note="simulated")
    metrics = measure(result)
    decision = decide_run(result, metrics, plan.card.promotion, decided_at_ms=context.now_ms())
    context.progress.advance("backtest", note="measured")
    report = reachable_base(context.settings.artifacts_uri) / report_of_run(result)
    folder = report.parent
    write_artifacts(result, folder)
    candles = store.read_ohlcv(result.symbol, result.exec_timeframe, *result.window)
    generated = market.kind is MarketKind.GENERATED
    write_report(result, metrics, decision, candles, report, generated=generated)
    context.progress.advance("backtest", note="written")
    context.progress.finish("backtest")
    return {
        "market": market,
        **result.summary(),
        "metrics": metrics.to_plain(),
        "tags": tag_breakdown(result.trades),
        "decision": decision.decision,
        "refused_by": decision.refused_by,
        "folder": str(folder),
        "report": str(report),
    }


TOOLS = (
    ToolSpec(
        "backtest.run",
        "Backtest a card on stored candles of one symbol, and write its artifacts and an HTML report.",
        SideEffect.COMPUTE,
        WhatToBacktest,
        run_backtest,
        cost=ToolCost(CostScale.SECONDS, "bars in the window"),
    ),
)
