"""Tools on orders: look, place, amend, cancel. What is placed or amended passes the risk manager first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.errors import DataNotFound
from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.trading import (
    MaybeSymbol,
    OfSymbol,
    OrderName,
    SinceOfSymbol,
    SymbolName,
    account_of,
    by_hand,
    since_ms,
    whose,
)

if TYPE_CHECKING:
    from engine.exchange.trading.manager import ExchangeManager
    from engine.exchange.trading.orders import OrderRequest

_PAGES = ToolCost(CostScale.SECONDS, "days x what happened on them")
_SENT = ToolCost(CostScale.SECONDS)


class WhichOrder(ToolInput):
    """One order."""

    symbol: SymbolName = Field(description="as BTCUSDT")
    name: OrderName = Field(description="its name (order link id)")


class WhatToPlace(ToolInput):
    """An order. Prices in USDT, the size in base coin, both on the instrument's steps (orders.rules)."""

    symbol: SymbolName = Field(description="as BTCUSDT")
    side: Literal["buy", "sell"] = Field(description="buy opens or adds to a long, sell a short")
    size: Decimal = Field(description="base coin", gt=0)
    price: Decimal | None = Field(None, description="the limit; none: at market", gt=0)
    trigger_price: Decimal | None = Field(
        None, description="wait until the last price reaches this: a conditional order", gt=0
    )
    time_in_force: Literal["GTC", "IOC", "FOK", "PostOnly"] = Field("GTC", description="of a limit order")
    reduce_only: bool = Field(False, description="may only make the position smaller")
    stop_loss: Decimal | None = Field(None, description="of the position it opens", gt=0)
    take_profit: Decimal | None = Field(None, description="of the position it opens", gt=0)
    name: OrderName | None = Field(
        None, description="its name: the same name never becomes a second order; none: a new one"
    )


class WhatToAmend(WhichOrder):
    """Changes of an order; what is none stays."""

    price: Decimal | None = Field(None, description="the limit", gt=0)
    size: Decimal | None = Field(None, description="the whole size, with what has traded", gt=0)
    trigger_price: Decimal | None = Field(None, description="of a conditional order", gt=0)


def list_open(asked: MaybeSymbol, context: ToolContext) -> dict[str, Any]:
    """List the orders that may still trade, the stops and targets of positions among them."""
    manager = account_of(context)
    return {**whose(manager), "orders": manager.open_orders(asked.symbol)}


def history(asked: SinceOfSymbol, context: ToolContext) -> dict[str, Any]:
    """List the orders that are over."""
    manager = account_of(context)
    orders = manager.order_history(asked.symbol, since_ms=since_ms(asked, manager))
    return {**whose(manager), "days": asked.days, "orders": [each for each in orders if not each.is_open]}


def find(asked: WhichOrder, context: ToolContext) -> dict[str, Any]:
    """Show an order, open or not."""
    manager = account_of(context)
    order = manager.order(asked.symbol, asked.name)
    if order is None:
        raise DataNotFound(
            f"{manager.session.base_url} has no order {asked.name} of {asked.symbol}",
            way_out="orders.list and orders.history show which there are; one that was cancelled without a "
            "fill is forgotten after a day",
        )
    return {**whose(manager), "order": order}


def fills(asked: SinceOfSymbol, context: ToolContext) -> dict[str, Any]:
    """List fills and funding payments."""
    manager = account_of(context)
    executions = manager.executions(asked.symbol, since_ms=since_ms(asked, manager))
    return {**whose(manager), "days": asked.days, "fills": executions}


def rules(asked: OfSymbol, context: ToolContext) -> dict[str, Any]:
    """Show the steps and bounds of a symbol's orders, and its present prices."""
    manager = account_of(context)
    return {
        **whose(manager),
        "rules": manager.instrument(asked.symbol),
        "prices": manager.ticker(asked.symbol),
    }


