"""Tools on the account as a whole: balance, results, book of cash, fees, and what it has to be set to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.trading import OfSymbol, Since, SinceOfSymbol, account_of, since_ms, whose

_PAGES = ToolCost(CostScale.SECONDS, "days x what happened on them")


class WhatToPrepare(ToolInput):
    """Beside isolated margin and one-way mode."""

    disconnect_cancel_s: int | None = Field(
        None, description="cancel all orders so long after the private stream is lost", ge=3, le=300
    )


def show(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Tell balance, equity, what orders may use, the margin mode, and how the clocks differ."""
    manager = account_of(context)
    return {
        **whose(manager),
        "clock_offset_ms": manager.clock_offset_ms(),
        "wallet": manager.wallet(),
        "settings": manager.account_info(),
        "positions": len(manager.positions()),
        "open_orders": len(manager.open_orders()),
    }


def results(asked: SinceOfSymbol, context: ToolContext) -> dict[str, Any]:
    """Tell what was closed, and what it brought."""
    manager = account_of(context)
    closed = manager.closed_pnl(since_ms(asked, manager), asked.symbol)
    return {
        **whose(manager),
        "days": asked.days,
        "closed": closed,
        "pnl_usdt": sum((each.pnl for each in closed), Decimal(0)),
        "fees_usdt": sum((each.fees for each in closed), Decimal(0)),
        "won": sum(each.pnl > 0 for each in closed),
    }


def transactions(asked: Since, context: ToolContext) -> dict[str, Any]:
    """Tell every change of the balance."""
    manager = account_of(context)
    log = manager.transaction_log(since_ms(asked, manager))
    return {
        **whose(manager),
        "days": asked.days,
        "transactions": log,
        "change_usdt": sum((each.change for each in log), Decimal(0)),
        "fees_usdt": sum((each.fee for each in log), Decimal(0)),
        "funding_usdt": sum((each.funding for each in log), Decimal(0)),
    }


def fees(asked: OfSymbol, context: ToolContext) -> dict[str, Any]:
    """Tell what trading a symbol costs this account."""
    manager = account_of(context)
    return {**whose(manager), "rates": manager.fee_rates(asked.symbol)}


def prepare(asked: WhatToPrepare, context: ToolContext) -> dict[str, Any]:
    """Set isolated margin and one-way mode; and disconnect-cancel, where it is asked for and offered."""
    manager = account_of(context)
    manager.set_isolated_margin()
    manager.set_one_way()
    seconds = asked.disconnect_cancel_s
    offered = None if seconds is None else manager.disconnect_cancel(seconds)
    return {**whose(manager), "settings": manager.account_info(), "disconnect_cancel_offered": offered}


TOOLS = (
    ToolSpec(
        "account.show",
        "Show the account: balance, equity, what orders may use, margin mode.",
        SideEffect.READ,
        NoInput,
        show,
    ),
    ToolSpec(
        "account.results",
        "List closed positions with their PnL, and the sum.",
        SideEffect.READ,
        SinceOfSymbol,
        results,
        cost=_PAGES,
    ),
    ToolSpec(
        "account.transactions",
        "List every change of the balance: trades, fees, funding, transfers.",
        SideEffect.READ,
        Since,
        transactions,
        cost=_PAGES,
    ),
    ToolSpec(
        "account.fees",
        "Show the taker and maker fee of a symbol for this account.",
        SideEffect.READ,
        OfSymbol,
        fees,
    ),
    ToolSpec(
        "account.prepare",
        "Set the account to isolated margin and one-way mode, as everything here needs it.",
        SideEffect.TRADE,
        WhatToPrepare,
        prepare,
    ),
)
