"""Bars that become visible one after another: what a strategy in Python is shown.

The store a snapshot reads from holds what has closed so far and nothing else. What is still to come is with
the `Unfolding`, which a strategy never gets: there is no offset, no index and no attribute that leads ahead.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan

from engine.errors import SimulationError
from engine.idea_card.findings import did_you_mean
from engine.runtime.alignment import EXEC_ROLE, Alignment, FloatArray, IntArray
from engine.timeframes import Timeframe

type Inputs = Mapping[str, Mapping[str, int]]
"""By role: the columns that may be read there, and how many bars back."""


@dataclass(frozen=True, eq=False)
class ClosedBars:
    """All bars of one timeframe: when they opened, int64[rows], and their columns, float64[rows] each."""

    timeframe: Timeframe
    ts_open: IntArray
    columns: Mapping[str, FloatArray]


class UnfoldingFeed:
    """The bars of one timeframe that are visible so far."""

    def __init__(self, timeframe: Timeframe, names: Iterable[str]) -> None:
        self.timeframe = timeframe
        self.ts_open = array("q")
        self.columns = {name: array("d") for name in names}

    def __len__(self) -> int:
        return len(self.ts_open)


class UnfoldingStore:
    """The feeds of a run by role, up to the exec bar that has closed last.

    Parameters
    ----------
    timeframes : mapping of str to Timeframe
        By role, "exec" among them.
    inputs : Inputs
        What may be read. Other columns and bars further back are refused, for nobody has waited until they
        are there.
    """

    def __init__(self, timeframes: Mapping[str, Timeframe], inputs: Inputs) -> None:
        self._feeds = {
            role: UnfoldingFeed(timeframe, inputs.get(role, ())) for role, timeframe in timeframes.items()
        }
        # per higher timeframe and exec bar: the row that was visible
        self.rows = {role: array("q") for role in timeframes if role != EXEC_ROLE}
        self._readable = {
            (role, name): (self._feeds[role].columns[name], furthest)
            for role, names in inputs.items()
            for name, furthest in names.items()
        }

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles, in the order given."""
        return tuple(self._feeds)

    def __len__(self) -> int:
        return len(self._feeds[EXEC_ROLE])

    def feed(self, role: str) -> UnfoldingFeed:
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
                f"there is no timeframe {role!r}", way_out=did_you_mean(role, self._feeds)
            ) from None

    def row_at(self, bar_index: int, role: str) -> int:
        """Return the row of the role's last bar closed by the close of an exec bar; -1 where none is."""
        self.feed(role)
        return bar_index if role == EXEC_ROLE else self.rows[role][bar_index]

    def value(self, bar_index: int, name: str, role: str = EXEC_ROLE, offset: int = 0) -> float:
        """Return a column's value as it was visible at an exec bar, `offset` of its own bars back.

        Returns
        -------
        float
            NaN where there was no such bar yet, or no value.

        Raises
        ------
        SimulationError
            If it lies in the future, or is not among the inputs.
        """
        try:
            column, furthest = self._readable[role, name]
        except KeyError:
            raise self._unreadable(name, role) from None
        if not 0 <= offset <= furthest:
            raise _too_far(name, role, offset, furthest)
        row = (bar_index if role == EXEC_ROLE else self.rows[role][bar_index]) - offset
        return column[row] if row >= 0 else nan

    def _unreadable(self, name: str, role: str) -> SimulationError:
        self.feed(role)
        elsewhere = [other for other, known in self._readable if known == name]
        if elsewhere:
            return SimulationError(
                f"{role} has no column {name!r}", way_out=f"it is on {' and '.join(elsewhere)}: ask there"
            )
        known = [readable for at, readable in self._readable if at == role]
        return SimulationError(
            f"{name!r} of {role} is not among the inputs the strategy declares",
            way_out=f"add it to its inputs{f'; {did_you_mean(name, known)}' if known else ''}",
        )


def _too_far(name: str, role: str, offset: int, furthest: int) -> SimulationError:
    if offset < 0:
        return SimulationError(
            f"{name}[{offset}] lies in the future", way_out="an offset counts bars back: 0, 1, 2 …"
        )
    where = name if role == EXEC_ROLE else f"{name}@{role}"
    return SimulationError(
        f"{where}[{offset}] is further back than the inputs of the strategy say ({furthest})",
        way_out=f"declare {name}[{offset}] among its inputs: the run then waits until it is there",
    )


class Unfolding:
    """Shows bars to a store, one exec bar after another.

    Parameters
    ----------
    bars : mapping of str to ClosedBars
        By role, "exec" among them, with every column of `inputs`.
    inputs : Inputs
        What may be read from the store.
    """

    def __init__(self, bars: Mapping[str, ClosedBars], inputs: Inputs) -> None:
        self._bars = dict(bars)
        self.store = UnfoldingStore({role: each.timeframe for role, each in bars.items()}, inputs)
        traded = bars[EXEC_ROLE]
        self._count = len(traded.ts_open)
        # per higher timeframe: the exec bar at which each row appears, and where it is noted
        self._closings = {
            role: (
                Alignment.of(
                    traded.ts_open, traded.timeframe, each.ts_open, each.timeframe
                ).visible_from.tolist(),
                self.store.rows[role].append,
            )
            for role, each in bars.items()
            if role != EXEC_ROLE
        }
        # what each new bar of a role adds: where to, and from where
        self._additions = {
            role: [(self.store.feed(role).ts_open.append, memoryview(each.ts_open))]
            + [
                (column.append, memoryview(each.columns[name]))
                for name, column in self.store.feed(role).columns.items()
            ]
            for role, each in bars.items()
        }

    def show_next(self) -> None:
        """Show the next exec bar, with whatever has closed by its close.

        Raises
        ------
        SimulationError
            If there are no more.
        """
        bar = len(self.store)
        if bar >= self._count:
            raise SimulationError("there are no more bars to show")
        for append, values in self._additions[EXEC_ROLE]:
            append(values[bar])
        for role, (visible_from, note_row) in self._closings.items():
            row = len(self.store.feed(role))
            while row < len(visible_from) and visible_from[row] <= bar:
                for append, values in self._additions[role]:
                    append(values[row])
                row += 1
            note_row(row - 1)

    def show_until(self, bar: int) -> None:
        """Show every exec bar before `bar`."""
        while len(self.store) < bar:
            self.show_next()
