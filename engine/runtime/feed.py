"""Columns of several timeframes, as they were visible at each exec bar.

A bar is visible from its `ts_close` on. At an exec bar that closes at t, a timeframe shows the last of its
bars with `ts_close <= t`, and keeps showing it until the next one closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import SimulationError
from engine.idea_card.features import CALENDAR_FIELDS
from engine.market_data.calendar import calendar_column
from engine.market_data.price_columns import DERIVED_PRICES, price_column
from engine.runtime.alignment import EXEC_ROLE, Alignment, shifted
from engine.timeframes import Timeframe, format_utc

if TYPE_CHECKING:
    import pandas as pd

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

_KEY = "ts_open"


class FeedStore:
    """The closed bars of one timeframe, by column. Cannot be changed.

    Parameters
    ----------
    timeframe : Timeframe
    frame : DataFrame
        `ts_open` (int64, rising, on the grid; holes are allowed) and any columns. Those of numbers and
        flags can be asked for, and hl2, hlc3 and ohlc4 as well. What the caller does to the frame later is
        not seen here.

    Raises
    ------
    SimulationError
        If there are no bars, or their times are not in order or not on the grid.
    """

    def __init__(self, timeframe: Timeframe, frame: pd.DataFrame) -> None:
        self._timeframe = timeframe
        # shares its data with the caller's frame; pandas copies when either is written to
        self._frame = frame.copy(deep=False)
        self._ts_open = _read_only(self._frame[_KEY].to_numpy(np.int64))
        self._ts_close = _read_only(self._ts_open + timeframe.ms)
        self._names = _names_of_numbers(self._frame)
        self._columns: dict[str, FloatArray] = {}
        _refuse_bad_times(timeframe, self._ts_open)

    @property
    def timeframe(self) -> Timeframe:
        """Length of its bars."""
        return self._timeframe

    @property
    def ts_open(self) -> IntArray:
        """When each bar opened, epoch ms."""
        return self._ts_open

    @property
    def ts_close(self) -> IntArray:
        """When each bar closed and became visible, epoch ms."""
        return self._ts_close

    @property
    def names(self) -> tuple[str, ...]:
        """What `column` can be asked for."""
        return tuple(self._names)

    def __len__(self) -> int:
        return len(self._ts_open)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def column(self, name: str) -> FloatArray:
        """Return a column as a read-only float64 array, one value per bar; flags are 0 and 1.

        Raises
        ------
        SimulationError
            If there is no such column, or it holds text.
        """
        known = self._columns.get(name)
        if known is not None:
            return known
        if name not in self._names:
            if name in self._frame and name != _KEY:
                raise SimulationError(
                    f"{name!r} of the {self._timeframe} bars is text and has no value",
                    way_out=f"ask for a column of numbers: {', '.join(self.names)}",
                )
            raise SimulationError(
                f"the {self._timeframe} bars have no column {name!r}", way_out=_suggestion(name, self.names)
            )
        # keyed by name and filled once: every caller gets the same array
        values = _read_only(price_column(self._frame, name).view())
        self._columns[name] = values
        return values


class MultiTFFeedStore:
    """The feeds of a run by role, seen from the exec bars.

    Parameters
    ----------
    feeds : mapping of str to FeedStore
        By role. "exec" must be among them: its bars are the rows of everything that is returned.

    Raises
    ------
    SimulationError
        If there is no exec feed.
    """

    def __init__(self, feeds: Mapping[str, FeedStore]) -> None:
        if EXEC_ROLE not in feeds:
            raise SimulationError(
                f"there is no {EXEC_ROLE} feed among the roles {', '.join(feeds) or '(none)'}",
                way_out=f"name the timeframe that is traded on {EXEC_ROLE}",
            )
        self._feeds = dict(feeds)
        traded = self._feeds[EXEC_ROLE]
        self._alignments = {
            role: Alignment.of(traded.ts_open, traded.timeframe, feed.ts_open, feed.timeframe)
            for role, feed in self._feeds.items()
        }

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles, in the order given."""
        return tuple(self._feeds)

    def __len__(self) -> int:
        return len(self._feeds[EXEC_ROLE])

    def feed(self, role: str) -> FeedStore:
        """Return the feed of a role.

        Raises
        ------
        SimulationError
            If there is no such role.
        """
        try:
            return self._feeds[role]
        except KeyError:
            raise SimulationError(
                f"there is no timeframe {role!r}", way_out=_suggestion(role, self._feeds)
            ) from None

    def last_closed_index(self, role: str) -> IntArray:
        """Return, per exec bar, the row of the role's last bar closed by then; -1 where none is."""
        self.feed(role)
        return self._alignments[role].last_closed_index

    def closes(self, role: str) -> IntArray:
        """Return when each bar of a timeframe closes, epoch ms, int64[its bars]."""
        return self.feed(role).ts_close

    def visible_from(self, role: str) -> IntArray:
        """Return the exec bar at whose close each bar of a timeframe is first visible, int64[its bars].

        The number of exec bars where a bar is not visible at any.
        """
        self.feed(role)
        return self._alignments[role].visible_from

    def row_at(self, bar_index: int, role: str) -> int:
        """Return one value of what `last_closed_index` returns, without computing the rest."""
        self.feed(role)
        return bar_index if role == EXEC_ROLE else self._alignments[role].row_at(bar_index)

    def column(self, name: str, role: str = EXEC_ROLE, offset: int = 0) -> FloatArray:
        """Return a column as it was visible at each exec bar.

        Parameters
        ----------
        name : str
            A column of that role's feed; of "exec", also a field of the calendar, at the bars' closes.
        role : str
        offset : int
            How many bars back, counted in bars of that role's own timeframe.

        Returns
        -------
        ndarray of float64
            One value per exec bar, read-only; NaN where no such bar was closed yet.

        Raises
        ------
        SimulationError
            If role or column does not exist, or `offset` is negative.
        """
        _refuse_future(name, offset)
        values = self._values(name, role)
        return shifted(values, offset) if role == EXEC_ROLE else self._alignments[role].spread(values, offset)

    def value(self, bar_index: int, name: str, role: str = EXEC_ROLE, offset: int = 0) -> float:
        """Return one value of what `column` returns, without computing the rest."""
        _refuse_future(name, offset)
        values = self._values(name, role)
        row = self.row_at(bar_index, role) - offset
        return float(values[row]) if row >= 0 else float("nan")

    def _values(self, name: str, role: str) -> FloatArray:
        feed = self.feed(role)
        if name not in feed:
            if name in CALENDAR_FIELDS and role == EXEC_ROLE:
                return calendar_column(name, feed.ts_close)
            elsewhere = [other for other in self._feeds if name in self._feeds[other]]
            if elsewhere:
                raise SimulationError(
                    f"{role} has no column {name!r}", way_out=f"it is on {' and '.join(elsewhere)}: ask there"
                )
        return feed.column(name)


