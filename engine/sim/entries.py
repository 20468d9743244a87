"""How a position begins or grows: the order that waits, and its fill."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.closing import drop_order, tradable, write_fill
from engine.sim.exits import aim
from engine.sim.fees import impact, market_fill_price, trading_fee
from engine.sim.margin import order_cost, size_for_cost, tier_index
from engine.sim.records import MAX_TARGETS, BarValues, Books, Floats, Records
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.settlement import lock_margin
from engine.sim.state import DistanceKind, EntryKind, FillReason, RejectReason, TimeInForce

# Numba takes plain integers fastest; the names stay those of the enums.
_ENTRY, _ADD = int(FillReason.ENTRY), int(FillReason.ADD)
_PERCENT, _RISK_MULTIPLE = int(DistanceKind.PERCENT), int(DistanceKind.RISK_MULTIPLE)
_NO_DISTANCE, _LEVEL = int(DistanceKind.NONE), int(DistanceKind.LEVEL)
_MARKET, _LIMIT = int(EntryKind.MARKET), int(EntryKind.LIMIT)
_GTC, _IOC, _FOK = int(TimeInForce.GTC), int(TimeInForce.IOC), int(TimeInForce.FOK)
_POST_ONLY = int(TimeInForce.POST_ONLY)
_FILLED_BAR, _NO_STOP_DISTANCE = int(RejectReason.FILLED_BAR), int(RejectReason.NO_STOP_DISTANCE)
_STOP_BELOW_ZERO, _NO_VOLUME = int(RejectReason.STOP_BELOW_ZERO), int(RejectReason.NO_VOLUME)
_BELOW_MIN_QTY, _BELOW_MIN_NOTIONAL = int(RejectReason.BELOW_MIN_QTY), int(RejectReason.BELOW_MIN_NOTIONAL)
_ABOVE_MAX_QTY, _ABOVE_TIER = int(RejectReason.ABOVE_MAX_QTY), int(RejectReason.ABOVE_TIER_LEVERAGE)
_WOULD_TAKE, _NOT_MARKETABLE = int(RejectReason.POST_ONLY_WOULD_TAKE), int(RejectReason.NOT_MARKETABLE)
_NOT_IN_FULL, _NO_SLOT = int(RejectReason.NOT_IN_FULL), int(RejectReason.MAX_OPEN_POSITIONS)


@compiled_bare
def enter_at_open(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Fill the waiting entry at the open, refuse it, or let it rest."""
    side = position.order_side
    is_new = position.order_is_new != 0
    waits = rules.entry_kind != _MARKET and rules.time_in_force not in (_IOC, _FOK)
    if bar.is_filled:
        # Nothing is traded: what can wait does.
        if not waits:
            _refuse(position, books, _FILLED_BAR)
        return
    position.order_is_new = 0
    if rules.entry_kind == _MARKET:
        _fill(wallet, position, rules, tiers, bar, bar.ts_open, bar.open, 0, books)
        return
    # How far the open is beyond the order's price, on the side where it can be filled.
    reach = side * (position.order_price - bar.open)
    if rules.entry_kind != _LIMIT:
        if reach <= 0.0:
            _fill(wallet, position, rules, tiers, bar, bar.ts_open, bar.open, 0, books)
    elif not is_new:
        if reach > 0.0:
            _fill(wallet, position, rules, tiers, bar, bar.ts_open, position.order_price, 1, books)
    elif reach < 0.0:
        if not waits:
            _refuse(position, books, _NOT_MARKETABLE)
    elif rules.time_in_force == _POST_ONLY:
        _refuse(position, books, _WOULD_TAKE)
    else:
        _fill(wallet, position, rules, tiers, bar, bar.ts_open, bar.open, 0, books)


@compiled_inline
def order_reached(position: Records, rules: Records, bar: BarValues) -> bool:
    """Return whether the bar's range fills the resting order: a limit is traded through, a stop touched."""
    if position.order_side == 0 or bar.is_filled or rules.entry_kind == _MARKET:
        return False
    if position.order_fills > 0 and position.order_fill_ts == bar.ts_open:
        return False  # at the open it has taken its share of the bar's volume
    if rules.entry_kind == _LIMIT:
        worst = bar.low if position.order_side > 0 else bar.high
        return position.order_side * (position.order_price - worst) > 0.0
    best = bar.high if position.order_side > 0 else bar.low
    return position.order_side * (best - position.order_price) >= 0.0


