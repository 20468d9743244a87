"""Columns as conditions see them: values on the exec grid, and where they are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.rules.names import Reference

if TYPE_CHECKING:
    from engine.rules.operands import Operand

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]


class ColumnSource(Protocol):
    """Where columns come from; `engine.runtime.feed.MultiTFFeedStore` is one."""

    def column(self, name: str, role: str, offset: int) -> FloatArray:
        """Return the column as it was visible at each exec bar's close: float64, one value per exec bar.

        A higher timeframe gives its last closed bar; `offset` counts back in bars of the role's timeframe.
        NaN where nothing was visible yet. `name` is a column of the feature frame, or hl2, hlc3 or ohlc4.
        """
        ...


class Series(NamedTuple):
    """Values on the exec grid; a constant has a single one, of no dimension.

    `present` has the shape of `values`: False where one is missing or not finite. None if all are present.
    """

    values: FloatArray
    present: BoolArray | None


class Columns:
    """A column source that computes each operand once, however many conditions use it.

    Hand the same `Columns` to every rule of a card to share the work among them.
    """

    def __init__(self, source: ColumnSource) -> None:
        self._source = source
        self._series: dict[Operand, Series] = {}

    @classmethod
    def over(cls, source: ColumnSource) -> Columns:
        """Return `source` itself if it remembers already, else a new memory over it."""
        return source if isinstance(source, Columns) else cls(source)

    def column(self, name: str, role: str, offset: int) -> FloatArray:
        """Return a column of the source."""
        return self._source.column(name, role, offset)

    def series(self, operand: Operand) -> Series:
        """Return the values of an operand."""
        known = self._series.get(operand)
        if known is None:
            known = self._series[operand] = operand.series(self)
        return known

    def read(self, reference: Reference) -> Series:
        """Return the column of a reference, with its missing values marked."""
        values = self._source.column(reference.name, reference.role, reference.offset)
        return Series(values, presence(values))


def presence(values: FloatArray) -> BoolArray | None:
    """Return where `values` are finite, or None if they all are."""
    finite = np.isfinite(values)
    return None if finite.all() else finite


def both(first: BoolArray | None, second: BoolArray | None) -> BoolArray | None:
    """Return where two series are both present, or None if they are everywhere."""
    if first is None or second is None:
        return second if first is None else first
    return first & second
