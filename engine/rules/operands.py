"""Operands: what stands left and right of an operator. Numbers, names and calculations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import override

import numpy as np

from engine.rules.columns import Columns, FloatArray
from engine.rules.names import Reference


class Operand(ABC):
    """A node that has a value at each exec bar, or none where it is missing."""

    @abstractmethod
    def values(self, columns: Columns) -> FloatArray:
        """Return the values, not finite where one is missing; use `Columns.values`, which remembers them."""

    @abstractmethod
    def references(self) -> frozenset[Reference]:
        """Return every column the operand reads."""

    def looks_at_position(self) -> bool:
        """Return whether the operand reads the state of the open position, as only an exit rule may."""
        return False

    @abstractmethod
    def text(self) -> str:
        """Return the operand as a person would write it."""


@dataclass(frozen=True)
class Number(Operand):
    """A number of the card."""

    value: float

    @override
    def values(self, columns: Columns) -> FloatArray:
        return np.array([self.value])

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
    def values(self, columns: Columns) -> FloatArray:
        return columns.column(self.reference.name, self.reference.role, self.reference.offset)

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
    divides: bool = False
    """Whether an infinite second operand, which counts as missing, could give a finite result."""


CALCULATIONS: dict[str, Calculation] = {
    "+": Calculation(np.add, chains=True),
    "-": Calculation(np.subtract, chains=False),
    "*": Calculation(np.multiply, chains=True),
    "/": Calculation(np.divide, chains=False, divides=True),
    # the remainder has the sign of the divisor, as in Python
    "%": Calculation(np.mod, chains=False, divides=True),
}


@dataclass(frozen=True)
class Arithmetic(Operand):
    """`{operator: [first, second, ...]}`, from left to right.

    Missing where an operand is missing and where the result is not finite (a division by zero).
    """

    operator: str
    parts: tuple[Operand, ...]

    @override
    def values(self, columns: Columns) -> FloatArray:
        calculation = CALCULATIONS[self.operator]
        every = [columns.values(part) for part in self.parts]
        if calculation.divides:
            every[1:] = [_nan_where_infinite(divisor) for divisor in every[1:]]
        with np.errstate(all="ignore"):
            return reduce(calculation.apply, every)

    @override
    def references(self) -> frozenset[Reference]:
        return frozenset().union(*(part.references() for part in self.parts))

    @override
    def looks_at_position(self) -> bool:
        return any(part.looks_at_position() for part in self.parts)

    @override
    def text(self) -> str:
        return "(" + f" {self.operator} ".join(part.text() for part in self.parts) + ")"


def _nan_where_infinite(values: FloatArray) -> FloatArray:
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values