@compiled_bare
def enter_inside(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Fill the resting order at its price; a triggered stop pays the market's costs on top."""
    is_maker = 1 if rules.entry_kind == _LIMIT else 0
    _fill(wallet, position, rules, tiers, bar, bar.ts_close, position.order_price, is_maker, books)


@compiled_bare
def _refuse(position: Records, books: Books, reason: int) -> None:
    drop_order(position)
    books.rejects[reason] += 1


@compiled_bare
def _fill(
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
    wanted = _affordable(wallet, position, rules, price)
    size = wanted
    if wanted > allowed:
        size = floor_to_step(allowed, rules.qty_step)
        if rules.entry_kind == _LIMIT and rules.time_in_force == _FOK:
            _refuse(position, books, _NOT_IN_FULL)
            return
    rests = size < wanted and rules.entry_kind == _LIMIT and rules.time_in_force != _IOC
    if size < wanted and size < rules.min_qty:
        if not rests:
            _refuse(position, books, _NO_VOLUME)
        return
    reject = _order_reject(wallet, position, rules, tiers, size, price)
    if reject >= 0:
        _refuse(position, books, reject)
        return
    entry_price = price
    if position.direction != 0:
        entry_price = (position.quantity * position.entry_price + size * price) / (position.quantity + size)
    stop_price = _stop_price(position, rules, side, entry_price)
    if rules.stop_kind != _NO_DISTANCE and position.direction == 0:
        if stop_price <= 0.0:
            _refuse(position, books, _STOP_BELOW_ZERO)
            return
        if side * (price - stop_price) <= 0.0:
            _refuse(position, books, _NO_STOP_DISTANCE)
            return

    # An order filled in parts is one entry; only one that was placed on top of a position is an add.
    reason = _ENTRY
    if position.direction == 0:
        _begin_trade(wallet, position, bar, ts, side, price)
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
    _set_targets(position, rules, price)

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
def _stop_price(position: Records, rules: Records, side: int, entry_price: float) -> float:
    """Return the stop for a position entered at this average price; NaN where the card has none."""
    if rules.stop_kind == _LEVEL:
        level = position.order_stop_level
        return _level(entry_price, -side, side * (entry_price - level), rules.tick_size)
    distance = position.order_stop_distance
    if rules.stop_kind == _PERCENT:
        distance = entry_price * rules.stop_value / 100.0
    return _level(entry_price, -side, distance, rules.tick_size)


@compiled_inline
def _set_targets(position: Records, rules: Records, fill_price: float) -> None:
    """Place the targets that are not done at their distances from the average entry price.

    One that the price has passed already, because an add has moved the average, is placed at the price.
    """
    side = position.direction
    left = position.quantity
    portions = 0.0
    for rung in range(rules.target_count):
        portion = rules.target_portions[rung]
        portions += portion
        position.target_prices[rung] = np.nan
        taken = position.target_taken[rung]
        if np.isinf(taken):
            continue
        distance = position.order_target_distances[rung]
        if rules.target_kinds[rung] == _PERCENT:
            distance = position.entry_price * rules.target_values[rung] / 100.0
        elif rules.target_kinds[rung] == _RISK_MULTIPLE:
            distance = position.risk_distance * rules.target_values[rung]
        price = _level(position.entry_price, side, distance, rules.tick_size)
        if side * (fill_price - price) > 0.0:
            price = fill_price
        # The last portion takes what rounding has left over.
        quantity = left
        if rung != rules.target_count - 1 or portions < 1.0 - 1e-9:
            wanted = floor_to_step(portion * position.entered_quantity, rules.qty_step)
            quantity = min(left, floor_to_step(max(0.0, wanted - taken), rules.qty_step))
        # A short's target below zero can't be reached, and a portion too small for an order is not placed.
        if price <= 0.0 or quantity < rules.min_qty:
            continue
        left = floor_to_step(left - quantity, rules.qty_step) if quantity < left else 0.0
        if left < rules.min_qty:
            quantity += left
            left = 0.0
        position.target_prices[rung] = price
        position.target_quantities[rung] = quantity
    aim(position, rules)


@compiled_inline
def _affordable(wallet: Records, position: Records, rules: Records, price: float) -> float:
    """Return the wanted size, cut to what the free balance and the caps pay for, on the lot step."""
    side = position.order_side
    wanted = floor_to_step(position.order_quantity, rules.qty_step)
    held = position.quantity * price
    cap = rules.max_notional
    if not np.isinf(rules.max_effective_leverage):
        cap = min(cap, rules.max_effective_leverage * max(0.0, wallet.equity))
    # What the order itself has locked is there for it.
    balance = max(0.0, wallet.cash - position.used_margin - wallet.other_margin)
    size = min(position.order_quantity, max(0.0, cap - held) / price)
    size = min(size, size_for_cost(side, balance, price, rules.leverage, rules.taker_rate))
    size = floor_to_step(size, rules.qty_step)
    # size_for_cost is exact only up to rounding; an order is never allowed to cost more than there is.
    if size > 0.0 and order_cost(side, size, price, rules.leverage, rules.taker_rate) > balance:
        size = floor_to_step(size - 0.5 * rules.qty_step, rules.qty_step)
    if size < wanted:
        wallet.capped_entries += 1
    return size


@compiled_inline
def _order_reject(
    wallet: Records, position: Records, rules: Records, tiers: Floats, size: float, price: float
) -> int:
    """Return the RejectReason of an entry, or -1 where the exchange takes it."""
    if position.direction == 0 and wallet.free_slots <= 0:
        return _NO_SLOT
    if size < rules.min_qty:
        return _BELOW_MIN_QTY
    if size * price < rules.min_notional:
        return _BELOW_MIN_NOTIONAL
    if size > rules.max_qty:
        return _ABOVE_MAX_QTY
    tier = tier_index(position.quantity * position.entry_price + size * price, tiers[:, 0])
    if tier == tiers.shape[0] or rules.leverage > tiers[tier, 3]:
        return _ABOVE_TIER
    return -1


@compiled_bare
def _level(price: float, side: int, distance: float, tick_size: float) -> float:
    """Return the price `distance` away on the given side, on the tick and rounded away from the entry.

    A distance that is not set (NaN) gives a level that is not set.
    """
    if np.isnan(distance):
        return np.nan
    if side > 0:
        return ceil_to_step(price + distance, tick_size)
    if price <= distance:
        return 0.0
    return floor_to_step(price - distance, tick_size)
