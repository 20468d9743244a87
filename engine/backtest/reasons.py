"""Why a card did what it did: its rules at a moment, and what opened and closed each trade of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.backtest.prepare import PreparedFrame
from engine.backtest.replay import HeldPosition, position_at
from engine.backtest.visible import VisibleColumns
from engine.errors import DataNotFound
from engine.rules.columns import Columns
from engine.rules.explain import Explanation, explain
from engine.rules.tags import Tagged
from engine.sim.simulate import SimulationOutput
from engine.sim.state import Direction, FillReason, SignalBit
from engine.timeframes import format_utc

# What is decided at a close, and not by a price that is reached.
_DECIDED = frozenset((FillReason.SIGNAL, FillReason.MAX_BARS, FillReason.TIME_STOP))
_ENTRIES = int(SignalBit.ENTER_LONG | SignalBit.ENTER_SHORT)
_SIDES = {Direction.LONG: "long", Direction.SHORT: "short"}


@dataclass(frozen=True)
class RuleReason:
    """A rule at one close, and the tag it gave if it held."""

    rule: str
    tag: str
    explanation: Explanation


@dataclass(frozen=True)
class Moment:
    """All rules at the close of one exec bar.

    Attributes
    ----------
    bar : int
        Of the window that is traded.
    ts_close : int
    rules : tuple of RuleReason
    position : HeldPosition or None
        What was open then; the state that exit rules look at.
    entries_admitted : bool
        Whether warm-up and trading session let an entry through at this close.
    """

    bar: int
    ts_close: int
    rules: tuple[RuleReason, ...]
    position: HeldPosition | None
    entries_admitted: bool


@dataclass(frozen=True)
class TradeReasons:
    """What opened a trade and what closed it.

    Attributes
    ----------
    trade : int
        Its row in the trades of the run.
    entered_at, left_at : int
        The closes at which that was decided, UTC ms; left_at is None where no rule decided it.
    entry : RuleReason or None
        None where the signals come from Python.
    left_by : str
        What closed it: "exit rule", "flip" (the entry rule of the other side), "trading session", or the
        exit reason where no rule did.
    exit : RuleReason or None
        The rule that asked for it, where one did.
    """

    trade: int
    entered_at: int
    entry: RuleReason | None
    left_by: str
    left_at: int | None
    exit: RuleReason | None


class Reasons:
    """Explains one prepared run.

    Parameters
    ----------
    prepared : PreparedFrame
    """

    def __init__(self, prepared: PreparedFrame) -> None:
        self._prepared = prepared
        self._source = VisibleColumns(prepared.plan, prepared.history)
        window = prepared.history.window(prepared.plan.card.timeframes.exec, *prepared.window)
        self._first_row = window.rows.start
        self._memory = Columns(self._source)

    def bar_at(self, ts: int) -> int:
        """Return the last bar of the window that had closed at `ts` (UTC ms).

        Raises
        ------
        DataNotFound
            If none had.
        """
        bars = self._prepared.bars
        bar = int(np.searchsorted(bars.ts_open + bars.bar_ms, ts, side="right")) - 1
        first, last = self._prepared.window
        if bar < 0 or ts > last + bars.bar_ms:
            raise DataNotFound(
                f"no bar that is traded closes at {format_utc(ts)} UTC",
                way_out=f"choose a time from {format_utc(first + bars.bar_ms)} to {format_utc(last)}",
            )
        return bar

    def moment(self, bar: int) -> Moment:
        """Return all rules at the close of a bar of the window."""
        held = position_at(self._prepared, bar) if self._prepared.plan.strategy is None else None
        bars, signals = self._prepared.bars, self._prepared.signals
        conditions = self._prepared.plan.rules.conditions()
        reasons = tuple(self._rule(name, bar, held) for name in conditions)
        wanted = any(each.explanation.truth for each in reasons if each.rule.startswith("entry"))
        return Moment(
            bar=bar,
            ts_close=int(bars.ts_open[bar]) + bars.bar_ms,
            rules=reasons,
            position=held,
            entries_admitted=not wanted or bool(signals.bits[bar] & _ENTRIES),
        )

    def trade(self, output: SimulationOutput, number: int) -> TradeReasons:
        """Return what opened and closed a trade of the run that left `output` behind."""
        trade = output.trades[number]
        bars = self._prepared.bars
        decided, left = int(trade.signal_bar), int(trade.exit_bar) - 1
        has_rules = self._prepared.plan.strategy is None
        side = _SIDES[Direction(int(trade.direction))]
        reason = FillReason(int(trade.reason))
        left_by, leave = reason.name.lower(), None
        if reason is FillReason.SIGNAL and has_rules:
            left_by, leave = self._left(side, left)
        return TradeReasons(
            trade=number,
            entered_at=int(bars.ts_open[decided]) + bars.bar_ms,
            entry=self._rule(f"entry_{side}", decided, None) if has_rules else None,
            left_by=left_by,
            left_at=int(bars.ts_open[left]) + bars.bar_ms if reason in _DECIDED else None,
            exit=leave,
        )

    def _left(self, side: str, bar: int) -> tuple[str, RuleReason | None]:
        """Return what closed a position on a signal at the close of `bar`."""
        conditions = self._prepared.plan.rules.conditions()
        if f"exit_{side}" in conditions:
            rule = self._rule(f"exit_{side}", bar, position_at(self._prepared, bar))
            if rule.explanation.truth:
                return "exit rule", rule
        other = "short" if side == "long" else "long"
        if f"entry_{other}" in conditions and self._prepared.plan.card.position_policy.allow_flip:
            rule = self._rule(f"entry_{other}", bar, None)
            if rule.explanation.truth:
                return "flip", rule
        return "trading session", None

    def _rule(self, name: str, bar: int, held: HeldPosition | None) -> RuleReason:
        condition = self._prepared.plan.rules.conditions()[name]
        columns = self._memory
        if condition.looks_at_position() and held is not None and name == f"exit_{_SIDES[held.direction]}":
            columns = Columns(self._source, held.values)
        row = self._first_row + bar
        tags = condition.tags if isinstance(condition, Tagged) else ()
        tag = next((each.name for each in tags if columns.holds(each)[row]), "")
        return RuleReason(name, tag, explain(condition, columns, row))