def _read_only[A: NDArray[np.generic]](array: A) -> A:
    array.flags.writeable = False
    return array


def _names_of_numbers(frame: pd.DataFrame) -> dict[str, None]:
    # a dict for its order and its quick look-up
    numbers = frame.select_dtypes(include=["number", "bool"]).columns
    stored = [str(name) for name in numbers if name != _KEY]
    derived = [name for name, parts in DERIVED_PRICES.items() if set(parts) <= set(stored)]
    return dict.fromkeys(stored + derived)


def _refuse_bad_times(timeframe: Timeframe, ts_open: IntArray) -> None:
    if len(ts_open) == 0:
        raise SimulationError(
            f"there are no {timeframe} bars to run on", way_out="choose a window that has data, or sync it"
        )
    steps = np.diff(ts_open)
    if (steps <= 0).any():
        at = int(ts_open[int(np.argmax(steps <= 0)) + 1])
        raise SimulationError(
            f"the {timeframe} bars do not rise at {format_utc(at)}", way_out="sort them and keep one of each"
        )
    if not timeframe.is_aligned(int(ts_open[0])) or (steps % timeframe.ms).any():
        raise SimulationError(
            f"bars of {timeframe} are wanted, and these are not on its grid",
            way_out="pass each frame with its own timeframe",
        )


def _refuse_future(name: str, offset: int) -> None:
    if offset < 0:
        raise SimulationError(
            f"{name}[{offset}] lies in the future", way_out="an offset counts bars back: 0, 1, 2 …"
        )


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = [other for other in names if other.startswith(f"{name}.")]
    near = near or get_close_matches(str(name), names, n=1)
    listing = f"there are {', '.join(names)}"
    return f"did you mean {' or '.join(near)}? T{listing[1:]}" if near else listing
