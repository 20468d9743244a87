"""Leaves that look at one bar: comparison, range, list, nearness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

import numpy as np

from engine.rules.columns import BoolArray, FloatArray
from engine.rules.kernels import listed, near, related, within
from engine.rules.nodes import OPERAND_SCHEMA, Leaf, NodeParser
from engine.rules.operands import Number, Operand

_PAIR_SCHEMA = {"type": "array", "items": OPERAND_SCHEMA, "minItems": 2, "maxItems": 2}

# which of greater, less and equal an operator is true for
_COMPARISONS: dict[str, tuple[bool, bool, bool]] = {
    ">": (True, False, False),
    "<": (False, True, False),
    ">=": (True, False, True),
    "<=": (False, True, True),
    "==": (False, False, True),
    "!=": (True, True, False),
}


@dataclass(frozen=True)
class Comparison(Leaf):
    """`[a, ">", b]`, and <, >=, <=, ==, !=. Equality is exact."""

    operators: ClassVar[tuple[str, ...]] = tuple(_COMPARISONS)

    left: Operand
    operator: str
    right: Operand

    @override
    @classmethod
    def parse(cls, left: Operand, operator: str, right: Any, parser: NodeParser, where: str) -> Self | None:
        against = parser.operand(right, where)
        return None if against is None else cls(left, operator, against)

    @override
    @classmethod
    def right_schema(cls) -> dict[str, Any]:
        return OPERAND_SCHEMA

    @override
    def operands(self) -> tuple[Operand, ...]:
        return self.left, self.right

    @override
    def flag(self, values: tuple[FloatArray, ...], wanted: bool, flags: BoolArray) -> None:
        # of two finite values exactly one of the three is true, so the others tell where it fails
        left, right = values
        greater, less, equal = (true is wanted for true in _COMPARISONS[self.operator])
        related(left, right, greater, less, equal, flags)

    @override
    def text(self) -> str:
        return f"{self.left.text()} {self.operator} {self.right.text()}"


@dataclass(frozen=True)
class Between(Leaf):
    """`[a, between, [low, high]]`, both ends included."""

    operators: ClassVar[tuple[str, ...]] = ("between",)

    left: Operand
    low: Operand
    high: Operand

    @override
    @classmethod
    def parse(cls, left: Operand, operator: str, right: Any, parser: NodeParser, where: str) -> Self | None:
        bounds = parser.two_operands(right, where, "[low, high]")
        if bounds is None:
            return None
        low, high = bounds
        if isinstance(low, Number) and isinstance(high, Number) and low.value > high.value:
            parser.problem(where, "is a range that holds nothing", "write the lower bound first", right)
            return None
        return cls(left, low, high)

    @override
    @classmethod
    def right_schema(cls) -> dict[str, Any]:
        return _PAIR_SCHEMA

    @override
    def operands(self) -> tuple[Operand, ...]:
        return self.left, self.low, self.high

    @override
    def flag(self, values: tuple[FloatArray, ...], wanted: bool, flags: BoolArray) -> None:
        value, low, high = values
        within(value, low, high, wanted, flags)

    @override
    def text(self) -> str:
        return f"{self.left.text()} between [{self.low.text()}, {self.high.text()}]"


@dataclass(frozen=True)
class OneOf(Leaf):
    """`[a, in, [1, 2, 3]]`: exactly equal to one of the numbers."""

    operators: ClassVar[tuple[str, ...]] = ("in",)

    left: Operand
    numbers: tuple[float, ...]

    @override
    @classmethod
    def parse(cls, left: Operand, operator: str, right: Any, parser: NodeParser, where: str) -> Self | None:
        listed = right if isinstance(right, list | tuple) else ()
        parsed = [parser.operand(item, f"{where}[{position}]") for position, item in enumerate(listed)]
        numbers = [operand.value for operand in parsed if isinstance(operand, Number)]
        if not listed or len(numbers) < len(parsed):
            parser.problem(where, "is not a list of numbers", "write the values as [1, 2, 3]", right)
            return None
        return cls(left, tuple(numbers))

    @override
    @classmethod
    def right_schema(cls) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "number"}, "minItems": 1}

    @override
    def operands(self) -> tuple[Operand, ...]:
        return (self.left,)

    @override
    def flag(self, values: tuple[FloatArray, ...], wanted: bool, flags: BoolArray) -> None:
        listed(values[0], np.array(self.numbers, np.float64), wanted, flags)

    @override
    def text(self) -> str:
        return f"{self.left.text()} in [{', '.join(f'{number:.15g}' for number in self.numbers)}]"


@dataclass(frozen=True)
class Near(Leaf):
    """`[a, near_pct, [b, 0.5]]`: at most 0.5 % of b away from b. `near_abs`: at most that much away."""

    operators: ClassVar[tuple[str, ...]] = ("near_pct", "near_abs")

    left: Operand
    operator: str
    right: Operand
    tolerance: Operand

    @override
    @classmethod
    def parse(cls, left: Operand, operator: str, right: Any, parser: NodeParser, where: str) -> Self | None:
        pair = parser.two_operands(right, where, "[what, tolerance]")
        if pair is None:
            return None
        against, tolerance = pair
        if isinstance(tolerance, Number) and tolerance.value < 0:
            way_out = "a tolerance is 0 or more"
            parser.problem(f"{where}[1]", "is below 0, so nothing is that near", way_out, tolerance.value)
            return None
        return cls(left, operator, against, tolerance)

    @override
    @classmethod
    def right_schema(cls) -> dict[str, Any]:
        return _PAIR_SCHEMA

    @override
    def operands(self) -> tuple[Operand, ...]:
        return self.left, self.right, self.tolerance

    @override
    def flag(self, values: tuple[FloatArray, ...], wanted: bool, flags: BoolArray) -> None:
        value, against, tolerance = values
        near(value, against, tolerance, self.operator == "near_pct", wanted, flags)

    @override
    def text(self) -> str:
        return f"{self.left.text()} {self.operator} [{self.right.text()}, {self.tolerance.text()}]"
