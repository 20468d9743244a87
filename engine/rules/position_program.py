"""Exit rules that look at the open position, as a few steps for the bar loop.

What such a rule says about the market alone is worked out before the loop, one row of values per operand or
condition; what is left (the position's state, and what is made of it) becomes steps in postfix order, which
`engine.sim.position_rules` works off on a small stack at the closes at which the rule could hold.

Truth has three values on the stack, as in `engine.rules.nodes`: 1 is true, 0 is false, NaN is unknown. A
value that is not finite is missing, NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from engine.idea_card.position_state import PositionState
from engine.rules.comparisons import Between, Comparison, Near, OneOf
from engine.rules.groups import All, AtLeastOne, Not
from engine.rules.nodes import Condition
from engine.rules.operands import Arithmetic, Number, Operand
from engine.rules.position_values import Captured, PositionValue
from engine.rules.setups import Setup
from engine.rules.tags import Tagged

MOST_STEPS = 128
"""Steps an exit rule may have."""
MOST_DEEP = 32
"""Values that may wait on the stack."""


class Step(IntEnum):
    """What one step does; what it takes comes off the stack, what it gives goes on it."""

    NUMBER = 0  # give the argument
    ROW = 1  # give this row of the market's values; NaN where it is not finite
    BARS_IN_TRADE = 2
    UNREALISED_R = 3
    UNREALISED_PCT = 4
    ENTRY_PRICE = 5
    CAPTURED = 6  # give the value of this number that was captured at the entry
    ADD = 7
    SUBTRACT = 8
    MULTIPLY = 9
    DIVIDE = 10
    REMAINDER = 11
    SMALLER = 12
    LARGER = 13
    SIZE = 14  # without its sign
    RELATED = 15  # the argument adds up what makes it true: 1 greater, 2 less, 4 equal
    BETWEEN = 16
    NEAR_PCT = 17
    NEAR_ABS = 18
    AND = 19
    OR = 20
    NOT = 21
    RESULT = 22  # the rule holds, under the tag of this number, if what is taken is true; else go on


_STATES = {
    PositionState.BARS_IN_TRADE: Step.BARS_IN_TRADE,
    PositionState.UNREALISED_R: Step.UNREALISED_R,
    PositionState.UNREALISED_PCT: Step.UNREALISED_PCT,
    PositionState.ENTRY_PRICE: Step.ENTRY_PRICE,
}
_CALCULATIONS = {
    "+": Step.ADD,
    "-": Step.SUBTRACT,
    "*": Step.MULTIPLY,
    "/": Step.DIVIDE,
    "%": Step.REMAINDER,
    "min": Step.SMALLER,
    "max": Step.LARGER,
    "abs": Step.SIZE,
}
_RELATIONS = {">": 1, "<": 2, ">=": 5, "<=": 6, "==": 4, "!=": 3}

type _Code = list[tuple[Step, float]]


@dataclass(frozen=True)
class PositionProgram:
    """An exit rule in steps.

    Attributes
    ----------
    steps : tuple of (Step, float)
        In postfix order, each with its argument, 0 where it takes none.
    rows : tuple of Operand and Condition
        What is worked out of the market before the loop; the argument of `Step.ROW` counts them.
    """

    steps: tuple[tuple[Step, float], ...]
    rows: tuple[Operand | Condition, ...]


def stack_depth(steps: Sequence[tuple[Step, float]]) -> int:
    """Return how many values wait on the stack at most."""
    depth = deepest = 0
    for step, _ in steps:
        depth += _GIVES.get(step, 1)
        deepest = max(deepest, depth)
    return deepest


# What a step adds to the stack or takes from it; any other gives one value.
_GIVES = (
    dict.fromkeys((Step.RESULT, Step.RELATED, Step.AND, Step.OR, *_CALCULATIONS.values()), -1)
    | dict.fromkeys((Step.BETWEEN, Step.NEAR_PCT, Step.NEAR_ABS), -2)
    | {Step.SIZE: 0, Step.NOT: 0}
)


def can_be_asked(node: Condition) -> bool:
    """Return whether a condition of this kind may be made of the position's state."""
    return type(node) in _CONDITIONS


