"""Leaves that look at two exec bars: crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

import numpy as np

from engine.rules.columns import BoolArray, Columns, FloatArray
from engine.rules.nodes import OPERAND_SCHEMA, Leaf, NodeParser
from engine.rules.operands import Operand


@dataclass(frozen=True)
class Crossing(Leaf):
    """`[a, cross_above, b]`: a > b now, and a <= b at the exec bar before. `cross_below` the other way.

    Values of a higher timeframe stand still between its closes, so its crossing is true on one exec bar only:
    the one at whose close it became visible. Unknown where a value is missing at either of the two bars.
    """

    operators: ClassVar[tuple[str, ...]] = ("cross_above", "cross_below")

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
    def test(self, *values: FloatArray) -> BoolArray:
        left, right = values
        above = self.operator == "cross_above"
        beyond = left > right if above else left < right
        crossed = np.zeros_like(beyond)
        np.logical_and(beyond[1:], (left <= right if above else left >= right)[:-1], out=crossed[1:])
        return crossed

    @override
    def verdict(self, columns: Columns) -> tuple[BoolArray, BoolArray | None]:
        crossed, present = super().verdict(columns)
        present_now = np.broadcast_to(True if present is None else present, crossed.shape)
        at_both_bars = np.zeros_like(crossed)
        np.logical_and(present_now[1:], present_now[:-1], out=at_both_bars[1:])
        return crossed, at_both_bars

    @override
    def text(self) -> str:
        return f"{self.left.text()} {self.operator} {self.right.text()}"
