"""What the private stream is told when something changes."""

from __future__ import annotations

from engine.sandbox.private.account_state import AccountState
from engine.sandbox.private.order import Order
from engine.sandbox.private.quotes import Quotes
from engine.sandbox.private.records import Execution
from engine.sandbox.private.rows import (
    execution_message_row,
    order_message_row,
    position_message_row,
    wallet_row,
)
from engine.sandbox.private.terms import Topic


def tell_order(state: AccountState, order: Order, quotes: Quotes) -> None:
    """Tell how an order stands; its position is told of too, changed or not, as Bybit does."""
    state.push(Topic.ORDER, order_message_row(order, quotes), quotes.now_ms)


def tell_execution(state: AccountState, execution: Execution, quotes: Quotes) -> None:
    """Tell of an execution."""
    state.push(Topic.EXECUTION, execution_message_row(execution, quotes), quotes.now_ms)


def tell_position(state: AccountState, symbol: str, quotes: Quotes) -> None:
    """Tell how the position of a symbol stands."""
    row = position_message_row(state, state.position(symbol), quotes)
    state.push(Topic.POSITION, row, quotes.now_ms)


def tell_wallet(state: AccountState, quotes: Quotes) -> None:
    """Tell how the wallet stands."""
    state.push(Topic.WALLET, wallet_row(state, quotes), quotes.now_ms)
