"""What the loop is told of a card's rules beside the signal bits: tags, captured values, exits that ask.

Each is a row of the signals' features, after those the orders look at: a tag's number, a value to capture,
or what an exit that looks at the position asks of the market (a condition is 1, 0, or NaN where unknown).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from engine.rules.columns import Columns
from engine.rules.nodes import Condition
from engine.rules.operands import Operand
from engine.rules.position_program import Step, position_program
from engine.rules.tags import Tagged, tags_of
from engine.sim.records import Flags, Floats
from engine.sim.signal_terms import NO_ROW, SignalTerms, Steps
from engine.sim.state import SignalBit
from engine.strategies.card_plan import CardPlan

_DIRECTIONS = ("long", "short")
_EXIT_BITS = {"long": SignalBit.EXIT_LONG, "short": SignalBit.EXIT_SHORT}


@dataclass(frozen=True)
class _SessionExit:
    """A row that is 1 where the trading session closes positions, whatever the rules say."""


@dataclass(frozen=True)
class _StrategyTag:
    """A row that a strategy in Python fills in bar by bar."""

    rule: str


type _Row = Condition | Operand | _SessionExit | _StrategyTag


@dataclass(frozen=True)
class NamedSignals:
    """The terms of a card's signals, and the rows of features that they look at.

    Attributes
    ----------
    terms : SignalTerms
    rows : tuple
        What each row after those of the orders is made of.
    """

    terms: SignalTerms
    rows: tuple[_Row, ...]


def named_signals(plan: CardPlan) -> NamedSignals:
    """Return what names a card's signals; rows count from those its orders look at."""
    rows: list[_Row] = []
    first = len(plan.level_references)
    rules, tags = plan.rules, plan.tags

    def row(content: _Row) -> int:
        if content not in rows:
            rows.append(content)
        return first + rows.index(content)

    def tag_row(name: str) -> int:
        if plan.strategy is not None and tags:
            return row(_StrategyTag(name))
        rule = rules.conditions().get(name)
        return row(rule) if rule is not None and tags_of(rule) and not rule.looks_at_position() else NO_ROW

    def steps(direction: str) -> Steps:
        rule = rules.conditions().get(f"exit_{direction}")
        if rule is None or not rule.looks_at_position():
            return ()
        names = [name for name, _ in rules.captures]
        program = position_program(rule, lambda tag: tags.index(tag) + 1, names)
        asked = [row(content) for content in program.rows]
        made = [
            (step, float(asked[int(argument)]) if step is Step.ROW else argument)
            for step, argument in program.steps
        ]
        session = plan.card.position_policy.trading_session
        if session is not None and session.close_outside:
            made = [(Step.ROW, float(row(_SessionExit()))), (Step.RESULT, 0.0), *made]
        return tuple(made)

    entries, exits = (
        tuple(tag_row(f"{kind}_{direction}") for direction in _DIRECTIONS) for kind in ("entry", "exit")
    )
    long, short = (steps(direction) for direction in _DIRECTIONS)
    captured = tuple(row(operand) for _, operand in rules.captures)
    terms = SignalTerms((entries[0], entries[1]), (exits[0], exits[1]), captured, (long, short))
    return NamedSignals(terms, tuple(rows))


def strategy_tag_rows(plan: CardPlan) -> dict[str, int]:
    """Return the row of each rule's tag that a strategy in Python fills in; none where it has no tags."""
    first = len(plan.level_references)
    return {
        content.rule: first + number
        for number, content in enumerate(named_signals(plan).rows)
        if isinstance(content, _StrategyTag)
    }


def rows_of(named: NamedSignals, plan: CardPlan, columns: Columns, rows: slice, outside: Flags) -> Floats:
    """Return the rows in a window, float64[rows, bars of the window].

    Parameters
    ----------
    named : NamedSignals
    plan : CardPlan
    columns : Columns
        Of the whole history.
    rows : slice
        The window's exec bars.
    outside : bool[bars of the window]
        Where the trading session closes positions.
    """
    made = np.empty((len(named.rows), rows.stop - rows.start))
    for number, content in enumerate(named.rows):
        if isinstance(content, Tagged):
            made[number] = _tag_numbers(content, plan, columns)[rows]
        elif isinstance(content, Condition):
            holds, fails = columns.holds(content)[rows], columns.fails(content)[rows]
            made[number] = np.where(holds, 1.0, np.where(fails, 0.0, np.nan))
        elif isinstance(content, Operand):
            values = columns.values(content)
            made[number] = values[rows] if len(values) > 1 else values
        elif isinstance(content, _SessionExit):
            made[number] = outside
        elif isinstance(content, _StrategyTag):
            made[number] = 0.0
        else:
            assert_never(content)
    return made


def _tag_numbers(rule: Tagged, plan: CardPlan, columns: Columns) -> Floats:
    """Return at each exec bar the number of the first tag that holds, 0 where none does."""
    conditions = [columns.holds(tag) for tag in rule.tags]
    numbers = [float(plan.tags.index(tag.name) + 1) for tag in rule.tags]
    return np.select(conditions, numbers, default=0.0)
