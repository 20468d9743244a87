"""The fill that opens a position or makes it larger."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.bracket import set_targets, stop_price_of
from engine.sim.closing import drop_order, tradable, write_fill
from engine.sim.fees import impact, market_fill_price, trading_fee
from engine.sim.margin import order_cost, size_for_cost, tier_index
from engine.sim.position_rules import note_entry
from engine.sim.records import MAX_TARGETS, BarValues, Books, Floats, Records
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.settlement import lock_margin
from engine.sim.state import DistanceKind, EntryKind, FillReason, RejectReason, TimeInForce

# Numba takes plain integers fastest; the names stay those of the enums.
_ENTRY, _ADD = int(FillReason.ENTRY), int(FillReason.ADD)
_NO_DISTANCE, _LIMIT = int(DistanceKind.NONE), int(EntryKind.LIMIT)
_IOC, _FOK = int(TimeInForce.IOC), int(TimeInForce.FOK)
_NO_STOP_DISTANCE, _NO_VOLUME = int(RejectReason.NO_STOP_DISTANCE), int(RejectReason.NO_VOLUME)
_STOP_BELOW_ZERO, _NOT_IN_FULL = int(RejectReason.STOP_BELOW_ZERO), int(RejectReason.NOT_IN_FULL)
_INSUFFICIENT_MARGIN = int(RejectReason.INSUFFICIENT_MARGIN)
_BELOW_MIN_QTY, _BELOW_MIN_NOTIONAL = int(RejectReason.BELOW_MIN_QTY), int(RejectReason.BELOW_MIN_NOTIONAL)
_ABOVE_MAX_QTY, _ABOVE_TIER = int(RejectReason.ABOVE_MAX_QTY), int(RejectReason.ABOVE_TIER_LEVERAGE)
_NO_SLOT = int(RejectReason.MAX_OPEN_POSITIONS)


@compiled_inline
def fill_entry(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    ts: int,
    reference_price: float,
    is_maker: int,
    books: Books,
) -> None:
    """Open the position or add to it, as far as balance, rules and volume allow."""
    side = position.order_side
    allowed = tradable(rules, bar)
    price = reference_price
    if is_maker == 0:
        rate = rules.slippage_rate + impact(
            rules.impact_rate, min(position.order_quantity, allowed), bar.volume
        )
        price = market_fill_price(reference_price, side, rate, rules.tick_size)
        if rules.entry_kind == _LIMIT and side * (price - position.order_price) > 0.0:
            price = position.order_price
    wanted = affordable(wallet, position, rules, price)
    size = wanted
    if wanted > allowed:
        size = floor_to_step(allowed, rules.qty_step)
        if rules.entry_kind == _LIMIT and rules.time_in_force == _FOK:
            refuse(position, books, _NOT_IN_FULL)
            return
    rests = size < wanted and rules.entry_kind == _LIMIT and rules.time_in_force != _IOC
    if size < wanted and size < rules.min_qty:
        if not rests:
            refuse(position, books, _NO_VOLUME)
        return
    reject = entry_reject(wallet, position, rules, tiers, size, price)
    if reject >= 0:
        refuse(position, books, reject)
        return
    entry_price = price
    if position.direction != 0:
        entry_price = (position.quantity * position.entry_price + size * price) / (position.quantity + size)
    stop_price = stop_price_of(position, rules, side, entry_price)
    if rules.stop_kind != _NO_DISTANCE and position.direction == 0:
        if stop_price <= 0.0:
            refuse(position, books, _STOP_BELOW_ZERO)
            return
        if side * (price - stop_price) <= 0.0:
            refuse(position, books, _NO_STOP_DISTANCE)
            return

    # An order filled in parts is one entry; only one that was placed on top of a position is an add.
    reason = _ENTRY
    if position.direction == 0:
        _begin_trade(wallet, position, bar, ts, side, price)
        note_entry(position, rules)
        position.stop_price = stop_price
    else:
        if position.order_adds != 0:
            reason = _ADD
            if position.order_fills == 0:
                position.adds += 1
        if side * (stop_price - position.stop_price) > 0.0 and side * (price - stop_price) > 0.0:
            position.stop_price = stop_price  # closer; a stop never moves back
            position.stop_moved_by = 0
    fee = trading_fee(price, size, rules.maker_rate if is_maker != 0 else rules.taker_rate)
    slippage = abs(price - reference_price) * size
    wallet.cash -= fee
    write_fill(wallet, position, bar, ts, side, size, price, fee, slippage, reason, is_maker, books)
    position.quantity = _sum_of_lots(position.quantity, size, rules.qty_step)
    position.entry_price = entry_price
    position.entered_quantity = _sum_of_lots(position.entered_quantity, size, rules.qty_step)
    position.entered_value += size * price
    position.entry_fills += 1
    if position.stop_moved_by == 0:
        position.risk_distance = abs(entry_price - position.stop_price)
    lock_margin(position, rules, tiers)
    position.entry_liquidation_price = position.liquidation_price
    set_targets(position, rules, price)

    if size < wanted and position.order_fills == 0:
        wallet.partial_entries += 1
    position.order_fills += 1
    position.order_fill_ts = bar.ts_open
    remaining = floor_to_step(wanted - size, rules.qty_step) if rests else 0.0
    if rests and remaining >= rules.min_qty:
        position.order_margin *= remaining / position.order_quantity
        position.order_quantity = remaining
        position.order_is_new = 1 - is_maker  # what has taken goes on taking
    else:
        drop_order(position)


@compiled_bare
def refuse(position: Records, books: Books, reason: int) -> None:
    drop_order(position)
    books.rejects[reason] += 1


@compiled_inline
def _begin_trade(
    wallet: Records, position: Records, bar: BarValues, ts: int, side: int, price: float
) -> None:
    position.direction = side
    position.entry_price = price
    position.quantity = 0.0
    position.trade_id = wallet.next_trade_id
    wallet.next_trade_id += 1
    wallet.free_slots -= 1
    position.entry_bar = bar.bar
    position.entry_ts = ts
    position.entry_fills = 0
    position.adds = 0
    position.entered_quantity = 0.0
    position.entered_value = 0.0
    position.exited_value = 0.0
    position.closed_pnl = 0.0
    position.fees = 0.0
    position.slippage = 0.0
    position.funding = 0.0
    position.extra_margin = 0.0
    position.ambiguous = 0
    position.stop_moved_by = 0
    position.highest_price = price
    position.lowest_price = price
    for rung in range(MAX_TARGETS):
        position.target_taken[rung] = 0.0


@compiled_bare
def _sum_of_lots(held: float, added: float, qty_step: float) -> float:
    return floor_to_step(held + added, qty_step) if held > 0.0 else added


@compiled_inline
def affordable(wallet: Records, position: Records, rules: Records, price: float) -> float:
    """Return the wanted size, cut to what the free balance and the caps pay for, on the lot step."""
    side = position.order_side
    wanted = floor_to_step(position.order_quantity, rules.qty_step)
    held = position.quantity * price
    cap = rules.max_notional
    if not np.isinf(rules.max_effective_leverage):
        cap = min(cap, rules.max_effective_leverage * max(0.0, wallet.equity))
    balance = _balance(wallet, position)
    size = min(position.order_quantity, max(0.0, cap - held) / price)
    size = min(size, size_for_cost(side, balance, price, rules.leverage, rules.taker_rate))
    size = floor_to_step(size, rules.qty_step)
    # size_for_cost is exact only up to rounding; an order is never allowed to cost more than there is.
    if size > 0.0 and order_cost(side, size, price, rules.leverage, rules.taker_rate) > balance:
        size = floor_to_step(size - 0.5 * rules.qty_step, rules.qty_step)
    if size < wanted:
        wallet.capped_entries += 1
    return size


@compiled_bare
def _balance(wallet: Records, position: Records) -> float:
    """Return what an entry may cost: what the order itself has locked is there for it."""
    return max(0.0, wallet.cash - position.used_margin - wallet.other_margin)


@compiled_inline
def entry_reject(
    wallet: Records, position: Records, rules: Records, tiers: Floats, size: float, price: float
) -> int:
    """Return the RejectReason of an entry, or -1 where the exchange takes it."""
    if position.direction == 0 and wallet.free_slots <= 0:
        return _NO_SLOT
    if size < rules.min_qty or size * price < rules.min_notional:
        return _reason_too_small(wallet, position, rules, size, price)
    if size > rules.max_qty:
        return _ABOVE_MAX_QTY
    tier = tier_index(position.quantity * position.entry_price + size * price, tiers[:, 0])
    if tier == tiers.shape[0] or rules.leverage > tiers[tier, 3]:
        return _ABOVE_TIER
    return -1


@compiled_bare
def _reason_too_small(wallet: Records, position: Records, rules: Records, size: float, price: float) -> int:
    """Return why an entry is below the minimum: what was wanted, or what the balance made of it."""
    smallest = ceil_to_step(max(rules.min_qty, rules.min_notional / price), rules.qty_step)
    cost = order_cost(position.order_side, smallest, price, rules.leverage, rules.taker_rate)
    if position.order_quantity >= smallest and cost > _balance(wallet, position):
        return _INSUFFICIENT_MARGIN
    return _BELOW_MIN_QTY if size < rules.min_qty else _BELOW_MIN_NOTIONAL
