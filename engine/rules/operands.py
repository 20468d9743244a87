"""Operands: what stands left and right of an operator. Numbers, names and calculations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import override

import numpy as np

from engine.rules.columns import Columns, FloatArray, Series, both, presence
from engine.rules.names import Reference


class Operand(ABC):
    """A node that has a value at each exec bar, or none where it is missing."""

    @abstractmethod
    def series(self, columns: Columns) -> Series:
        """Return the values; use `Columns.series`, which remembers them."""

    @abstractmethod
    def references(self) -> frozenset[Reference]:
        """Return every column the operand reads."""

    @abstractmethod
    def text(self) -> str:
        """Return the operand as a person would write it."""


@dataclass(frozen=True)
class Number(Operand):
    """A number of the card."""

    value: float

    @override
    def series(self, columns: Columns) -> Series:
        return Series(np.array(self.value), None)

    @override
    def references(self) -> frozenset[Reference]:
        return frozenset()

    @override
    def text(self) -> str:
        return f"{self.value:.15g}"


@dataclass(frozen=True)
class Column(Operand):
    """A price, volume or feature, as written in the card."""

    reference: Reference
    written: str

    @override
    def series(self, columns: Columns) -> Series:
        return columns.read(self.reference)

    @override
    def references(self) -> frozenset[Reference]:
        return frozenset((self.reference,))

    @override
    def text(self) -> str:
        return self.written


@dataclass(frozen=True)
class Calculation:
    """What an arithmetic operator does, and how many operands it takes."""

    apply: Callable[[FloatArray, FloatArray], FloatArray]
    chains: bool
    """Whether more than two operands may follow one another."""


CALCULATIONS: dict[str, Calculation] = {
    "+": Calculation(np.add, chains=True),
    "-": Calculation(np.subtract, chains=False),
    "*": Calculation(np.multiply, chains=True),
    "/": Calculation(np.divide, chains=False),
    # the remainder has the sign of the divisor, as in Python
    "%": Calculation(np.mod, chains=False),
}


@dataclass(frozen=True)
class Arithmetic(Operand):
    """`{operator: [first, second, ...]}`, from left to right.

    Missing where an operand is missing and where the result is not finite (a division by zero).
    """

    operator: str
    parts: tuple[Operand, ...]

    @override
    def series(self, columns: Columns) -> Series:
        every = [columns.series(part) for part in self.parts]
        with np.errstate(all="ignore"):
            values = reduce(CALCULATIONS[self.operator].apply, (series.values for series in every))
        present = both(reduce(both, (series.present for series in every)), presence(values))
        # a missing constant (1 / 0) makes every bar missing
        return Series(values, None if present is None else np.broadcast_to(present, values.shape))

    @override
    def references(self) -> frozenset[Reference]:
        return frozenset().union(*(part.references() for part in self.parts))

    @override
    def text(self) -> str:
        return "(" + f" {self.operator} ".join(part.text() for part in self.parts) + ")"
