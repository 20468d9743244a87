"""Why a condition held at a bar, or did not."""

from __future__ import annotations

from dataclasses import dataclass

from engine.rules.columns import Columns, ColumnSource
from engine.rules.names import EXEC_ROLE
from engine.rules.nodes import Condition


@dataclass(frozen=True)
class Explanation:
    """A condition at one bar.

    Attributes
    ----------
    text : str
        The condition as written, on one line.
    truth : bool or None
        None where it is unknown.
    values : tuple of (str, float or None)
        Each operand of a leaf as written and its value, None where it is missing.
    parts : tuple of Explanation
        The conditions it is made of. Those of a window are the latest place it is true at, false at and
        unknown at; those of a sequence are the steps, each where it happened.
    bar : int
        The exec bar at whose close it was looked at: an earlier one inside windows and sequences.
    ts_close : int
        When that bar closed, UTC epoch milliseconds.
    decided : bool
        Whether it is a reason for the verdict of what it is a part of: any part that is true of an `any` that
        holds, any that is false of an `all` that fails, any that is unknown where that left it unknown.
    remark : str
        What else there is to know: how often a window's condition was true, the sum of a score, the values a
        crossing started from. "" if nothing.
    """

    text: str
    truth: bool | None
    values: tuple[tuple[str, float | None], ...]
    parts: tuple[Explanation, ...]
    bar: int
    ts_close: int
    decided: bool
    remark: str


def explain(condition: Condition, columns: ColumnSource, bar: int) -> Explanation:
    """Return the truth of a condition and of everything that led to it, at exec bar `bar`.

    Raises
    ------
    IndexError
        If there is no such bar.
    """
    memory = Columns.over(columns)
    if not 0 <= bar < len(memory.closes(EXEC_ROLE)):
        raise IndexError(f"there is no exec bar {bar}")
    return _explained(condition, memory, bar, decided=True)


def _explained(condition: Condition, columns: Columns, bar: int, decided: bool) -> Explanation:
    truth = columns.truth(condition, bar)
    reason = condition.decided_by(truth)
    values = tuple((part.text(), columns.value(part, bar)) for part in condition.operands())
    parts = tuple(
        _explained(part, columns, at, decided=columns.truth(part, at) is reason)
        for part, at in condition.looked_at(columns, bar)
    )
    return Explanation(
        text=condition.text(),
        truth=truth,
        values=values,
        parts=parts,
        bar=bar,
        ts_close=int(columns.closes(EXEC_ROLE)[bar]),
        decided=decided,
        remark=condition.remark(columns, bar),
    )
