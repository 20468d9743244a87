"""Stops that move: at a bar's close, from what that bar has shown; they act from the next bar on."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare
from engine.sim.pnl import has_gained
from engine.sim.records import Floats, Records
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.state import DistanceKind, FillReason

_PERCENT, _FEATURE_MULTIPLE = int(DistanceKind.PERCENT), int(DistanceKind.FEATURE_MULTIPLE)
_TRAILING_STOP, _BREAK_EVEN = int(FillReason.TRAILING_STOP), int(FillReason.BREAK_EVEN)


@compiled_bare
def move_stop(position: Records, rules: Records, features: Floats, column: int) -> None:
    """Move the stop of the open position towards its profit, never back.

    A trailing stop keeps its distance from the best price since the entry, once the best profit has reached
    the activation; a break-even stop goes to the entry price and its offset, once it has reached the trigger.
    `column` of `features` is what is known of the feature a trailing stop is a multiple of; where that is
    missing the stop stays where it is.
    """
    side = position.direction
    best = position.highest_price if side > 0 else position.lowest_price
    entry = position.entry_price
    if rules.moves_to_break_even != 0 and has_gained(side, entry, best, rules.break_even_trigger_pct):
        level = entry * (1.0 + side * rules.break_even_offset_pct / 100.0)
        _tighten(position, rules, level, _BREAK_EVEN)
    if rules.trails != 0 and has_gained(side, entry, best, rules.trail_activation_pct):
        distance = rules.stop_value
        if rules.stop_kind == _PERCENT:
            distance = best * rules.stop_value / 100.0
        elif rules.stop_kind == _FEATURE_MULTIPLE:
            distance = features[rules.stop_feature_long, column] * rules.stop_value
        _tighten(position, rules, best - side * distance, _TRAILING_STOP)


@compiled_bare
def _tighten(position: Records, rules: Records, level: float, reason: int) -> None:
    """Set the stop to a level that is better, on the tick and rounded away from the price."""
    if np.isnan(level) or level <= 0.0:
        return
    side = position.direction
    on_tick = floor_to_step(level, rules.tick_size) if side > 0 else ceil_to_step(level, rules.tick_size)
    if np.isnan(position.stop_price) or side * (on_tick - position.stop_price) > 0.0:
        position.stop_price = on_tick
        position.stop_moved_by = reason
