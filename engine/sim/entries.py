"""How a position begins: the decision at a close, and the order at the next open."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled
from engine.sim.fees import market_fill_price, trading_fee
from engine.sim.margin import order_cost, size_for_cost, tier_index
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.settlement import lock_margin
from engine.sim.state import (
    DistanceKind,
    FillReason,
    Floats,
    Integers,
    Records,
    RejectReason,
    SignalBit,
    SizingKind,
)

# Numba takes plain integers fastest; the names stay those of the enums.
_ENTRY, _SIGNAL, _MAX_BARS = int(FillReason.ENTRY), int(FillReason.SIGNAL), int(FillReason.MAX_BARS)
_ENTER_LONG, _EXIT_LONG = int(SignalBit.ENTER_LONG), int(SignalBit.EXIT_LONG)
_ENTER_SHORT, _EXIT_SHORT = int(SignalBit.ENTER_SHORT), int(SignalBit.EXIT_SHORT)
_NO_DISTANCE, _PERCENT, _POINTS = int(DistanceKind.NONE), int(DistanceKind.PERCENT), int(DistanceKind.POINTS)
_FEATURE_MULTIPLE, _RISK_MULTIPLE = int(DistanceKind.FEATURE_MULTIPLE), int(DistanceKind.RISK_MULTIPLE)
_PERCENT_EQUITY, _FIXED_USDT = int(SizingKind.PERCENT_EQUITY), int(SizingKind.FIXED_USDT)
_FILLED_BAR, _CONFLICT = int(RejectReason.FILLED_BAR), int(RejectReason.CONFLICTING_SIGNALS)
_NO_STOP_DISTANCE, _STOP_BELOW_ZERO = int(RejectReason.NO_STOP_DISTANCE), int(RejectReason.STOP_BELOW_ZERO)
_BELOW_MIN_QTY, _BELOW_MIN_NOTIONAL = int(RejectReason.BELOW_MIN_QTY), int(RejectReason.BELOW_MIN_NOTIONAL)
_ABOVE_MAX_QTY, _ABOVE_TIER = int(RejectReason.ABOVE_MAX_QTY), int(RejectReason.ABOVE_TIER_LEVERAGE)
_INSUFFICIENT_MARGIN = int(RejectReason.INSUFFICIENT_MARGIN)


@compiled
def decide(
    state: Records,
    rules: Records,
    bar: int,
    close: float,
    signals: int,
    stop_feature: float,
    target_feature: float,
    rejects: Integers,
) -> None:
    """Turn the rules' signals at the close into orders for the next open."""
    enter_long = (signals & _ENTER_LONG) != 0 and rules.allow_long != 0
    enter_short = (signals & _ENTER_SHORT) != 0 and rules.allow_short != 0
    if state.direction != 0:
        flip = rules.allow_flip != 0 and (enter_short if state.direction > 0 else enter_long)
        exit_bit = _EXIT_LONG if state.direction > 0 else _EXIT_SHORT
        if flip or (signals & exit_bit) != 0:
            state.pending_exit = _SIGNAL
        elif rules.max_bars != 0 and bar - state.entry_bar + 1 >= rules.max_bars:
            state.pending_exit = _MAX_BARS
        if not flip:
            return
    elif bar < state.exit_bar + rules.cooldown_bars:
        return
    if enter_long and enter_short and state.direction == 0:
        rejects[_CONFLICT] += 1
    elif enter_long or enter_short:
        side = 1 if enter_long else -1
        if state.direction != 0:
            side = -state.direction
        _place_entry(state, rules, side, close, stop_feature, target_feature, rejects)


@compiled
def _place_entry(
    state: Records,
    rules: Records,
    side: int,
    close: float,
    stop_feature: float,
    target_feature: float,
    rejects: Integers,
) -> None:
    """Size the entry on what is known at the close: the close itself, the equity, and the features."""
    stop_distance = _distance(rules.stop_kind, rules.stop_value, close, stop_feature)
    target_distance = _distance(rules.target_kind, rules.target_value, close, target_feature)
    stop_missing = rules.stop_kind != _NO_DISTANCE and not stop_distance > 0.0
    needs_distance = rules.target_kind not in (_NO_DISTANCE, _RISK_MULTIPLE)
    target_missing = needs_distance and not target_distance > 0.0
    if stop_missing or target_missing:
        rejects[_NO_STOP_DISTANCE] += 1
        return
    if rules.sizing_kind == _PERCENT_EQUITY:
        size = state.equity * rules.sizing_value / 100.0 * rules.leverage / close
    elif rules.sizing_kind == _FIXED_USDT:
        size = rules.sizing_value / close
    else:
        size = state.equity * rules.sizing_value / 100.0 / stop_distance
    if not size > 0.0:
        rejects[_INSUFFICIENT_MARGIN] += 1
        return
    state.pending_entry = side
    state.pending_size = size
    state.pending_stop_distance = stop_distance
    state.pending_target_distance = target_distance


