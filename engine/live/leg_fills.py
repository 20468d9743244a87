"""What the exchange has filled, as a line of the journal: with the reason in the simulator's words."""

from __future__ import annotations

from typing import Any

from engine.exchange.trading.orders import ExecutionKind, ExecutionReport, OrderSide
from engine.live.account_book import AccountBook
from engine.live.leg_orders import rung_of
from engine.live.twin import TwinAccount
from engine.sim.state import FillReason

ENTRY, FUNDING, FOREIGN = "entry", "funding", "foreign"
"""Reasons beside those of exits: what opened, what was paid, and what no order of ours did."""


def fill_of(told: ExecutionReport, twin: TwinAccount, book: AccountBook, *, is_ours: bool) -> dict[str, Any]:
    """Return a fill or a funding payment as a line of the journal.

    Parameters
    ----------
    told : ExecutionReport
    twin : TwinAccount
        The position's record before it.
    book : AccountBook
        What kinds of bracket orders were of.
    is_ours : bool
        Whether the run has sent the order: an earlier run may have traded the symbol, and so may people.
    """
    reason, rung = _reason_of(told, twin, book, is_ours)
    return {
        "ts_ms": told.ts_ms,
        "execution_id": told.execution_id,
        "order_id": told.order_id,
        "order_link_id": told.order_link_id,
        "side": told.side.value.lower(),
        "price": float(told.price),
        "size": float(told.size),
        "fee": float(told.fee),
        "is_maker": told.is_maker,
        "kind": told.kind.value,
        "reason": reason,
        "rung": rung,
    }


def _reason_of(told: ExecutionReport, twin: TwinAccount, book: AccountBook, is_ours: bool) -> tuple[str, int]:
    """Return what a fill was of, by its order, and which target."""
    link, direction = told.order_link_id, int(twin.position.direction)
    if told.kind is ExecutionKind.FUNDING:
        return FUNDING, -1
    if is_ours and "-entry" in link:
        return ENTRY, -1
    if direction in (0, 1 if told.side is OrderSide.BUY else -1):
        return FOREIGN, -1
    if told.kind is ExecutionKind.BUST_TRADE:
        return _named(FillReason.LIQUIDATION), -1
    if is_ours and "-exit" in link:
        return _named(FillReason(int(twin.position.pending_exit) or int(FillReason.SIGNAL))), -1
    rung = rung_of(link) if is_ours else None
    if rung is not None:
        return _named(FillReason.TAKE_PROFIT), rung
    kind = book.stop_order_type(told.order_id)
    if kind == "TakeProfit":
        return _named(FillReason.TAKE_PROFIT), 0
    if kind == "StopLoss" or not link:
        return _named(twin.stop_reason_now()), -1
    return _named(FillReason.SIGNAL), -1


def _named(reason: FillReason) -> str:
    return reason.name.lower()
