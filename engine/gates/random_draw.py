"""What random cards are drawn with: chances, and a record of every kind of thing that came up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass
class Kinds:
    """Which kinds of things were drawn: by family ("condition"), the kinds in it ("holds_for")."""

    drawn: dict[str, set[str]] = field(default_factory=dict)

    def note(self, family: str, kind: str) -> None:
        """Note that a kind of `family` was drawn."""
        self.drawn.setdefault(family, set()).add(kind)


@dataclass(frozen=True)
class Draw:
    """Chances and what came of them.

    Attributes
    ----------
    rng : Random
    kinds : Kinds
    """

    rng: Random
    kinds: Kinds

    def one(self, family: str, table: Mapping[str, Callable[[Draw], Any]]) -> Any:
        """Return what one of the kinds of a family makes."""
        kind = self.rng.choice(sorted(table))
        self.kinds.note(family, kind)
        return table[kind](self)

    def between(self, low: float, high: float) -> float:
        """Return a number with three decimals."""
        return round(self.rng.uniform(low, high), 3)

    def sometimes(self, family: str, kind: str, chance: float = 0.35) -> bool:
        """Return whether a card has something it need not have."""
        if self.rng.random() >= chance:
            return False
        self.kinds.note(family, kind)
        return True