def place(asked: WhatToPlace, context: ToolContext) -> dict[str, Any]:
    """Place an order, if the risk manager lets it."""
    with by_hand(context) as trader:
        request = _request(asked, trader.manager, context.now_ms())
        placed = trader.place(request)
        name, ack = request.order_link_id, placed.ack
        return {**whose(trader.manager), "name": name, "ack": ack, "order": placed.report}


def _request(asked: WhatToPlace, manager: ExchangeManager, now_ms: int) -> OrderRequest:
    from engine.exchange.trading.orders import OrderKind, OrderRequest, OrderSide, TimeInForce
    from engine.live.by_hand import hand_name, trigger_direction

    trigger = asked.trigger_price
    direction = None if trigger is None else trigger_direction(trigger, manager.ticker(asked.symbol).last)
    return OrderRequest(
        asked.symbol,
        OrderSide.BUY if asked.side == "buy" else OrderSide.SELL,
        OrderKind.MARKET if asked.price is None else OrderKind.LIMIT,
        asked.size,
        asked.name or hand_name(asked.symbol, now_ms),
        price=asked.price,
        trigger_price=trigger,
        trigger_direction=direction,
        time_in_force=TimeInForce(asked.time_in_force),
        reduce_only=asked.reduce_only,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
    )


def amend(asked: WhatToAmend, context: ToolContext) -> dict[str, Any]:
    """Change an open order, if the risk manager lets what it becomes."""
    with by_hand(context) as trader:
        order = trader.amend(
            asked.symbol, asked.name, price=asked.price, size=asked.size, trigger_price=asked.trigger_price
        )
        return {**whose(trader.manager), "name": asked.name, "order": order}


def cancel(asked: WhichOrder, context: ToolContext) -> dict[str, Any]:
    """Cancel an order; tell whether it was still open."""
    with by_hand(context) as trader:
        outcome = trader.cancel(asked.symbol, asked.name)
        return {**whose(trader.manager), "name": asked.name, "outcome": outcome}


def cancel_all(asked: MaybeSymbol, context: ToolContext) -> dict[str, Any]:
    """Cancel open orders of a symbol or of the account; stops and targets of positions stay."""
    with by_hand(context) as trader:
        cancelled = trader.cancel_all(asked.symbol)
        return {**whose(trader.manager), "symbol": asked.symbol, "cancelled": cancelled}


TOOLS = (
    ToolSpec(
        "orders.list",
        "List open orders, the stops and targets of positions among them.",
        SideEffect.READ,
        MaybeSymbol,
        list_open,
    ),
    ToolSpec(
        "orders.history", "List orders that are over.", SideEffect.READ, SinceOfSymbol, history, cost=_PAGES
    ),
    ToolSpec("orders.find", "Show an order by its name, open or not.", SideEffect.READ, WhichOrder, find),
    ToolSpec(
        "orders.fills", "List fills and funding payments.", SideEffect.READ, SinceOfSymbol, fills, cost=_PAGES
    ),
    ToolSpec(
        "orders.rules",
        "Show tick, size step and bounds of a symbol's orders, and its present prices.",
        SideEffect.READ,
        OfSymbol,
        rules,
    ),
    ToolSpec(
        "orders.place",
        "Place a market, limit or conditional order on the account, if the risk manager allows it.",
        SideEffect.TRADE,
        WhatToPlace,
        place,
        cost=_SENT,
    ),
    ToolSpec(
        "orders.amend",
        "Change price, size or trigger of an open order, if the risk manager allows it.",
        SideEffect.TRADE,
        WhatToAmend,
        amend,
        cost=_SENT,
    ),
    ToolSpec("orders.cancel", "Cancel an open order.", SideEffect.TRADE, WhichOrder, cancel, cost=_SENT),
    ToolSpec(
        "orders.cancel_all",
        "Cancel all open orders of a symbol or of the account; stops and targets of positions stay.",
        SideEffect.TRADE,
        MaybeSymbol,
        cancel_all,
        cost=_SENT,
        is_destructive=True,
    ),
)
