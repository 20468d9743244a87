"""Tools on positions: look, move stop and target, set leverage, add margin, close."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolSpec
from engine.tools.trading import OfSymbol, account_of, by_hand, whose

_SENT = ToolCost(CostScale.SECONDS)


class WhatBracket(OfSymbol):
    """Stop and target of a position; what is none stays."""

    stop_loss: Decimal | None = Field(None, description="USDT; 0 takes it away", ge=0)
    take_profit: Decimal | None = Field(None, description="USDT; 0 takes it away", ge=0)


class WhatLeverage(OfSymbol):
    """A leverage."""

    leverage: Decimal = Field(description="from 1 to the limit of risk.yaml", ge=1, le=100)


class WhatMargin(OfSymbol):
    """Margin for a position."""

    amount_usdt: Decimal = Field(description="below 0 takes added margin away")


def list_open(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """List the positions that are open, with their stops and what they are worth."""
    manager = account_of(context)
    return {**whose(manager), "positions": manager.positions()}


def show(asked: OfSymbol, context: ToolContext) -> dict[str, Any]:
    """Show the position of a symbol, flat or not, with its leverage."""
    manager = account_of(context)
    return {**whose(manager), "position": manager.position(asked.symbol)}


def set_bracket(asked: WhatBracket, context: ToolContext) -> dict[str, Any]:
    """Move stop and target of a position."""
    if asked.stop_loss is None and asked.take_profit is None:
        raise ConfigurationError(
            f"nothing to change on the position of {asked.symbol}",
            way_out="give stop_loss, take_profit or both",
        )
    with by_hand(context) as trader:
        trader.set_bracket(asked.symbol, stop_loss=asked.stop_loss, take_profit=asked.take_profit)
        manager = trader.manager
        return {**whose(manager), "position": manager.position(asked.symbol)}


def set_leverage(asked: WhatLeverage, context: ToolContext) -> dict[str, Any]:
    """Set the leverage of a symbol, within the risk manager's limit."""
    with by_hand(context) as trader:
        trader.set_leverage(asked.symbol, asked.leverage)
        manager = trader.manager
        return {**whose(manager), "position": manager.position(asked.symbol)}


def add_margin(asked: WhatMargin, context: ToolContext) -> dict[str, Any]:
    """Add margin to a position, which moves its liquidation price away."""
    with by_hand(context) as trader:
        trader.add_margin(asked.symbol, asked.amount_usdt)
        manager = trader.manager
        return {**whose(manager), "position": manager.position(asked.symbol)}


def close(asked: OfSymbol, context: ToolContext) -> dict[str, Any]:
    """Close the position of a symbol at market."""
    with by_hand(context) as trader:
        orders = trader.close(asked.symbol)
        manager = trader.manager
        return {**whose(manager), "orders": orders, "position": manager.position(asked.symbol)}


TOOLS = (
    ToolSpec(
        "positions.list",
        "List open positions with entry, mark, stop, target, liquidation price and PnL.",
        SideEffect.READ,
        NoInput,
        list_open,
    ),
    ToolSpec("positions.show", "Show the position of one symbol.", SideEffect.READ, OfSymbol, show),
    ToolSpec(
        "positions.set_bracket",
        "Set, move or take away the stop and target of a position, at the exchange.",
        SideEffect.TRADE,
        WhatBracket,
        set_bracket,
        cost=_SENT,
    ),
    ToolSpec(
        "positions.set_leverage",
        "Set the leverage of a symbol, within the limit of the risk manager.",
        SideEffect.TRADE,
        WhatLeverage,
        set_leverage,
        cost=_SENT,
    ),
    ToolSpec(
        "positions.add_margin",
        "Add margin to an isolated position, or take added margin away.",
        SideEffect.TRADE,
        WhatMargin,
        add_margin,
        cost=_SENT,
    ),
    ToolSpec(
        "positions.close",
        "Close the position of a symbol at market.",
        SideEffect.TRADE,
        OfSymbol,
        close,
        cost=_SENT,
        is_destructive=True,
    ),
)
