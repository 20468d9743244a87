"""Exit rules that look at the open position, at an exec bar's close; and the tags of what is decided there.

The signal bits of such a rule say where the market lets it hold. Whether it does is asked here, of the steps
`engine.rules.position_program` has made of it. The market's part of them, the tags and the values captured
at an entry are rows of the signals' features, as known at each close like all of these.
"""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.rules.position_program import Step
from engine.sim.records import Floats, Records
from engine.sim.state import SignalBit

# Numba takes plain integers fastest; the names stay those of the enums.
_EXIT_LONG, _EXIT_SHORT = int(SignalBit.EXIT_LONG), int(SignalBit.EXIT_SHORT)
_NUMBER, _ROW, _CAPTURED = int(Step.NUMBER), int(Step.ROW), int(Step.CAPTURED)
_BARS_IN_TRADE, _ENTRY_PRICE = int(Step.BARS_IN_TRADE), int(Step.ENTRY_PRICE)
_UNREALISED_R, _UNREALISED_PCT = int(Step.UNREALISED_R), int(Step.UNREALISED_PCT)
_ADD, _SUBTRACT, _MULTIPLY = int(Step.ADD), int(Step.SUBTRACT), int(Step.MULTIPLY)
_DIVIDE, _REMAINDER, _SIZE = int(Step.DIVIDE), int(Step.REMAINDER), int(Step.SIZE)
_SMALLER, _LARGER, _RELATED = int(Step.SMALLER), int(Step.LARGER), int(Step.RELATED)
_BETWEEN, _NEAR_PCT, _NEAR_ABS = int(Step.BETWEEN), int(Step.NEAR_PCT), int(Step.NEAR_ABS)
_AND, _OR, _NOT, _RESULT = int(Step.AND), int(Step.OR), int(Step.NOT), int(Step.RESULT)

_NO_RULE = -1


@compiled_bare
def exits_that_hold(
    position: Records, rules: Records, bar: int, close: float, signals: int, features: Floats, column: int
) -> int:
    """Return the signals without the exits that do not hold, and note the tag of the position's own."""
    for side in (1, -1):
        bit = _EXIT_LONG if side > 0 else _EXIT_SHORT
        if (signals & bit) == 0:
            continue
        if (rules.exit_steps_long if side > 0 else rules.exit_steps_short) != 0:
            tag = _tag_that_holds(position, rules, side, bar, close, features, column)
        else:
            tag = tag_in(rules.exit_tag_row_long if side > 0 else rules.exit_tag_row_short, features, column)
        if tag == _NO_RULE:
            signals &= ~bit
        elif position.direction == side:
            position.exit_tag = tag
    return signals


@compiled_bare
def tag_in(row: int, features: Floats, column: int) -> int:
    """Return the number of the tag that a row of the features has at a close; 0, no tag, without a row."""
    return 0 if row < 0 else int(features[row, column])


@compiled_inline
def note_signal(
    position: Records, rules: Records, side: int, bar: int, features: Floats, column: int
) -> None:
    """Note of the entry that is placed at the close of its signal: when, under which tag, on which values."""
    position.order_signal_bar = bar
    position.order_tag = 0
    if rules.names_signals != 0:
        row = rules.entry_tag_row_long if side > 0 else rules.entry_tag_row_short
        position.order_tag = tag_in(row, features, column)
        for number in range(rules.capture_count):
            position.order_captures[number] = features[rules.capture_rows[number], column]


@compiled_inline
def note_entry(position: Records, rules: Records) -> None:
    """Note in a trade that begins what led to it."""
    position.signal_bar = position.order_signal_bar
    position.entry_tag = position.order_tag
    position.exit_tag = 0
    for number in range(rules.capture_count):
        position.captures[number] = position.order_captures[number]


@compiled_bare
def _tag_that_holds(
    position: Records, rules: Records, side: int, bar: int, close: float, features: Floats, column: int
) -> int:
    """Return the number of the first tag whose condition is known to be true; `_NO_RULE` if there is none.

    The position's state is that of a position on the rule's side; without one it is missing.
    """
    if side > 0:
        count, steps, arguments = rules.exit_steps_long, rules.exit_codes_long, rules.exit_arguments_long
    else:
        count, steps, arguments = rules.exit_steps_short, rules.exit_codes_short, rules.exit_arguments_short
    stack = position.stack
    top = -1
    for at in range(count):
        step, argument = steps[at], arguments[at]
        if step <= _CAPTURED:
            top += 1
            if step == _NUMBER:
                stack[top] = argument
            elif step == _ROW:
                stack[top] = _known(features[int(argument), column])
            else:
                stack[top] = _state(position, side, step, int(argument), bar, close)
        elif step == _RESULT:
            if stack[top] == 1.0:
                return int(argument)
            top -= 1
        elif step == _NOT:
            stack[top] = 1.0 - stack[top]
        elif step == _SIZE:
            stack[top] = abs(stack[top])
        elif step in (_BETWEEN, _NEAR_PCT, _NEAR_ABS):
            top -= 2
            stack[top] = _of_three(step, stack[top], stack[top + 1], stack[top + 2])
        else:
            top -= 1
            if step == _RELATED:
                stack[top] = _related(int(argument), stack[top], stack[top + 1])
            elif step in (_AND, _OR):
                stack[top] = _joined(step, stack[top], stack[top + 1])
            else:
                stack[top] = _calculated(step, stack[top], stack[top + 1])
    return _NO_RULE


@compiled_bare
def _known(value: float) -> float:
    return value if abs(value) < np.inf else np.nan


@compiled_bare
def _state(position: Records, side: int, step: int, number: int, bar: int, close: float) -> float:
    if position.direction != side:
        return np.nan
    if step == _BARS_IN_TRADE:
        return float(bar - position.entry_bar + 1)
    if step == _ENTRY_PRICE:
        return position.entry_price
    if step == _CAPTURED:
        return _known(position.captures[number])
    moved = side * (close - position.entry_price)
    if step == _UNREALISED_R:
        return _known(moved / position.risk_distance) if position.risk_distance > 0.0 else np.nan
    return 100.0 * moved / position.entry_price


@compiled_bare
def _of_three(step: int, value: float, second: float, third: float) -> float:
    if np.isnan(value) or np.isnan(second) or np.isnan(third):
        return np.nan
    if step == _BETWEEN:
        return 1.0 if second <= value <= third else 0.0
    allowed = abs(second) * third / 100.0 if step == _NEAR_PCT else third
    return 1.0 if abs(value - second) <= allowed else 0.0


@compiled_bare
def _related(wanted: int, left: float, right: float) -> float:
    if np.isnan(left) or np.isnan(right):
        return np.nan
    relation = 1 if left > right else 2 if left < right else 4
    return 1.0 if (wanted & relation) != 0 else 0.0


@compiled_bare
def _joined(step: int, left: float, right: float) -> float:
    decisive = 0.0 if step == _AND else 1.0
    if decisive in (left, right):
        return decisive
    return np.nan if np.isnan(left) or np.isnan(right) else 1.0 - decisive


@compiled_bare
def _calculated(step: int, left: float, right: float) -> float:
    if step == _ADD:
        return _known(left + right)
    if step == _SUBTRACT:
        return _known(left - right)
    if step == _MULTIPLY:
        return _known(left * right)
    if np.isnan(left) or np.isnan(right):
        return np.nan
    if step == _SMALLER:
        return min(left, right)
    if step == _LARGER:
        return max(left, right)
    if right == 0.0:
        return np.nan
    # the remainder has the sign of the divisor
    return _known(left / right) if step == _DIVIDE else left % right
