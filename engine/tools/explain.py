"""Tools that say why: a card's rules at a moment, and what opened and closed the trades of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.errors import ConfigurationError
from engine.timeframes import parse_utc
from engine.tools.backtest import WhatToBacktest, asked_window
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    import pandas as pd

    from engine.backtest.prepare import PreparedFrame

type RuleName = Literal["entry_long", "exit_long", "entry_short", "exit_short"]

_MOST_TRADES = 1000
_LEVELS = ("stop_price", "target_price", "liquidation_price")
_SHORT = (
    "trade_id", "direction", "entry_tag", "ts_entry", "entry_price", "ts_exit", "exit_price", "exit_reason",
    "exit_tag", "net_pnl_usdt", "r_multiple", "bars_held",
)  # fmt: skip


class WhatMoment(WhatToBacktest):
    """Which card, on what, when."""

    at: str = Field(description="the moment (UTC), as 2025-01-31T12:00; the last bar that had closed by then")
    rule: RuleName | None = Field(None, description="only this rule; none: all of the card")


class WhatTrade(WhatToBacktest):
    """Which trade of which run."""

    trade: int = Field(description="the trade's number, as in the report and in trades.parquet", ge=0)


class WhatTrades(WhatToBacktest):
    """The trades of which run."""

    most: int = Field(100, description="so many trades at most, the first", ge=1, le=_MOST_TRADES)


def explain_moment(asked: WhatMoment, context: ToolContext) -> dict[str, Any]:
    """Say what a card's rules were at a moment: every leaf with its values, and what decided."""
    from engine.backtest.reasons import Reasons

    prepared = _prepared(asked, context)
    if prepared.plan.strategy is not None:
        raise ConfigurationError(
            f"the signals of card {prepared.plan.card.id} come from Python: there are no rules to explain",
            way_out="look at its trades: explain.trades",
        )
    reasons = Reasons(prepared)
    moment = reasons.moment(reasons.bar_at(parse_utc(asked.at)))
    rules = [rule for rule in moment.rules if asked.rule in (None, rule.rule)]
    if not rules:
        there = ", ".join(rule.rule for rule in moment.rules)
        raise ConfigurationError(
            f"card {prepared.plan.card.id} has no {asked.rule}", way_out=f"use one of {there}"
        )
    held = moment.position
    return {
        **_named(prepared, context),
        "bar": moment.bar,
        "ts_close": moment.ts_close,
        "position": None
        if held is None
        else {
            "direction": held.direction.name.lower(),
            "trade_id": held.trade_id,
            **held.values,
            **{level: getattr(held, level) for level in _LEVELS},
        },
        "rules": rules,
        "entries_admitted": moment.entries_admitted,
    }


def explain_trade(asked: WhatTrade, context: ToolContext) -> dict[str, Any]:
    """Say what opened and what closed a trade: the rules then, the levels, the fills, what it paid."""
    from engine.backtest.detail_report import simulated
    from engine.backtest.frames import fills_frame, funding_frame, trades_frame
    from engine.backtest.reasons import Reasons

    prepared = _prepared(asked, context)
    output = simulated(prepared)
    tags = [prepared.plan.tags]
    trades = trades_frame(output.trades, tags)
    found = trades.index[trades["trade_id"] == asked.trade]
    if not len(found):
        raise ConfigurationError(
            f"the run has no trade {asked.trade}",
            way_out=f"its trades are 0 to {len(trades) - 1}" if len(trades) else "it has no trades at all",
        )
    number = int(found[0])
    trade = trades.iloc[number].to_dict()
    fills, funding = fills_frame(output.fills, tags), funding_frame(output.payments)
    risk = float(output.trades[number].risk_distance)
    side = 1 if trade["direction"] == "long" else -1
    return {
        **_named(prepared, context),
        "trade": trade,
        "first_stop_price": trade["entry_price"] - side * risk,
        "reasons": Reasons(prepared).trade(output, number),
        "fills": _rows(fills[fills["trade_id"] == asked.trade]),
        "funding": _rows(funding[funding["trade_id"] == asked.trade]),
    }


def explain_trades(asked: WhatTrades, context: ToolContext) -> dict[str, Any]:
    """List the trades of a run: what opened and what closed each."""
    from engine.backtest.detail_report import simulated
    from engine.backtest.frames import trades_frame
    from engine.metrics.tags import tag_breakdown

    prepared = _prepared(asked, context)
    trades = trades_frame(simulated(prepared).trades, [prepared.plan.tags])
    return {
        **_named(prepared, context),
        "trades": _rows(trades[list(_SHORT)].head(asked.most)),
        "count": len(trades),
        "tags": tag_breakdown(trades),
    }


def _prepared(asked: WhatToBacktest, context: ToolContext) -> PreparedFrame:
    from engine.backtest.runner import prepare_from_store

    start_ms, end_ms = asked_window(asked.start, asked.end)
    plan = find_plan(asked.card, context.settings)
    store = market_store(context.settings)
    return prepare_from_store(plan, asked.symbol, store, start_ms=start_ms, end_ms=end_ms)


def _named(prepared: PreparedFrame, context: ToolContext) -> dict[str, Any]:
    card = prepared.plan.card
    return {
        "market": stored_market(context.settings),
        "card_id": card.id,
        "card_version": card.version,
        "symbol": prepared.symbol,
        "exec_timeframe": str(card.timeframes.exec),
        "window": prepared.window,
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


TOOLS = (
    ToolSpec(
        "explain.moment",
        "Say what the rules of a card were at a moment: every condition with its values, and which decided.",
        SideEffect.COMPUTE,
        WhatMoment,
        explain_moment,
        cost=ToolCost(CostScale.SECONDS, "bars in the window"),
    ),
    ToolSpec(
        "explain.trade",
        "Say why a trade of a card's backtest was entered and left: rules, levels, fills, funding.",
        SideEffect.COMPUTE,
        WhatTrade,
        explain_trade,
        cost=ToolCost(CostScale.SECONDS, "bars in the window"),
    ),
    ToolSpec(
        "explain.trades",
        "List the trades of a card's backtest: what opened and what closed each, and the sums by tag.",
        SideEffect.COMPUTE,
        WhatTrades,
        explain_trades,
        cost=ToolCost(CostScale.SECONDS, "bars in the window"),
    ),
)
