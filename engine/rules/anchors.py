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

from dataclasses import dataclass
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
        exec_closes = columns.closes(EXEC_ROLE)
        closes, visible_from = columns.closes(self.role), columns.visible_from(self.role)
        # looked at only where an exec bar closed at the same moment
        seen = visible_from < len(exec_closes)
        looked_at = np.full(len(closes), -1, np.int64)
        looked_at[seen] = visible_from[seen]
        looked_at[seen] = np.where(exec_closes[looked_at[seen]] == closes[seen], looked_at[seen], -1)
        if not self.by_time:
            # slot 0 stands for "none has closed yet"
            current = np.repeat(
                np.arange(-1, len(closes), dtype=np.int64),
                np.diff(visible_from, prepend=0, append=len(exec_closes)),
            )
            return Slots(looked_at, current)
        if not len(closes):
            return Slots(looked_at, np.full(len(exec_closes), -1, np.int64))
        first, length = closes[0], self.timeframe.ms
        current = np.maximum((exec_closes - first) // length, -1)
        on_grid = np.full(int(current.max(initial=-1)) + 1, -1, np.int64)
        place = (closes - first) // length
        inside = place < len(on_grid)
        on_grid[place[inside]] = looked_at[inside]
        return Slots(on_grid, current)


@dataclass(frozen=True, eq=False)
class Slots:
    """The places that windows count, in the order of time.

    Attributes
    ----------
    looked_at : int64[slots]
        The exec bar at whose close a condition is read there; -1 where it never was.
    current : int64[exec bars]
        The last slot at each exec bar's close, rising; -1 before the first.
    """

    looked_at: IntArray
    current: IntArray

    def __len__(self) -> int:
        return len(self.looked_at)

    @cached_property
    def every_exec_bar(self) -> bool:
        """Whether the slots are the exec bars one by one."""
        return len(self) == len(self.current) and bool((self.looked_at == np.arange(len(self))).all())

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
        return np.concatenate([np.zeros(1, np.bool_), verdicts])[self.current + 1]
