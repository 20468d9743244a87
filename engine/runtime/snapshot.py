"""What can be seen at one exec bar: the view that strategies and explanations get."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import SimulationError
from engine.runtime.alignment import EXEC_ROLE
from engine.runtime.feed import MultiTFFeedStore
from engine.timeframes import Timeframe


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
    _store: MultiTFFeedStore = field(repr=False)
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
        return None if self.bar_index < 0 else int(self._store.feed(self.role).ts_close[self.bar_index])

    def value(self, name: str, offset: int = 0) -> float:
        """Return a column's value `offset` of its own bars back; NaN where there was no such bar."""
        return self._store.value(self._exec_index, name, self.role, offset)


@dataclass(frozen=True)
class RuntimeSnapshotView:
    """Everything that is known at the close of one exec bar, and nothing that came later.

    Parameters
    ----------
    store : MultiTFFeedStore
    bar_index : int
        Row of the exec bar that has just closed.

    Raises
    ------
    SimulationError
        If there is no such bar.
    """

    _store: MultiTFFeedStore = field(repr=False)
    bar_index: int

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
        return int(self._store.feed(EXEC_ROLE).ts_close[self.bar_index])

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
