"""Which bar of a timeframe is visible at which exec bar, and columns seen that way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.timeframes import Timeframe

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

EXEC_ROLE = "exec"
"""The role of the timeframe decisions are made on."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the bars of one timeframe become visible to the exec bars.

    A bar is visible from its `ts_close` on: at every exec bar that closes then or later, until the next one
    has closed.

    Attributes
    ----------
    visible_from : int64[rows]
        The exec bar at whose close each row is first visible; `exec_bars` where none is.
    exec_bars : int
    """

    visible_from: IntArray
    exec_bars: int

    @classmethod
    def of(
        cls, exec_open: IntArray, exec_timeframe: Timeframe, ts_open: IntArray, timeframe: Timeframe
    ) -> Alignment:
        """Return how bars that open at `ts_open` are seen by bars that open at `exec_open`; both rise."""
        # the first exec bar with exec close >= close, without computing the exec closes
        wanted = ts_open + (timeframe.ms - exec_timeframe.ms)
        return cls(np.searchsorted(exec_open, wanted, side="left"), len(exec_open))

    @cached_property
    def last_closed_index(self) -> IntArray:
        """int64[exec_bars]: the row of the last bar closed by each exec bar's close; -1 where none is."""
        rows = np.repeat(np.arange(-1, len(self.visible_from), dtype=np.int64), self._spans)
        rows.flags.writeable = False
        return rows

    def row_at(self, exec_bar: int) -> int:
        """Return the row of the last bar closed by the close of one exec bar; -1 where none is."""
        return int(np.searchsorted(self.visible_from, exec_bar, side="right")) - 1

    def first_bar_with(self, rows: int) -> int:
        """Return the first exec bar that sees more than `rows` bars; `exec_bars` if there is none."""
        return int(self.visible_from[rows]) if rows < len(self.visible_from) else self.exec_bars

    def spread(self, values: FloatArray, offset: int = 0) -> FloatArray:
        """Return `values` (one per row) as seen by each exec bar, `offset` rows back; NaN where none is.

        Returns
        -------
        float64[exec_bars]
            Read-only.
        """
        # before the first row nothing is visible, and with an offset so is nothing at the first rows
        shown = np.concatenate([np.full(offset + 1, np.nan), values])[: len(values) + 1]
        seen = np.repeat(shown, self._spans)
        seen.flags.writeable = False
        return seen

    @cached_property
    def _spans(self) -> IntArray:
        # for how many exec bars no row is the last visible one, then the first row, the second …
        return np.diff(self.visible_from, prepend=0, append=self.exec_bars)


def shifted(values: FloatArray, offset: int) -> FloatArray:
    """Return `values` `offset` rows back, NaN where there was no such row; read-only.

    What `Alignment.spread` gives where each row is an exec bar.
    """
    if offset == 0:
        seen = values.view()
    else:
        seen = np.empty(len(values))
        seen[:offset] = np.nan
        seen[offset:] = values[: max(len(values) - offset, 0)]
    seen.flags.writeable = False
    return seen
