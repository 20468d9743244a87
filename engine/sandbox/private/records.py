"""What an account remembers of the past."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine.sandbox.private.order import Order
from engine.sandbox.private.position import Closing
from engine.sandbox.private.terms import CreateType, ExecutionType, OrderType, Side


@dataclass(frozen=True)
class Execution:
    """One execution, or one funding payment.

    Attributes
    ----------
    fee : Decimal
        USDT; above 0 is paid. Of funding, the payment.
    leaves : Decimal
        What of the order is left after it, in base coin.
    closing : Closing
        What it closed.
    cash : Decimal
        The wallet balance after it, in USDT.
    position_size : Decimal
        Base coin held after it, below 0 for a short.
    """

    execution_id: str
    order: Order
    symbol: str
    side: Side
    kind: ExecutionType
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_rate: Decimal
    is_maker: bool
    leaves: Decimal
    mark_price: Decimal
    closing: Closing
    created_by: CreateType
    cash: Decimal
    position_size: Decimal
    sequence: int
    ts_ms: int

    @property
    def change(self) -> Decimal:
        """By how much it changed the wallet balance, in USDT."""
        return self.closing.pnl - self.fee


@dataclass(frozen=True)
class ClosedPosition:
    """What one order closed of a position, all its executions together.

    Attributes
    ----------
    side : Side
        Of the closing order.
    """

    symbol: str
    order_id: str
    kind: OrderType
    side: Side
    order_size: Decimal
    order_price: Decimal
    execution_kind: ExecutionType
    leverage: Decimal
    closing: Closing
    fill_count: int
    created_ms: int
    updated_ms: int
