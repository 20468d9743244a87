"""What can be seen at one exec bar: the view that strategies and explanations get."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Any, Literal, Protocol

from engine.errors import SimulationError
from engine.runtime.alignment import EXEC_ROLE
from engine.timeframes import Timeframe


class SnapshotFeed(Protocol):
    """One timeframe of a store."""

    @property
    def timeframe(self) -> Timeframe:
        """Length of its bars."""
        ...

    @property
    def ts_open(self) -> Any:
        """When each bar opened, epoch ms, by row."""
        ...


class SnapshotStore(Protocol):
    """What a view reads from: all that is known (`MultiTFFeedStore`) or has been shown (`UnfoldingStore`)."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The timeframes there are."""
        ...

    def __len__(self) -> int: ...

    def feed(self, role: str) -> SnapshotFeed:
        """Return one timeframe; SimulationError if there is none."""
        ...

    def row_at(self, bar_index: int, role: str) -> int:
        """Return the row of a timeframe's last bar closed by the close of an exec bar; -1 where none is."""
        ...

    def value(self, bar_index: int, name: str, role: str = EXEC_ROLE, offset: int = 0) -> float:
        """Return a column's value as visible at an exec bar, `offset` of its own bars back."""
        ...


@dataclass(frozen=True)
class OpenPosition:
    """The position that is open at a close.

    Attributes
    ----------
    direction : str
        "long" or "short".
    size : float
        Base coin, above 0.
    entry_price, stop_price, target_price, liquidation_price : float
        USDT; NaN for a level that is not set. The target is the nearest that is left.
    unrealised_pnl_usdt : float
        At this close, without what leaving will cost.
    bars_held : int
        Exec bars, that of the entry and this one included.
    """

    direction: Literal["long", "short"]
    size: float
    entry_price: float
    stop_price: float
    target_price: float
    liquidation_price: float
    unrealised_pnl_usdt: float
    bars_held: int


@dataclass(frozen=True)
class TFContext:
    """One timeframe as it was visible at one exec bar.

    Attributes
    ----------
    role : str
    bar_index : int
        Row of its last closed bar in its own feed; -1 if none had closed yet.
    """

    role: str
    bar_index: int
    _store: SnapshotStore = field(repr=False)
    _exec_index: int = field(repr=False)

    @property
    def timeframe(self) -> Timeframe:
        """Length of its bars."""
        return self._store.feed(self.role).timeframe

    @property
    def ts_open(self) -> int | None:
        """When its last closed bar opened, epoch ms; None if none had closed yet."""
        return None if self.bar_index < 0 else int(self._store.feed(self.role).ts_open[self.bar_index])

    @property
    def ts_close(self) -> int | None:
        """When its last closed bar closed, epoch ms; None if none had closed yet."""
        opened = self.ts_open
        return None if opened is None else self.timeframe.close(opened)

    def value(self, name: str, offset: int = 0) -> float:
        """Return a column's value `offset` of its own bars back; NaN where there was no such bar."""
        return self._store.value(self._exec_index, name, self.role, offset)


@dataclass(frozen=True)
class RuntimeSnapshotView:
    """Everything that is known at the close of one exec bar, and nothing that came later.

    Parameters
    ----------
    store : SnapshotStore
    bar_index : int
        Row of the exec bar that has just closed.
    position : OpenPosition, optional
        The position that is open at its close, None without one.
    equity_usdt : float, optional
        The account at its close, NaN where the view belongs to none.

    Raises
    ------
    SimulationError
        If there is no such bar.
    """

    _store: SnapshotStore = field(repr=False)
    bar_index: int
    position: OpenPosition | None = None
    equity_usdt: float = nan

    def __post_init__(self) -> None:
        if not 0 <= self.bar_index < len(self._store):
            raise SimulationError(
                f"there is no exec bar {self.bar_index}", way_out=f"the bars are 0 to {len(self._store) - 1}"
            )

    @property
    def ts_open(self) -> int:
        """When the exec bar opened, epoch ms."""
        return int(self._store.feed(EXEC_ROLE).ts_open[self.bar_index])

    @property
    def ts_close(self) -> int:
        """When the exec bar closed, epoch ms: the moment this view stands at."""
        return self._store.feed(EXEC_ROLE).timeframe.close(self.ts_open)

    @property
    def roles(self) -> tuple[str, ...]:
        """The timeframes that can be asked."""
        return self._store.roles

    def value(self, name: str, role: str = EXEC_ROLE, offset: int = 0) -> float:
        """Return a column's value on the last closed bar of `role`, or `offset` of that role's bars before.

        Returns
        -------
        float
            NaN where there was no such bar yet, or no value.

        Raises
        ------
        SimulationError
            If role or column does not exist, the column is text, or `offset` is negative.
        """
        return self._store.value(self.bar_index, name, role, offset)

    def context(self, role: str) -> TFContext:
        """Return one timeframe as it is visible now.

        Raises
        ------
        SimulationError
            If there is no such role.
        """
        bar_index = self._store.row_at(self.bar_index, role)
        return TFContext(role, bar_index, self._store, self.bar_index)
