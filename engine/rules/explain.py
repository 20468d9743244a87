"""Why a condition held at a bar, or did not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.rules.columns import Columns, ColumnSource, FloatArray
from engine.rules.nodes import Condition


@dataclass(frozen=True)
class Explanation:
    """A condition at one bar.

    `truth` is None where it is unknown; `values` gives each operand of a leaf as written and its value, None
    where it is missing.
    """

    text: str
    truth: bool | None
    values: tuple[tuple[str, float | None], ...]
    parts: tuple[Explanation, ...]


def explain(condition: Condition, columns: ColumnSource, bar: int) -> Explanation:
    """Return the truth of a condition and of everything it is made of, at exec bar `bar`.

    Raises
    ------
    IndexError
        If there is no such bar.
    """
    memory = Columns.over(columns)
    if not 0 <= bar < len(condition.holds(memory)):
        raise IndexError(f"there is no exec bar {bar}")
    return _explained(condition, memory, bar)


def _explained(condition: Condition, columns: Columns, bar: int) -> Explanation:
    truth: bool | None = None
    if columns.holds(condition)[bar]:
        truth = True
    elif columns.fails(condition)[bar]:
        truth = False
    values = tuple((part.text(), _value_at(columns.values(part), bar)) for part in condition.operands())
    parts = tuple(_explained(part, columns, bar) for part in condition.conditions())
    return Explanation(condition.text(), truth, values, parts)


def _value_at(values: FloatArray, bar: int) -> float | None:
    value = float(values[bar if len(values) > 1 else 0])
    return value if math.isfinite(value) else None
