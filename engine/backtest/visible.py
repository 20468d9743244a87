"""A card's columns over a history: what its rules and orders can look at, by the card's own names."""

from __future__ import annotations

from collections.abc import Hashable

from engine.backtest.history import History
from engine.errors import SimulationError
from engine.idea_card.features import CALENDAR_FIELDS, SOURCES
from engine.market_data.calendar import calendar_column
from engine.rules.names import Reference
from engine.runtime.alignment import EXEC_ROLE, shifted
from engine.sim.records import Floats, Integers
from engine.strategies.card_plan import CardPlan


class VisibleColumns:
    """The columns of one card as they were visible at each of its exec bars. A source for `engine.rules`."""

    def __init__(self, plan: CardPlan, history: History) -> None:
        self._plan = plan
        self._history = history
        self._roles = plan.card.timeframes.roles()

    def column(self, name: str, role: str, offset: int) -> Floats:
        """Return a price or feature at each exec bar's close: float64[exec bars], NaN where not there yet.

        Raises
        ------
        SimulationError
            If the card has no such column there.
        """
        timeframe, values = self._roles[role], self.values(name, role)
        if role == EXEC_ROLE:
            return shifted(values, offset)
        return self._history.alignment(self._roles[EXEC_ROLE], timeframe).spread(values, offset)

    def closes(self, role: str) -> Integers:
        """Return when each bar of a timeframe closes, epoch ms, int64[its bars]."""
        bars = self._history.bars(self._roles[role])
        return bars.ts_open + bars.bar_ms

    def visible_from(self, role: str) -> Integers:
        """Return the exec bar at whose close each bar of a timeframe is first visible, int64[its bars]."""
        return self._history.alignment(self._roles[EXEC_ROLE], self._roles[role]).visible_from

    def meaning_of(self, reference: Reference) -> Hashable:
        """Return what a reference stands for whatever the card calls it: equal for equal columns."""
        name, _, output = reference.name.partition(".")
        feature = self._plan.card.features.get(name)
        timeframe = self._roles[reference.role]
        return (timeframe, name if feature is None else feature, output, reference.offset)

    def values(self, name: str, role: str) -> Floats:
        """Return a price or feature at each bar of its own timeframe. Raises as `column` does."""
        timeframe = self._roles[role]
        feature = self._plan.card.features.get(name.partition(".")[0])
        if feature is not None and feature.tf == role:
            return self._history.feature(timeframe, feature)[name.partition(".")[2]]
        if name in CALENDAR_FIELDS and role == EXEC_ROLE:
            return calendar_column(name, self.closes(role))
        if name not in SOURCES:
            raise SimulationError(
                f"card {self._plan.card.id} has no {name!r} on {role}",
                way_out=f"use a feature of that timeframe, or one of {', '.join(SOURCES)}",
            )
        return self._history.column(timeframe, name)
