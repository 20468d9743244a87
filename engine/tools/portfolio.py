"""The tool that runs portfolios: several cards and symbols on one wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.tools.backtest import asked_window
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTFOLIOS_FOLDER = "portfolios"
_TASK = "portfolio"
_RUN_DIGITS = 12


class WhatToRunTogether(ToolInput):
    """Which cards, on what, with how much, and how many positions at once."""

    cards: tuple[str, ...] = Field(
        min_length=1, description="ids or YAML files, in the order of priority: the first before all others"
    )
    symbols: tuple[str, ...] = Field(
        (), description="the symbols each card trades, in the order of priority; none: each card its own"
    )
    starting_equity_usdt: float = Field(gt=0, description="of the wallet they share")
    max_open_positions: int | None = Field(
        None, ge=1, description="how many positions there may be at once; none: one for each card and symbol"
    )
    start: str | None = Field(None, description="first moment (UTC), as 2025-01-31; none: all there is")
    end: str | None = Field(None, description="end of the window (UTC), not included")


def run_portfolio(asked: WhatToRunTogether, context: ToolContext) -> dict[str, Any]:
    """Run cards on stored candles, on one wallet; write the artifacts and answer with a line per member."""
    from engine.backtest.artifacts import reachable_base, write_artifacts
    from engine.backtest.portfolio import PortfolioEngine, prepare_portfolio
    from engine.backtest.portfolio_result import measure_portfolio

    _refuse_repeated("card", asked.cards)
    _refuse_repeated("symbol", asked.symbols)
    start_ms, end_ms = asked_window(asked.start, asked.end)
    context.progress.start(_TASK, 3)
    plans = [find_plan(name, context.settings) for name in asked.cards]
    market = stored_market(context.settings)
    prepared = prepare_portfolio(
        plans, asked.symbols, market_store(context.settings), start_ms=start_ms, end_ms=end_ms
    )
    context.progress.advance(_TASK, note="prepared")
    result = PortfolioEngine().run(
        prepared,
        starting_equity_usdt=asked.starting_equity_usdt,
        max_open_positions=asked.max_open_positions,
    )
    metrics = measure_portfolio(result)
    context.progress.advance(_TASK, note="simulated")
    name = f"{result.exec_timeframe}_{result.run_id[:_RUN_DIGITS]}"
    folder = reachable_base(context.settings.artifacts_uri) / PORTFOLIOS_FOLDER / name
    write_artifacts(result, folder)
    context.progress.advance(_TASK, note="written")
    context.progress.finish(_TASK)
    return {
        "market": market,
        **result.summary(),
        "metrics": metrics.to_plain(),
        "highest_open_positions": int(result.equity["open_positions"].max()),
        "folder": str(folder),
    }


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigurationError(
            f"{what} {', '.join(repeated)} is named more than once", way_out=f"name each {what} once"
        )


TOOLS = (
    ToolSpec(
        "portfolio.run",
        "Backtest several cards and symbols on one wallet with shared capital, and write the artifacts.",
        SideEffect.COMPUTE,
        WhatToRunTogether,
        run_portfolio,
        cost=ToolCost(CostScale.SECONDS, "cards x symbols x bars in the window"),
    ),
)
