"""The bracket of a position: where its stop and its targets stand."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.records import Records
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.state import DistanceKind

_PERCENT, _RISK_MULTIPLE = int(DistanceKind.PERCENT), int(DistanceKind.RISK_MULTIPLE)
_LEVEL = int(DistanceKind.LEVEL)


@compiled_inline
def stop_price_of(position: Records, rules: Records, side: int, entry_price: float) -> float:
    """Return the stop for a position entered at this average price; NaN where the card has none."""
    if rules.stop_kind == _LEVEL:
        level = position.order_stop_level
        return _level(entry_price, -side, side * (entry_price - level), rules.tick_size)
    distance = position.order_stop_distance
    if rules.stop_kind == _PERCENT:
        distance = entry_price * rules.stop_value / 100.0
    return _level(entry_price, -side, distance, rules.tick_size)


@compiled_inline
def set_targets(position: Records, rules: Records, fill_price: float) -> None:
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


@compiled_bare
def aim(position: Records, rules: Records) -> None:
    """Make the nearest of the targets that are left the one that is watched."""
    position.target = 0
    position.target_price = np.nan
    for rung in range(rules.target_count):
        price = position.target_prices[rung]
        if np.isnan(price):
            continue
        if np.isnan(position.target_price) or position.direction * (position.target_price - price) > 0.0:
            position.target = rung
            position.target_price = price


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
