"""One order before the risk manager: everything a check may look at, and what the order would come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from engine.exchange.trading.orders import ZERO, OrderSide
from engine.live.risk.exposure import (
    OpeningOrder,
    SymbolExposure,
    exposures,
    opening_orders,
    order_price,
)
from engine.live.risk.limits import RiskLimits
from engine.live.risk.record import RiskRecord
from engine.live.risk.view import AccountView, OrderIntent

HUNDRED = Decimal(100)


def exact(number: float) -> Decimal:
    """Return a limit as it is written: 0.15 and not the binary fraction next to it."""
    return Decimal(str(number))


@dataclass(frozen=True)
class Case:
    """An order that opens, in a market and an account that are certain.

    Parameters
    ----------
    intent : OrderIntent
        The order.
    view : AccountView
        The account.
    record : RiskRecord
        What is remembered, this view included.
    limits : RiskLimits
        What is allowed.
    now_ms : int
        UTC epoch milliseconds.
    equity, price : Decimal
        USDT: of the account; the greater of the symbol's last and mark price.
    after : mapping of SymbolExposure
        By symbol: what the account may come to if the order is sent.
    """

    intent: OrderIntent
    view: AccountView
    record: RiskRecord
    limits: RiskLimits
    now_ms: int
    equity: Decimal
    price: Decimal
    after: dict[str, SymbolExposure] = field(repr=False)

    @classmethod
    def of(
        cls, intent: OrderIntent, view: AccountView, record: RiskRecord, limits: RiskLimits, now_ms: int
    ) -> Self | None:
        """Return the case; None if equity or a price is not known."""
        request = intent.request
        price = view.price_of(request.symbol)
        if view.wallet is None or price is None:
            return None
        standing = opening_orders(view, record.in_flight, without=request.order_link_id)
        asked = OpeningOrder(request.symbol, request.side, request.size, order_price(request))
        after = exposures(view.positions, (*standing, asked), view)
        if after is None:
            return None
        return cls(intent, view, record, limits, now_ms, view.wallet.equity, price, after)

    @property
    def symbol(self) -> str:
        """Of the order."""
        return self.intent.request.symbol

    @property
    def direction(self) -> int:
        """Of the order: +1 buys, -1 sells."""
        return 1 if self.intent.request.side is OrderSide.BUY else -1

    @property
    def own(self) -> SymbolExposure:
        """What the order's symbol may come to."""
        return self.after[self.symbol]

    @property
    def order_notional(self) -> Decimal:
        """Of the order alone, at the greatest price in question, USDT."""
        return self.intent.request.size * max(self.price, order_price(self.intent.request) or ZERO)

    @property
    def total_notional(self) -> Decimal:
        """Of all symbols, longs and shorts added up, USDT."""
        return sum((each.notional for each in self.after.values()), ZERO)
