"""Tools on what a run is made of: its trades by group, its returns by period, its drawdowns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.tools.backtest import WhatToBacktest, asked_window
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import stored_market
from engine.tools.plain import to_plain
from engine.tools.registry import SideEffect, ToolContext, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    import pandas as pd

    from engine.backtest.result import BacktestResult

type Breakdown = Literal[
    "day", "week", "month", "hour", "weekday", "exit_reason", "entry_tag", "ended_by", "direction", "drawdown"
]


class WhatToBreakDown(WhatToBacktest):
    """Which run, by what."""

    by: Breakdown = Field(description="what its rows are: periods, groups of trades, or drawdowns")
    most: int = Field(1_000, ge=1, le=100_000, description="so many rows at most, the first")


def break_down(asked: WhatToBreakDown, context: ToolContext) -> dict[str, Any]:
    """Backtest a card on stored candles and say what its result is made of. Writes nothing."""
    from engine.backtest.runner import run_card

    start_ms, end_ms = asked_window(asked.start, asked.end)
    plan = find_plan(asked.card, context.settings)
    result = run_card(plan, asked.symbol, market_store(context.settings), start_ms=start_ms, end_ms=end_ms)
    table = _table(result, asked.by)
    return {
        "market": stored_market(context.settings),
        "card_id": result.card_id,
        "card_version": result.card_version,
        "symbol": result.symbol,
        "timeframe": result.exec_timeframe,
        "run_id": result.run_id,
        "by": asked.by,
        "rows": to_plain(table.head(asked.most).to_dict("records")),
        "left_out": max(0, len(table) - asked.most),
    }


def _table(result: BacktestResult, by: Breakdown) -> pd.DataFrame:
    from engine.metrics.breakdown import TradeGroup, returns_by_period, trades_by
    from engine.metrics.calendar import Period
    from engine.metrics.drawdown import drawdown_table

    start, equity = result.starting_equity_usdt, result.equity
    if by == "drawdown":
        ts_close, curve = equity["ts_close"].to_numpy(), equity["equity_usdt"].to_numpy()
        return drawdown_table(ts_close, curve, starting_equity_usdt=start, deepest=len(equity))
    if by in ("day", "week", "month"):
        return returns_by_period(equity, result.trades, Period(by), starting_equity_usdt=start)
    return trades_by(result.trades, TradeGroup(by))


TOOLS = (
    ToolSpec(
        "backtest.breakdown",
        "Backtest a card and list its returns by period, its trades by group, or its drawdowns.",
        SideEffect.COMPUTE,
        WhatToBreakDown,
        break_down,
        cost=ToolCost(CostScale.SECONDS, "bars in the window"),
    ),
)
