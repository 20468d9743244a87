"""Columns as conditions see them: values on the exec grid, missing where they are not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from engine.rules.anchors import Anchor, Slots
    from engine.rules.nodes import Condition
    from engine.rules.operands import Operand

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]
type IntArray = npt.NDArray[np.int64]


class ColumnSource(Protocol):
    """Where columns come from; `engine.runtime.feed.MultiTFFeedStore` is one."""

    def column(self, name: str, role: str, offset: int) -> FloatArray:
        """Return the column as it was visible at each exec bar's close: float64, one value per exec bar.

        A higher timeframe gives its last closed bar; `offset` counts back in bars of the role's timeframe.
        NaN where nothing was visible yet. `name` is a column of the feature frame, or one of `SOURCES` and
        `CALENDAR_FIELDS` of `engine.idea_card.features`; the calendar's are those of the exec bar's close.
        """
        ...

    def closes(self, role: str) -> IntArray:
        """Return when each bar of the role's timeframe closes, epoch ms, int64[its bars]."""
        ...

    def visible_from(self, role: str) -> IntArray:
        """Return the exec bar at whose close each bar of the role is first visible, int64[its bars].

        The number of exec bars where a bar is not visible at any.
        """
        ...


class Columns:
    """A column source that computes each operand and condition once, however many others use it.

    Hand the same `Columns` to every rule of a card to share the work among them. What it returns cannot be
    written to.

    Parameters
    ----------
    source : ColumnSource
    position : mapping of str to float, optional
        What an exit rule may know of the open position, by name, where all bars but one are of no interest.
        Missing without it.
    """

    def __init__(self, source: ColumnSource, position: Mapping[str, float] | None = None) -> None:
        self._source = source
        self.position: Mapping[str, float] = position or {}
        self._values: dict[Operand, FloatArray] = {}
        self._verdicts: dict[tuple[Condition, bool], BoolArray] = {}
        self._slots: dict[Anchor, Slots] = {}

    @classmethod
    def over(cls, source: ColumnSource) -> Columns:
        """Return `source` itself if it remembers already, else a new memory over it."""
        return source if isinstance(source, Columns) else cls(source)

    def column(self, name: str, role: str, offset: int) -> FloatArray:
        """Return a column of the source."""
        return self._source.column(name, role, offset)

    def closes(self, role: str) -> IntArray:
        """Return when each bar of a timeframe closes."""
        return self._source.closes(role)

    def visible_from(self, role: str) -> IntArray:
        """Return the exec bar at whose close each bar of a timeframe is first visible."""
        return self._source.visible_from(role)

    def slots(self, anchor: Anchor) -> Slots:
        """Return the places that windows on an anchor count."""
        known = self._slots.get(anchor)
        if known is None:
            known = self._slots[anchor] = anchor.slots(self)
        return known

    def values(self, operand: Operand) -> FloatArray:
        """Return the values of an operand on the exec grid; a constant has a single one.

        A value that is not finite is missing.
        """
        known = self._values.get(operand)
        if known is None:
            known = self._values[operand] = _fixed(operand.values(self))
        return known

    def value(self, operand: Operand, bar: int) -> float | None:
        """Return the value of an operand at one exec bar, None where it is missing."""
        values = self.values(operand)
        value = float(values[bar if len(values) > 1 else 0])
        return value if math.isfinite(value) else None

    def holds(self, condition: Condition) -> BoolArray:
        """Return where a condition is known to be true."""
        return self._verdict(condition, True)

    def fails(self, condition: Condition) -> BoolArray:
        """Return where a condition is known to be false."""
        return self._verdict(condition, False)

    def truth(self, condition: Condition, bar: int) -> bool | None:
        """Return the verdict at one exec bar, None where it is unknown."""
        if self.holds(condition)[bar]:
            return True
        return False if self.fails(condition)[bar] else None

    def _verdict(self, condition: Condition, wanted: bool) -> BoolArray:
        known = self._verdicts.get((condition, wanted))
        if known is None:
            found = condition.holds(self) if wanted else condition.fails(self)
            known = self._verdicts[condition, wanted] = _fixed(found)
        return known


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # one kind of array for the compiled passes, wherever it came from
    fixed = np.ascontiguousarray(array).view()
    fixed.flags.writeable = False
    return fixed
