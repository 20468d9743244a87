"""What is decided at an exec bar's close: to leave, to enter, to place an order anew or to take it back."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.closing import drop_order
from engine.sim.margin import order_cost
from engine.sim.pnl import has_gained
from engine.sim.position_rules import exits_that_hold, note_signal
from engine.sim.records import Floats, Integers, Records
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.settlement import free_balance
from engine.sim.state import (
    DistanceKind,
    EntryKind,
    FillReason,
    RejectReason,
    Reprice,
    SignalBit,
    SizingKind,
)

# Numba takes plain integers fastest; the names stay those of the enums.
_SIGNAL, _MAX_BARS = int(FillReason.SIGNAL), int(FillReason.MAX_BARS)
_TIME_STOP = int(FillReason.TIME_STOP)
_ENTER_LONG, _EXIT_LONG = int(SignalBit.ENTER_LONG), int(SignalBit.EXIT_LONG)
_ENTER_SHORT, _EXIT_SHORT = int(SignalBit.ENTER_SHORT), int(SignalBit.EXIT_SHORT)
_NO_DISTANCE, _PERCENT, _POINTS = int(DistanceKind.NONE), int(DistanceKind.PERCENT), int(DistanceKind.POINTS)
_FEATURE_MULTIPLE, _RISK_MULTIPLE = int(DistanceKind.FEATURE_MULTIPLE), int(DistanceKind.RISK_MULTIPLE)
_TICKS, _LEVEL = int(DistanceKind.TICKS), int(DistanceKind.LEVEL)
_PERCENT_EQUITY, _FIXED_USDT = int(SizingKind.PERCENT_EQUITY), int(SizingKind.FIXED_USDT)
_RISK_BASED = int(SizingKind.RISK_BASED)
_MARKET, _LIMIT = int(EntryKind.MARKET), int(EntryKind.LIMIT)
_ON_SIGNAL, _EVERY_BAR = int(Reprice.ON_SIGNAL), int(Reprice.EVERY_BAR)
_CONFLICT, _NO_STOP_DISTANCE = int(RejectReason.CONFLICTING_SIGNALS), int(RejectReason.NO_STOP_DISTANCE)
_INSUFFICIENT_MARGIN, _NO_OFFSET = int(RejectReason.INSUFFICIENT_MARGIN), int(RejectReason.NO_OFFSET)
_EXPIRED, _CANCELLED = int(RejectReason.EXPIRED), int(RejectReason.CANCELLED)


@compiled_inline
def decide(
    wallet: Records,
    position: Records,
    rules: Records,
    bar: int,
    close: float,
    signals: int,
    features: Floats,
    column: int,
    rejects: Integers,
) -> None:
    """Turn the rules' signals at the close of exec bar `bar` into exits and orders for the next open.

    `features` is float64[k, n]; its `column` is what is known at this close.
    """
    enter_long = (signals & _ENTER_LONG) != 0 and rules.allow_long != 0
    enter_short = (signals & _ENTER_SHORT) != 0 and rules.allow_short != 0
    side = 0
    position.exit_tag = 0
    if rules.names_signals != 0:
        signals = exits_that_hold(position, rules, bar, close, signals, features, column)
    if position.direction != 0:
        flips = rules.allow_flip != 0 and (enter_short if position.direction > 0 else enter_long)
        _decide_exit(position, rules, bar, close, signals, flips)
        if flips:
            side = -position.direction
        elif position.pending_exit == 0 and _may_add(position, rules, close, enter_long, enter_short):
            side = position.direction
    elif bar >= position.exit_bar + rules.cooldown_bars:
        if enter_long and enter_short:
            rejects[_CONFLICT] += 1
        elif enter_long:
            side = 1
        elif enter_short:
            side = -1
    if position.order_side != 0:
        side = _look_after_order(position, rules, signals, enter_long, enter_short, side, rejects)
    if side != 0:
        is_signal = enter_long if side > 0 else enter_short
        _place_entry(wallet, position, rules, side, is_signal, bar, close, features, column, rejects)


@compiled_inline
def _decide_exit(
    position: Records, rules: Records, bar: int, close: float, signals: int, flips: bool
) -> None:
    exit_bit = _EXIT_LONG if position.direction > 0 else _EXIT_SHORT
    bars_held = bar - position.entry_bar + 1
    if flips or (signals & exit_bit) != 0:
        position.pending_exit = _SIGNAL
    elif rules.max_bars != 0 and bars_held >= rules.max_bars:
        position.pending_exit = _MAX_BARS
    elif (
        rules.time_stop_bars != 0
        and bars_held >= rules.time_stop_bars
        and not has_gained(position.direction, position.entry_price, close, rules.time_stop_profit_pct)
    ):
        position.pending_exit = _TIME_STOP


@compiled_inline
def _may_add(position: Records, rules: Records, close: float, enter_long: bool, enter_short: bool) -> bool:
    same_side = enter_long if position.direction > 0 else enter_short
    if not same_side or position.adds >= rules.max_adds:
        return False
    return has_gained(position.direction, position.entry_price, close, rules.add_profit_pct)


@compiled_bare
def _look_after_order(
    position: Records,
    rules: Records,
    signals: int,
    enter_long: bool,
    enter_short: bool,
    wanted_side: int,
    rejects: Integers,
) -> int:
    """Cancel, let expire or keep the order that rests; return the side of the entry to place, 0 for none."""
    order_side = position.order_side
    position.order_bars += 1
    against = enter_short if order_side > 0 else enter_long
    exit_bit = _EXIT_LONG if order_side > 0 else _EXIT_SHORT
    if against or (signals & exit_bit) != 0 or position.pending_exit != 0:
        drop_order(position)
        rejects[_CANCELLED] += 1
        return wanted_side
    if rules.expiry_bars != 0 and position.order_bars >= rules.expiry_bars:
        drop_order(position)
        if wanted_side == 0:
            rejects[_EXPIRED] += 1
        return wanted_side
    if rules.reprice == _EVERY_BAR or (rules.reprice == _ON_SIGNAL and wanted_side == order_side):
        return order_side
    return 0


@compiled_inline
def _place_entry(
    wallet: Records,
    position: Records,
    rules: Records,
    side: int,
    is_signal: bool,
    bar: int,
    close: float,
    features: Floats,
    column: int,
    rejects: Integers,
) -> None:
    """Price and size the entry on what is known at the close: the close, the equity, and the features.

    An order that is placed anew without a signal keeps the tag and the captured values of its last signal.
    """
    replaces = position.order_side != 0
    drop_order(position)
    price = _entry_price(rules, side, close, features, column)
    if not price > 0.0:
        rejects[_NO_OFFSET] += 1
        return
    stop_feature = rules.stop_feature_long if side > 0 else rules.stop_feature_short
    stop_level, stop_distance = np.nan, np.nan
    if rules.stop_kind == _LEVEL and stop_feature >= 0:
        stop_level = features[stop_feature, column] * (1.0 - side * rules.stop_value / 100.0)
        stop_distance = side * (price - stop_level)
    elif rules.stop_kind != _LEVEL:
        stop_distance = _distance(rules.stop_kind, rules.stop_value, price, features, stop_feature, column)
    if rules.stop_kind != _NO_DISTANCE and not stop_distance > 0.0:
        rejects[_NO_STOP_DISTANCE] += 1
        return
    for rung in range(rules.target_count):
        kind = rules.target_kinds[rung]
        distance = _distance(
            kind, rules.target_values[rung], price, features, rules.target_features[rung], column
        )
        if kind != _RISK_MULTIPLE and not distance > 0.0:
            rejects[_NO_STOP_DISTANCE] += 1
            return
        position.order_target_distances[rung] = distance
    quantity = _entry_quantity(wallet, rules, price, stop_distance, features, column)
    if position.direction == side:
        quantity *= rules.add_fraction
    if not quantity > 0.0:
        rejects[_INSUFFICIENT_MARGIN] += 1
        return
    if replaces and rules.reprice == _EVERY_BAR:
        # The same order at another price: what has been filled of it is not asked for again.
        if position.order_fills > 0:
            quantity = min(quantity, position.order_quantity)
    else:
        position.order_bars = 0
        position.order_fills = 0
        position.order_adds = 1 if position.direction == side else 0
    if is_signal:
        note_signal(position, rules, side, bar, features, column)
    position.order_side = side
    position.order_is_new = 1
    position.order_price = price
    position.order_quantity = quantity
    position.order_stop_distance = stop_distance
    position.order_stop_level = stop_level
    if rules.entry_kind == _LIMIT:
        # A limit order locks its cost from now on, as far as there is balance for it; a conditional one locks
        # nothing before its trigger.
        cost = order_cost(side, quantity, price, rules.leverage, rules.taker_rate)
        position.order_margin = min(cost, free_balance(wallet, position))


@compiled_inline
def _entry_price(rules: Records, side: int, close: float, features: Floats, column: int) -> float:
    """Return the price the entry is meant for, on the tick and never nearer than the offset; NaN: none."""
    if rules.entry_kind == _MARKET:
        return close
    offset = rules.offset_value * rules.tick_size
    if rules.offset_kind != _TICKS:
        offset = _distance(
            rules.offset_kind, rules.offset_value, close, features, rules.offset_feature, column
        )
    if not offset >= 0.0:
        return np.nan
    # A limit waits on the better side of the price, a stop on the worse.
    beyond = -side if rules.entry_kind == _LIMIT else side
    if beyond > 0:
        return ceil_to_step(close + offset, rules.tick_size)
    if close <= offset:
        return np.nan
    return floor_to_step(close - offset, rules.tick_size)


@compiled_inline
def _entry_quantity(
    wallet: Records, rules: Records, price: float, stop_distance: float, features: Floats, column: int
) -> float:
    """Return the size the card asks for, in base coin, not yet cut to what is affordable."""
    if rules.sizing_kind == _PERCENT_EQUITY:
        return wallet.equity * rules.sizing_value / 100.0 * rules.leverage / price
    if rules.sizing_kind == _FIXED_USDT:
        return rules.sizing_value / price
    if rules.sizing_kind == _RISK_BASED:
        return wallet.equity * rules.sizing_value / 100.0 / stop_distance
    return wallet.equity * rules.sizing_value / features[rules.sizing_feature, column]


@compiled_bare
def _distance(kind: int, value: float, price: float, features: Floats, feature: int, column: int) -> float:
    """Return the distance in USDT as it stands at the close; NaN where there is none or it is missing."""
    if kind == _PERCENT:
        return price * value / 100.0
    if kind == _POINTS:
        return value
    if kind == _FEATURE_MULTIPLE:
        return value * features[feature, column]
    return np.nan
