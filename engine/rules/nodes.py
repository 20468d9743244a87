"""What a node of a condition tree is.

Truth has three values, as in SQL: a leaf is true, false, or unknown where an operand is missing (warm-up, a
timeframe that has not closed yet, a division by zero). `holds` is where a condition is known to be true,
`fails` where it is known to be false; where neither, it is unknown. `not` swaps the two; `all` holds where
every part holds and fails where one fails; `any` the other way round. A rule acts only where it holds, so
a leaf that misses an operand makes nothing fire, neither straight nor under a `not`.

A new kind of condition is a class with `holds`, `fails` and what its base asks for, and an entry in
`engine.rules.language`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, override

import numpy as np

from engine.rules.columns import BoolArray, Columns, FloatArray
from engine.rules.names import Reference
from engine.timeframes import Timeframe

if TYPE_CHECKING:
    from engine.rules.operands import Operand


@dataclass(frozen=True)
class Lookback:
    """A column that is read, and for how long before a decision windows go on reading it, in milliseconds."""

    reference: Reference
    before_ms: int = 0


MISSING = object()
"""Stands for a key that is not there, where that is noted already."""

CONDITION_SCHEMA: dict[str, Any] = {"$ref": "#/$defs/Condition"}
OPERAND_SCHEMA: dict[str, Any] = {"$ref": "#/$defs/Operand"}


class NodeParser(Protocol):
    """What a node class gets to parse its parts with. Problems are collected, not raised."""

    def condition(self, raw: Any, where: str) -> Condition | None:
        """Return the condition that `raw` says, or None if it says none (then a problem is noted)."""
        ...

    def operand(self, raw: Any, where: str) -> Operand | None:
        """Return the operand that `raw` says, or None if it says none (then a problem is noted)."""
        ...

    def two_operands(self, raw: Any, where: str, meaning: str) -> tuple[Operand, Operand] | None:
        """Return the operands of a list of two, which is called `meaning` in the problem noted else."""
        ...

    def block(
        self, raw: Any, where: str, needed: tuple[str, ...], choice: tuple[str, ...] = ()
    ) -> Mapping[str, Any] | None:
        """Return the keys of a block, or None if `raw` is none; a problem is noted for each that is wrong.

        All of `needed` should be there, and one of `choice`. What is missing is `MISSING` in what is
        returned, so that the rest can be read for its own problems: whatever reads it gives None.
        """
        ...

    def number(self, raw: Any, where: str) -> float | None:
        """Return the finite number that `raw` says, or None if it says none (then a problem is noted)."""
        ...

    def whole(self, raw: Any, where: str, at_most: int) -> int | None:
        """Return the whole number from 1 to `at_most` that `raw` says, or None (then a problem is noted)."""
        ...

    def timeframe(self, raw: Any, where: str) -> Timeframe | None:
        """Return the timeframe of the role that `raw` names, or None (then a problem is noted)."""
        ...

    def setup(self, raw: Any, where: str) -> Condition | None:
        """Return the condition of the setup that `raw` names, or None (then a problem is noted)."""
        ...

    def problem(self, where: str, problem: str, way_out: str, value: object = None) -> None:
        """Note what is wrong at a key path."""
        ...


class Condition(ABC):
    """A node that is true, false or unknown at each exec bar."""

    @abstractmethod
    def holds(self, columns: Columns) -> BoolArray:
        """Return where the condition is known to be true; use `Columns.holds`, which remembers it."""

    @abstractmethod
    def fails(self, columns: Columns) -> BoolArray:
        """Return where the condition is known to be false; use `Columns.fails`, which remembers it."""

    @abstractmethod
    def text(self) -> str:
        """Return the condition as a person would write it on one line."""

    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions this one is made of."""
        return ()

    def operands(self) -> tuple[Operand, ...]:
        """Return the operands this condition compares."""
        return ()

    def references(self) -> frozenset[Reference]:
        """Return every column the condition reads."""
        parts: Iterable[Condition | Operand] = (*self.conditions(), *self.operands())
        return frozenset().union(*(part.references() for part in parts))

    def looks_at_position(self) -> bool:
        """Return whether the condition reads the state of the open position, as only an exit rule may."""
        parts: Iterable[Condition | Operand] = (*self.conditions(), *self.operands())
        return any(part.looks_at_position() for part in parts)

    def before_ms(self) -> int:
        """Return how long before a decision the conditions this one is made of are still looked at."""
        return 0

    def lookbacks(self) -> frozenset[Lookback]:
        """Return every column the condition reads, and for how long before a decision."""
        own = (Lookback(reference) for part in self.operands() for reference in part.references())
        inner: frozenset[Lookback] = frozenset().union(*(part.lookbacks() for part in self.conditions()))
        before = self.before_ms()
        return frozenset(own).union(Lookback(each.reference, each.before_ms + before) for each in inner)

    def looked_at(self, columns: Columns, bar: int) -> tuple[tuple[Condition, int], ...]:
        """Return the conditions that tell why this one has its verdict at an exec bar, and at which bars."""
        del columns
        return tuple((part, bar) for part in self.conditions())

    def decided_by(self, truth: bool | None) -> bool | None:
        """Return the verdict a part has where it is a reason for this condition's own."""
        return truth

    def remark(self, columns: Columns, bar: int) -> str:
        """Return what a person would want to know of the verdict at an exec bar beside its parts."""
        del columns, bar
        return ""


@dataclass(frozen=True)
class Named(Condition):
    """A condition under a name; it says what the condition says."""

    name: str
    condition: Condition

    @override
    def conditions(self) -> tuple[Condition, ...]:
        return (self.condition,)

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return columns.holds(self.condition)

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return columns.fails(self.condition)


class Leaf(Condition):
    """A condition written `[left, operator, right]`. Unknown where any of its operands is missing."""

    operators: ClassVar[tuple[str, ...]]
    """The operators this class gives a meaning."""

    @classmethod
    @abstractmethod
    def parse(cls, left: Operand, operator: str, right: Any, parser: NodeParser, where: str) -> Self | None:
        """Return the leaf, or None after noting what is wrong with `right`, which stands at `where`."""

    @classmethod
    @abstractmethod
    def right_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the right-hand side."""

    @abstractmethod
    def flag(self, values: tuple[FloatArray, ...], wanted: bool, flags: BoolArray) -> None:
        """Set `flags` where all of `values`, those of `operands()`, are finite and the leaf is `wanted`.

        Each has one value per flag, or a single one if it is a constant; there is at least one flag.
        """

    @override
    def holds(self, columns: Columns) -> BoolArray:
        return self._flags(columns, True)

    @override
    def fails(self, columns: Columns) -> BoolArray:
        return self._flags(columns, False)

    def _flags(self, columns: Columns, wanted: bool) -> BoolArray:
        values = tuple(columns.values(operand) for operand in self.operands())
        flags = np.empty(np.broadcast_shapes(*(array.shape for array in values)), np.bool_)
        if flags.size:
            self.flag(values, wanted, flags)
        return flags


class Group(Condition):
    """A condition written `{key: ...}`."""

    key: ClassVar[str]
    """The key that names this kind of group."""

    @classmethod
    @abstractmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        """Return the group that stands under its key at `where`, or None after noting what is wrong."""

    @classmethod
    @abstractmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON schema of what stands under the key."""
