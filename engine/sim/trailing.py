"""Stops that move: at a bar's close, from what that bar has shown; they act from the next bar on."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled
from engine.sim.rounding import ceil_to_step, floor_to_step
from engine.sim.state import DistanceKind, FillReason, Records

_PERCENT = int(DistanceKind.PERCENT)
_TRAILING_STOP, _BREAK_EVEN = int(FillReason.TRAILING_STOP), int(FillReason.BREAK_EVEN)


@compiled
def move_stop(state: Records, rules: Records, feature: float) -> None:
    """Move the stop of the open position towards its profit, never back.

    A trailing stop keeps its distance from the best price since the entry, once the best profit has reached
    the activation; a break-even stop goes to the entry price and its offset, once it has reached the trigger.
    `feature` is the value, at this close, of the feature a trailing stop is a multiple of; a missing one
    leaves the stop where it is.
    """
    side = state.direction
    best = state.highest_price if side > 0 else state.lowest_price
    profit_pct = side * (best - state.entry_price) / state.entry_price * 100.0
    if rules.moves_to_break_even != 0 and profit_pct >= rules.break_even_trigger_pct:
        level = state.entry_price * (1.0 + side * rules.break_even_offset_pct / 100.0)
        _tighten(state, rules, level, _BREAK_EVEN)
    if rules.trails != 0 and profit_pct >= rules.trail_activation_pct:
        distance = best * rules.stop_value / 100.0
        if rules.stop_kind != _PERCENT:
            distance = feature * rules.stop_value
        _tighten(state, rules, best - side * distance, _TRAILING_STOP)


@compiled
def _tighten(state: Records, rules: Records, level: float, reason: int) -> None:
    """Set the stop to a level that is better, on the tick and rounded away from the price."""
    if np.isnan(level) or level <= 0.0:
        return
    side = state.direction
    on_tick = floor_to_step(level, rules.tick_size) if side > 0 else ceil_to_step(level, rules.tick_size)
    if np.isnan(state.stop_price) or side * (on_tick - state.stop_price) > 0.0:
        state.stop_price = on_tick
        state.stop_moved_by = reason