@compiled
def _distance(kind: int, value: float, close: float, feature: float) -> float:
    """Return the distance in USDT as it stands at the close; NaN where there is none or it is missing."""
    if kind == _PERCENT:
        return close * value / 100.0
    if kind == _POINTS:
        return value
    if kind == _FEATURE_MULTIPLE:
        return value * feature
    return np.nan


@compiled
def enter(
    state: Records,
    rules: Records,
    tiers: Floats,
    bar: int,
    ts_open: int,
    open_price: float,
    is_filled: bool,
    fills: Records,
    rejects: Integers,
) -> None:
    """Open the position decided at the previous close, or refuse it and count why."""
    side = state.pending_entry
    state.pending_entry = 0
    if is_filled:
        rejects[_FILLED_BAR] += 1
        return
    if state.direction != 0:
        return  # the exit this entry was to follow did not happen
    price = market_fill_price(open_price, side, rules.slippage_rate, rules.tick_size)
    size = _affordable(state, rules, side, price)
    tier = tier_index(size * price, tiers[:, 0])
    reject = _order_reject(rules, tiers, tier, size, price)
    if reject >= 0:
        rejects[reject] += 1
        return
    stop_distance = state.pending_stop_distance
    if rules.stop_kind == _PERCENT:
        stop_distance = price * rules.stop_value / 100.0
    stop_price = _level(price, -side, stop_distance, rules.tick_size)
    if stop_price <= 0.0:
        rejects[_STOP_BELOW_ZERO] += 1
        return
    risk_distance = abs(price - stop_price)
    target_distance = state.pending_target_distance
    if rules.target_kind == _PERCENT:
        target_distance = price * rules.target_value / 100.0
    elif rules.target_kind == _RISK_MULTIPLE:
        target_distance = risk_distance * rules.target_value

    state.direction = side
    state.quantity = size
    state.entry_price = price
    state.entry_bar = bar
    state.entry_ts = ts_open
    state.stop_price = stop_price
    state.target_price = _level(price, side, target_distance, rules.tick_size)
    if state.target_price <= 0.0:
        state.target_price = np.nan  # a short's target below zero can't be reached
    state.stop_moved_by = 0
    state.risk_distance = risk_distance
    state.highest_price = price
    state.lowest_price = price
    state.trade_funding = 0.0
    state.extra_margin = 0.0
    state.entry_fee = trading_fee(price, size, rules.taker_rate)
    state.entry_slippage = abs(price - open_price) * size
    state.cash -= state.entry_fee
    lock_margin(state, rules, tiers)
    state.entry_liquidation_price = state.liquidation_price

    fill = fills[state.fills]
    fill.ts = ts_open
    fill.bar = bar
    fill.trade_id = state.trades
    fill.price = price
    fill.quantity = size
    fill.fee = state.entry_fee
    fill.slippage = state.entry_slippage
    fill.side = side
    fill.is_maker = 0
    fill.reason = _ENTRY
    state.fills += 1


@compiled
def _affordable(state: Records, rules: Records, side: int, price: float) -> float:
    """Return the wanted size, cut to what the free balance and the caps pay for, on the lot step."""
    wanted = floor_to_step(state.pending_size, rules.qty_step)
    size = min(state.pending_size, rules.max_notional / price)
    size = min(size, size_for_cost(side, max(0.0, state.cash), price, rules.leverage, rules.taker_rate))
    size = floor_to_step(size, rules.qty_step)
    # size_for_cost is exact only up to rounding; an order is never allowed to cost more than there is.
    if size > 0.0 and order_cost(side, size, price, rules.leverage, rules.taker_rate) > state.cash:
        size = floor_to_step(size - 0.5 * rules.qty_step, rules.qty_step)
    if size < wanted:
        state.capped_entries += 1
    return size


@compiled
def _order_reject(rules: Records, tiers: Floats, tier: int, size: float, price: float) -> int:
    """Return the RejectReason of an entry, or -1 where the exchange takes it."""
    if size < rules.min_qty:
        return _BELOW_MIN_QTY
    if size * price < rules.min_notional:
        return _BELOW_MIN_NOTIONAL
    if size > rules.max_qty:
        return _ABOVE_MAX_QTY
    if tier == tiers.shape[0] or rules.leverage > tiers[tier, 3]:
        return _ABOVE_TIER
    return -1


@compiled
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
