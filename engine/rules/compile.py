"""From trees to arrays: one compiled pass per leaf over the whole history, no callback per bar."""

from __future__ import annotations

from engine.rules.columns import BoolArray, Columns, ColumnSource
from engine.rules.nodes import Condition
from engine.rules.rule_set import RuleSet


def evaluate(condition: Condition, columns: ColumnSource) -> BoolArray:
    """Return at which exec bars' closes the condition holds.

    Parameters
    ----------
    condition : Condition
        A tree from `engine.rules.parse`.
    columns : ColumnSource
        The columns; a `Columns` remembers what it has computed from one call to the next.

    Returns
    -------
    ndarray of bool, one per exec bar
        Read-only; False where the condition is false and where it is unknown, because something is missing.
    """
    return Columns.over(columns).holds(condition)


def evaluate_rules(rules: RuleSet, columns: ColumnSource) -> dict[str, BoolArray]:
    """Return the arrays of the rules there are, by name; what rules share is computed once.

    An exit that looks at the position can hold where the market does not make it fail, and that is its array:
    whether it does hold is asked in the bar loop (`engine.rules.position_program`).
    """
    shared = Columns.over(columns)
    return {
        name: ~shared.fails(condition) if condition.looks_at_position() else evaluate(condition, shared)
        for name, condition in rules.conditions().items()
    }
