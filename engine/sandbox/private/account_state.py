"""The state of one account, and the figures that follow from it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from engine.sandbox.private import accounting
from engine.sandbox.private.accounting import ZERO
from engine.sandbox.private.order import Order, Ticket
from engine.sandbox.private.position import Position
from engine.sandbox.private.records import ClosedPosition, Execution
from engine.sandbox.private.terms import MarginMode, OrderStatus, Side, Topic

STARTING_BALANCE_USDT = Decimal(10_000)
_PUSHES_KEPT = 4_000


@dataclass(frozen=True)
class FeeRates:
    """Fractions of an execution's value; the defaults are Bybit's for VIP 0."""

    taker: Decimal = Decimal("0.00055")
    maker: Decimal = Decimal("0.0002")


@dataclass(frozen=True)
class Push:
    """One thing the private stream tells of an account."""

    sequence: int
    topic: Topic
    row: dict[str, Any]
    ts_ms: int


@dataclass(frozen=True)
class DelayedTicket:
    """An order that was acknowledged and meets the market at `due_ms` only."""

    order_id: str
    ticket: Ticket
    due_ms: int


@dataclass
class AccountState:
    """One account: its money, positions and orders, and what it remembers.

    Attributes
    ----------
    key : str
        The API key it is reached by.
    cash : Decimal
        The wallet balance in USDT.
    margin_mode : MarginMode
        The sandbox reckons in isolated margin only, and takes no order in another.
    dcp_window_s : int, optional
        After so many seconds without a watched private connection the orders are cancelled.
    watched_connections : int
        How many private connections subscribe to the topic of that protection.
    gone_since_ms : int, optional
        Since when there is none of them left, where there was one.
    """

    key: str
    user_id: int
    cash: Decimal = STARTING_BALANCE_USDT
    rates: FeeRates = FeeRates()
    margin_mode: MarginMode = MarginMode.ISOLATED
    mode_updated_ms: int = 0
    dcp_window_s: int | None = None
    watched_connections: int = 0
    gone_since_ms: int | None = None
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    open_orders: dict[str, Order] = field(default_factory=dict)
    by_link: dict[str, Order] = field(default_factory=dict)
    delayed: list[DelayedTicket] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    closed: dict[str, ClosedPosition] = field(default_factory=dict)
    pushes: deque[Push] = field(default_factory=lambda: deque(maxlen=_PUSHES_KEPT))
    pushed: int = 0
    sequence: int = 0

    def position(self, symbol: str) -> Position:
        """Return the position of a symbol, flat if there is none."""
        return self.positions.get(symbol) or Position(symbol)

    def held(self) -> list[Position]:
        """Return the positions that are not flat, by symbol."""
        return [self.positions[symbol] for symbol in sorted(self.positions) if self.positions[symbol].size]

    def open_of(self, symbol: str) -> list[Order]:
        """Return the open orders of a symbol, oldest first."""
        return [order for order in self.open_orders.values() if order.ticket.symbol == symbol]

    def tied_to(self, symbol: str) -> list[Order]:
        """Return the open stop loss and take profit of a position."""
        return [order for order in self.open_of(symbol) if order.ticket.is_tied]

    def position_margin(self) -> Decimal:
        """Return the margin of all positions in USDT: initial, fees to close, added."""
        return sum((position.margin(self.rates.taker) for position in self.held()), ZERO)

    def order_margin(self) -> Decimal:
        """Return what the orders in the book hold back in USDT; what only closes a position is free."""
        return sum((cost for symbol in self._symbols_in_book() for cost in self._costs(symbol)), ZERO)

    def available(self) -> Decimal:
        """Return what new orders may take: the wallet less all margins, under isolated margin."""
        return max(ZERO, self.cash - self.position_margin() - self.order_margin())

    def opening_part(self, symbol: str, side: Side, size: Decimal) -> Decimal:
        """Return how much of another order of that size would open, beyond what closes the position."""
        position = self.position(symbol)
        if side is position.side or position.is_flat:
            return size
        queued = sum(
            (
                order.leaves
                for order in self.open_of(symbol)
                if order.is_in_book and order.ticket.side is side and not order.ticket.reduce_only
            ),
            ZERO,
        )
        return min(size, max(ZERO, size + queued - position.size))

    def next_id(self) -> str:
        """Return a new id, the same in every run."""
        self.sequence += 1
        digest = hashlib.sha256(f"{self.key}/{self.sequence}".encode()).digest()
        return str(UUID(bytes=digest[:16], version=4))

    def push(self, topic: Topic, row: dict[str, Any], now_ms: int) -> None:
        """Note what the private stream has to tell."""
        self.pushed += 1
        self.pushes.append(Push(self.pushed, topic, row, now_ms))

    def pushes_after(self, sequence: int) -> list[Push]:
        """Return what was noted after the push of that number, oldest first."""
        unseen = islice(reversed(self.pushes), self.pushed - sequence)
        return list(unseen)[::-1]

    def _symbols_in_book(self) -> list[str]:
        return sorted({order.ticket.symbol for order in self.open_orders.values() if order.is_in_book})

    def _costs(self, symbol: str) -> Iterator[Decimal]:
        position = self.position(symbol)
        for side in Side:
            closable = position.size if side is position.side.opposite else ZERO
            for order in self.open_of(symbol):
                ticket = order.ticket
                if not order.is_in_book or ticket.side is not side or ticket.reduce_only:
                    continue
                opening = max(ZERO, order.leaves - closable)
                closable = max(ZERO, closable - order.leaves)
                price = ticket.price or order.last_price_on_created
                yield accounting.order_cost(side, opening, price, position.leverage, self.rates.taker)


def end(state: AccountState, order: Order, status: OrderStatus, now_ms: int) -> None:
    """Give an order its last status and take it off the open ones."""
    order.status, order.updated_ms, order.is_in_book = status, now_ms, False
    state.open_orders.pop(order.order_id, None)
