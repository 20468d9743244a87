"""What windows and sequences count in: the bars of one timeframe, or its grid.

A condition is looked at when decisions are taken, at the closes of exec bars. A window that is anchored to a
timeframe reads it at the closes of that timeframe's own bars, and at no other exec bar between them:
`holds_for` 3 bars of 15m reads three 15m closes, whether decisions are taken every minute or every 15. Its
outcome, like everything of a higher timeframe, stands until the next bar of that timeframe closes.

What has a hole is counted in one of two ways. `bars: N` counts the bars there are, as offsets do, however
long ago they closed. `duration: D` counts time: the closes of the timeframe's grid in (t - D, t], of which
there are exactly D / timeframe, and one without a bar is unknown. Where no bar is missing the two are the
same. A bar at whose close no exec bar closed was never looked at: it is counted, and unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engine.rules.columns import BoolArray, Columns, IntArray
from engine.rules.names import EXEC_ROLE
from engine.timeframes import Timeframe


@dataclass(frozen=True)
class Anchor:
    """A timeframe that is counted in: its bars, or (`by_time`) the closes of its grid."""

    role: str
    timeframe: Timeframe
    by_time: bool

    def slots(self, columns: Columns) -> Slots:
        """Return the places to count; use `Columns.slots`, which remembers them."""
        exec_closes, closes = columns.closes(EXEC_ROLE), columns.closes(self.role)
        if not self.by_time:
            return Slots.of(columns.visible_from(self.role), closes, exec_closes)
        if self._is_complete(closes, exec_closes):
            return columns.slots(replace(self, by_time=False))
        grid = np.arange(closes[0], max(exec_closes[-1], closes[0]) + 1, self.timeframe.ms)
        slots = Slots.of(np.searchsorted(exec_closes, grid), grid, exec_closes)
        return replace(slots, looked_at=np.where(np.isin(grid, closes), slots.looked_at, -1))

    def _is_complete(self, closes: IntArray, exec_closes: IntArray) -> bool:
        """Whether there is a bar at every close of the grid from the first on, so that bars are time."""
        if not len(closes) or not len(exec_closes):
            return True
        length = self.timeframe.ms
        no_hole = closes[-1] - closes[0] == (len(closes) - 1) * length
        return bool(no_hole and exec_closes[-1] < closes[-1] + length)


@dataclass(frozen=True, eq=False)
class Slots:
    """The places that windows count, in the order of time.

    Attributes
    ----------
    looked_at : int64[slots]
        The exec bar at whose close a condition is read there; -1 where it never was.
    current_from : int64[slots]
        The exec bar from whose close on a slot is the last one, until the next is; rising. The number of exec
        bars where it never is.
    exec_bars : int
    """

    looked_at: IntArray
    current_from: IntArray
    exec_bars: int

    @classmethod
    def of(cls, current_from: IntArray, closes: IntArray, exec_closes: IntArray) -> Slots:
        """Return slots that end at `closes`, each looked at where an exec bar closes at the same moment."""
        count = len(exec_closes)
        looked_at = np.where(current_from < count, current_from, -1)
        there = exec_closes[looked_at] == closes if count else np.zeros(len(closes), np.bool_)
        return cls(np.where(there, looked_at, -1), current_from, count)

    def __len__(self) -> int:
        return len(self.looked_at)

    @cached_property
    def every_exec_bar(self) -> bool:
        """Whether the slots are the exec bars one by one."""
        return len(self) == self.exec_bars and bool((self.looked_at == np.arange(len(self))).all())

    def at(self, bar: int) -> int:
        """Return the last slot at an exec bar's close, -1 where there is none yet."""
        return int(np.searchsorted(self.current_from, bar, side="right")) - 1

    def read(self, verdicts: BoolArray) -> BoolArray:
        """Return verdicts of the exec bars at each slot; False where none was looked at."""
        if self.every_exec_bar:
            return verdicts
        found = verdicts[self.looked_at] if len(verdicts) else np.zeros(len(self), np.bool_)
        return found & (self.looked_at >= 0)

    def spread(self, verdicts: BoolArray) -> BoolArray:
        """Return verdicts of the slots at each exec bar; False before the first slot."""
        if self.every_exec_bar:
            return verdicts
        stays = np.diff(self.current_from, prepend=0, append=self.exec_bars)
        return np.repeat(np.concatenate([np.zeros(1, np.bool_), verdicts]), stays)
