"""An order: what was asked for, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from engine.sandbox.private.accounting import ZERO
from engine.sandbox.private.terms import (
    CancelType,
    CreateType,
    OrderStatus,
    OrderType,
    PriceKind,
    RejectReason,
    Side,
    StopOrderType,
    TimeInForce,
)


@dataclass(frozen=True)
class Bracket:
    """A stop loss and a take profit with the prices that trigger them; None: there is none."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss_by: PriceKind = PriceKind.LAST
    take_profit_by: PriceKind = PriceKind.LAST

    @property
    def is_empty(self) -> bool:
        """Whether there is neither."""
        return self.stop_loss is None and self.take_profit is None


NO_BRACKET = Bracket()


@dataclass(frozen=True)
class Ticket:
    """What is asked for: an order in the terms of its instrument.

    Attributes
    ----------
    size : Decimal
        Base coin, above 0.
    price : Decimal, optional
        USDT; of a limit order.
    trigger_price : Decimal, optional
        USDT; of a conditional order, with the direction in which it must be reached.
    """

    symbol: str
    side: Side
    kind: OrderType
    size: Decimal
    link_id: str = ""
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_on_trigger: bool = False
    trigger_price: Decimal | None = None
    triggers_above: bool = False
    trigger_by: PriceKind = PriceKind.LAST
    bracket: Bracket = NO_BRACKET
    stop_type: StopOrderType = StopOrderType.NONE
    created_by: CreateType = CreateType.USER

    @property
    def is_tied(self) -> bool:
        """Whether it is the stop loss or the take profit of a whole position."""
        return self.stop_type in (StopOrderType.STOP_LOSS, StopOrderType.TAKE_PROFIT)


@dataclass
class Order:
    """An order and its state; only its account changes it.

    Attributes
    ----------
    ticket : Ticket
        What is asked for, as amended.
    last_price_on_created : Decimal
        The last price when it came.
    filled : Decimal
        Base coin.
    market_price_limit : Decimal, optional
        USDT: how far a market order may reach.
    is_in_book : bool
        Whether it stands in the book, waiting for its price.
    fill_share : Decimal, optional
        How much of it the first execution takes, where that was scripted.
    waits_until_ms : int
        Until when it stays as it is, after such an execution.
    filled_value, paid_fee, closed_pnl : Decimal
        USDT.
    """

    order_id: str
    ticket: Ticket
    created_ms: int
    last_price_on_created: Decimal
    status: OrderStatus = OrderStatus.NEW
    updated_ms: int = field(default=0)
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    paid_fee: Decimal = ZERO
    closed_pnl: Decimal = ZERO
    cancel_type: CancelType = CancelType.UNKNOWN
    reject_reason: RejectReason = RejectReason.NONE
    market_price_limit: Decimal | None = None
    is_in_book: bool = False
    fill_share: Decimal | None = None
    waits_until_ms: int = 0

    @property
    def leaves(self) -> Decimal:
        """What is still to be filled, in base coin."""
        return self.ticket.size - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """The mean price of its executions."""
        return self.filled_value / self.filled if self.filled else None
