"""Operands that only an exit rule has: the state of the open position, and values captured at its entry.

They are known at the closes of exec bars while a position is open, in the loop that opens and closes it; to
a pass over the market alone they are missing. `Columns` can be told what they are at one bar, for `explain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import override

import numpy as np

from engine.rules.columns import Columns, FloatArray
from engine.rules.names import Reference
from engine.rules.operands import Operand


class PositionState(StrEnum):
    """What an exit rule may ask of the open position, as it is at an exec bar's close."""

    BARS_IN_TRADE = "bars_in_trade"
    """Exec bars since the entry, the bar of the entry included: 1 at the close of that bar."""
    UNREALISED_R = "unrealised_r"
    """Way of the close from the average entry price, in units of the initial risk (the distance of the first
    stop from it); above 0 is a gain, before costs. Missing without a stop."""
    UNREALISED_PCT = "unrealised_pct"
    """The same in percent of the average entry price."""
    ENTRY_PRICE = "entry_price"
    """Average price of the fills that entered the position, USDT."""


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