def position_program(
    rule: Condition, tag_number: Callable[[str], int], captures: Sequence[str]
) -> PositionProgram:
    """Return the steps of an exit rule.

    Parameters
    ----------
    rule : Condition
        A tree whose conditions over the position are all of kinds that `can_be_asked`.
    tag_number : callable
        The number of a tag; that of an untagged rule is 0.
    captures : sequence of str
        The names of the values captured at an entry, in the order of their numbers.
    """
    compiler = _Compiler(tuple(captures))
    code: _Code = []
    parts = (
        [(tag_number(tag.name), tag.condition) for tag in rule.tags]
        if isinstance(rule, Tagged)
        else [(0, rule)]
    )
    for number, condition in parts:
        code += compiler.condition(condition)
        code.append((Step.RESULT, float(number)))
    return PositionProgram(tuple(code), tuple(compiler.rows))


class _Compiler:
    """Makes steps of nodes, and keeps what is to be worked out before."""

    def __init__(self, captures: tuple[str, ...]) -> None:
        self._captures = captures
        self.rows: list[Operand | Condition] = []

    def condition(self, node: Condition) -> _Code:
        if not node.looks_at_position():
            return self._row(node)
        return _CONDITIONS[type(node)](self, node)

    def operand(self, node: Operand) -> _Code:
        if isinstance(node, Number):
            return [(Step.NUMBER, node.value)]
        if isinstance(node, PositionValue):
            return [(_STATES[node.state], 0.0)]
        if isinstance(node, Captured):
            return [(Step.CAPTURED, float(self._captures.index(node.name)))]
        if isinstance(node, Arithmetic) and node.looks_at_position():
            return self._chained(_CALCULATIONS[node.operator], [self.operand(part) for part in node.parts])
        return self._row(node)

    def all_of(self, node: All) -> _Code:
        return self._joined(Step.AND, All, node.parts)

    def any_of(self, node: AtLeastOne) -> _Code:
        return self._joined(Step.OR, AtLeastOne, node.parts)

    def negated(self, node: Not) -> _Code:
        return [*self.condition(node.part), (Step.NOT, 0.0)]

    def named(self, node: Setup) -> _Code:
        return self.condition(node.condition)

    def compared(self, node: Comparison) -> _Code:
        return [*self._operands(node), (Step.RELATED, float(_RELATIONS[node.operator]))]

    def between(self, node: Between) -> _Code:
        return [*self._operands(node), (Step.BETWEEN, 0.0)]

    def near(self, node: Near) -> _Code:
        return [*self._operands(node), (Step.NEAR_PCT if node.operator == "near_pct" else Step.NEAR_ABS, 0.0)]

    def one_of(self, node: OneOf) -> _Code:
        value, equal = self.operand(node.left), float(_RELATIONS["=="])
        each: list[_Code] = [
            [*value, (Step.NUMBER, number), (Step.RELATED, equal)] for number in node.numbers
        ]
        return self._chained(Step.OR, each)

    def _operands(self, node: Condition) -> _Code:
        return [step for operand in node.operands() for step in self.operand(operand)]

    def _joined(self, step: Step, group: Any, parts: Sequence[Condition]) -> _Code:
        # what several parts say about the market is one row
        market = tuple(part for part in parts if not part.looks_at_position())
        codes = [self._row(market[0] if len(market) == 1 else group(market))] if market else []
        codes += [self.condition(part) for part in parts if part.looks_at_position()]
        return self._chained(step, codes)

    @staticmethod
    def _chained(step: Step, codes: list[_Code]) -> _Code:
        chained = list(codes[0])
        if step is Step.SIZE:
            return [*chained, (step, 0.0)]
        for code in codes[1:]:
            chained += [*code, (step, 0.0)]
        return chained

    def _row(self, node: Operand | Condition) -> _Code:
        if node not in self.rows:
            self.rows.append(node)
        return [(Step.ROW, float(self.rows.index(node)))]


_CONDITIONS: dict[type[Condition], Any] = {
    All: _Compiler.all_of,
    AtLeastOne: _Compiler.any_of,
    Not: _Compiler.negated,
    Setup: _Compiler.named,
    Comparison: _Compiler.compared,
    Between: _Compiler.between,
    OneOf: _Compiler.one_of,
    Near: _Compiler.near,
}
