"""Operands: what stands left and right of an operator. Numbers, names and calculations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
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


class Takes(Enum):
    """How many operands a calculation has, and so how it is written."""

    ONE = "one"  # {abs: a}
    TWO = "two"  # {"-": [a, b]}
    SEVERAL = "several"  # {"+": [a, b, ...]}


@dataclass(frozen=True)
class Calculation:
    """What an operator of a calculation does."""

    apply: Callable[..., FloatArray]
    """Of one array, or of two; several operands are taken from left to right."""
    takes: Takes
    hides_infinity: bool = False
    """Whether an infinite operand, which counts as missing, could give a finite result."""


CALCULATIONS: dict[str, Calculation] = {
    "+": Calculation(np.add, Takes.SEVERAL),
    "-": Calculation(np.subtract, Takes.TWO),
    "*": Calculation(np.multiply, Takes.SEVERAL),
    "/": Calculation(np.divide, Takes.TWO, hides_infinity=True),
    # the remainder has the sign of the divisor, as in Python
    "%": Calculation(np.mod, Takes.TWO, hides_infinity=True),
    "min": Calculation(np.minimum, Takes.SEVERAL, hides_infinity=True),
    "max": Calculation(np.maximum, Takes.SEVERAL, hides_infinity=True),
    "abs": Calculation(np.abs, Takes.ONE),
}


@dataclass(frozen=True)
class Arithmetic(Operand):
    """`{operator: [first, second, ...]}`, from left to right, and `{abs: operand}`.

    Missing where an operand is missing and where the result is not finite (a division by zero).
    """

    operator: str
    parts: tuple[Operand, ...]

    @override
    def values(self, columns: Columns) -> FloatArray:
        calculation = CALCULATIONS[self.operator]
        every = [columns.values(part) for part in self.parts]
        if calculation.hides_infinity:
            every = [_nan_where_infinite(each) for each in every]
        with np.errstate(all="ignore"):
            if calculation.takes is Takes.ONE:
                return calculation.apply(*every)
            return reduce(calculation.apply, every)

    @override
    def references(self) -> frozenset[Reference]:
        return frozenset().union(*(part.references() for part in self.parts))

    @override
    def looks_at_position(self) -> bool:
        return any(part.looks_at_position() for part in self.parts)

    @override
    def text(self) -> str:
        if self.operator.isalpha():
            return f"{self.operator}({', '.join(part.text() for part in self.parts)})"
        return "(" + f" {self.operator} ".join(part.text() for part in self.parts) + ")"


def _nan_where_infinite(values: FloatArray) -> FloatArray:
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values
