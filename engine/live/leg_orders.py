"""The orders of a leg: what is sent for what a card wants."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.exchange.trading.contract_rules import ContractRules
from engine.exchange.trading.order_ids import order_link_id
from engine.exchange.trading.orders import (
    OrderKind,
    OrderRequest,
    OrderSide,
    TimeInForce,
    TriggerDirection,
)
from engine.live.twin import EntryWish, TwinAccount
from engine.sim.state import EntryKind
from engine.sim.state import TimeInForce as CardTimeInForce

_TIMES = {
    CardTimeInForce.GTC: TimeInForce.GTC,
    CardTimeInForce.IOC: TimeInForce.IOC,
    CardTimeInForce.FOK: TimeInForce.FOK,
    CardTimeInForce.POST_ONLY: TimeInForce.POST_ONLY,
}


@dataclass(frozen=True)
class SentOrder:
    """An order that was sent, or is about to be.

    Attributes
    ----------
    order_link_id : str
    ts_close : int
        The close it was decided at.
    sent_ms : int
    size, filled : float
        Base coin.
    attempt : int
        How many of its name were over before it.
    """

    order_link_id: str
    ts_close: int
    sent_ms: int
    size: float
    filled: float = 0.0
    attempt: int = 0


def entry_request(
    wish: EntryWish, twin: TwinAccount, rules: ContractRules, system_hash: str, ts_close: int
) -> tuple[OrderRequest | None, str]:
    """Return the order that enters, with its stop and its only target attached; or None and why not.

    Stop and target are those the position would have if it filled at the price it was decided at.
    """
    size, reject = twin.size_of_entry(wish.price)
    if reject is not None:
        return None, reject.name.lower()
    expected = twin.expected(wish.price, size)
    if expected is None or not math.isfinite(expected.position.stop_price):
        return None, "no_stop_distance"
    request = OrderRequest(
        rules.symbol,
        OrderSide.BUY if wish.side > 0 else OrderSide.SELL,
        OrderKind.MARKET,
        rules.nearest_size(size),
        order_link_id(system_hash, rules.symbol, ts_close, "entry"),
        stop_loss=rules.nearest_price(float(expected.position.stop_price)),
        take_profit=attached_target(expected, rules),
    )
    at = rules.nearest_price(wish.price)
    if twin.entry_kind is EntryKind.LIMIT:
        held_for = _TIMES[CardTimeInForce(int(twin.rules.time_in_force))]
        request = replace(request, kind=OrderKind.LIMIT, price=at, time_in_force=held_for)
    elif twin.entry_kind is EntryKind.STOP:
        direction = TriggerDirection.RISE if wish.side > 0 else TriggerDirection.FALL
        request = replace(request, trigger_price=at, trigger_direction=direction)
    return request, ""


def exit_request(held: Decimal, symbol: str, system_hash: str, ts_close: int, attempt: int) -> OrderRequest:
    """Return the order that closes what is held (below 0 a short)."""
    return OrderRequest(
        symbol,
        OrderSide.SELL if held > 0 else OrderSide.BUY,
        OrderKind.MARKET,
        abs(held),
        order_link_id(system_hash, symbol, ts_close, "exit", attempt),
        reduce_only=True,
    )


def target_request(
    rung: int, twin: TwinAccount, rules: ContractRules, system_hash: str, ts_close: int, attempt: int
) -> OrderRequest:
    """Return the resting order of one target that is left."""
    price, size = twin.targets()[rung]
    return OrderRequest(
        rules.symbol,
        OrderSide.SELL if twin.position.direction > 0 else OrderSide.BUY,
        OrderKind.LIMIT,
        rules.nearest_size(size),
        order_link_id(system_hash, rules.symbol, ts_close, f"target{rung + 1}", attempt),
        price=rules.nearest_price(price),
        reduce_only=True,
    )


def attaches_target(twin: TwinAccount) -> bool:
    """Whether the only target is a market order for all: the exchange takes it with the stop."""
    rules = twin.rules
    return int(rules.target_count) == 1 and not rules.target_limits[0] and rules.target_portions[0] >= 1.0


def attached_target(twin: TwinAccount, rules: ContractRules) -> Decimal | None:
    """Return the target that goes with the stop; None if there is none."""
    targets = twin.targets()
    return rules.nearest_price(targets[0][0]) if targets and attaches_target(twin) else None


def rung_of(name: str) -> int | None:
    """Return of which target an order is, by its name; None if it is of none."""
    number = name.partition("-target")[2].partition("-")[0]
    return int(number) - 1 if number.isdigit() else None


def attempt_of(name: str) -> int:
    """Return the attempt in an order's name."""
    last = name.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
