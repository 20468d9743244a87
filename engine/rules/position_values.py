"""Operands that only an exit rule has: the state of the open position, and values captured at its entry.

They are known at the closes of exec bars while a position is open, in the loop that opens and closes it; to
a pass over the market alone they are missing. `Columns` can be told what they are at one bar, for `explain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

import numpy as np

from engine.idea_card.position_state import PositionState
from engine.rules.columns import Columns, FloatArray
from engine.rules.names import Reference
from engine.rules.operands import Operand


@dataclass(frozen=True)
class _OfPosition(Operand):
    """Shared by both: missing but where the columns are told otherwise."""

    @property
    def written(self) -> str:
        """The name, as written in the card."""
        raise NotImplementedError

    @override
    def values(self, columns: Columns) -> FloatArray:
        length = len(columns.column("close", "exec", 0))
        return np.full(length, columns.position.get(self.written, np.nan))

    @override
    def references(self) -> frozenset[Reference]:
        return frozenset()

    @override
    def looks_at_position(self) -> bool:
        return True

    @override
    def text(self) -> str:
        return self.written


@dataclass(frozen=True)
class PositionValue(_OfPosition):
    """`bars_in_trade`, `unrealised_r`, `unrealised_pct`, `entry_price`."""

    state: PositionState

    @property
    @override
    def written(self) -> str:
        return self.state.value


@dataclass(frozen=True)
class Captured(_OfPosition):
    """A name of `signal_rules.captures`: what it stood for at the close whose signal led to the entry."""

    name: str

    @property
    @override
    def written(self) -> str:
        return self.name
