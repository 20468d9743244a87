"""Leaves that look at two exec bars: crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

from engine.rules.columns import BoolArray, Columns, FloatArray
from engine.rules.kernels import crossed
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
    def flag(self, values: tuple[FloatArray, ...], wanted: bool, flags: BoolArray) -> None:
        left, right = values
        crossed(left, right, self.operator == "cross_above", wanted, flags)

    @override
    def remark(self, columns: Columns, bar: int) -> str:
        if not bar:
            return "there is no bar before"
        before = ((side.text(), columns.value(side, bar - 1)) for side in self.operands())
        said = (f"{name} {'missing' if value is None else f'{value:.15g}'}" for name, value in before)
        return f"at the bar before: {', '.join(said)}"

    @override
    def text(self) -> str:
        return f"{self.left.text()} {self.operator} {self.right.text()}"
