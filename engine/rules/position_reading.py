"""Reading what only exit rules may say: the open position's state, and the values captured at its entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from engine.idea_card.findings import did_you_mean
from engine.idea_card.position_state import PositionState
from engine.rules.names import NameTable, UnknownName
from engine.rules.nodes import Condition
from engine.rules.operands import Operand
from engine.rules.position_program import (
    MOST_DEEP,
    MOST_STEPS,
    can_be_asked,
    position_program,
    stack_depth,
)
from engine.rules.position_values import Captured, PositionValue
from engine.rules.reading import Reader

MOST_CAPTURES = 8
"""Values that may be captured at an entry."""
MOST_ASKED = MOST_STEPS - 2
"""Steps an exit rule may ask; two are left for a trading session that closes positions."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STATES = {state.value: state for state in PositionState}


class PositionReader(Reader):
    """Knows whether what it reads is of an exit, which has an open position.

    Setups are read as if they were of an exit; one that looks at the position is refused where an entry uses
    it.
    """

    def __init__(self, names: NameTable, captures: Mapping[str, Any]) -> None:
        super().__init__(names)
        self._captures = captures
        self._captures_used: set[str] = set()
        self.may_ask = True

    def own_names(self) -> tuple[str, ...]:
        """Return the names that exit rules have beside those of the market."""
        return (*_STATES, *self._captures)

    def of_position(self, text: str) -> str | None:
        """Return which name of the open position `text` begins with, if it does."""
        found = _NAME.match(text)
        return found[0] if found and found[0] in self.own_names() else None

    def advice(self, text: str, unknown: UnknownName) -> str:
        """Return what to write for an unknown name; an exit may have meant one of its own."""
        if self.may_ask and get_close_matches(text, self.own_names(), n=1, cutoff=0.75):
            return did_you_mean(text, (*self.own_names(), *self.names.known()))
        return unknown.way_out

    def position_operand(self, name: str, text: str, where: str) -> Operand | None:
        """Return the operand of a name of the open position, or None after noting why there is none."""
        self._captures_used.add(name)
        if not self.may_ask:
            problem = f"{name} is known of an open position, and an entry has none"
            self.problem(where, problem, "use it in exit_long or exit_short", text)
            return None
        if text != name:
            problem = (
                f"{name} is the position's at the close that is decided at, on no other bar or timeframe"
            )
            self.problem(where, problem, f"write {name}", text)
            return None
        return PositionValue(_STATES[name]) if name in _STATES else Captured(name)

    def asked_rightly(self, condition: Condition, word: str, where: str) -> bool:
        """Whether a condition looks at the position only where and as it may; a problem is noted if not."""
        if not condition.looks_at_position():
            return True
        if not self.may_ask:
            problem = "looks at the open position, and an entry has none"
            self.problem(where, problem, "use it in exit_long or exit_short", word)
            return False
        if not can_be_asked(condition):
            problem = (
                f"{word} is worked out over the bars of the market, and the position's state is known at the "
                "close that is decided at only"
            )
            way_out = (
                "compare the position's values with >, <, between, in or near_…, and leave this to prices"
            )
            self.problem(where, problem, way_out)
            return False
        return True

    def refuse_long_exit(self, rule: Condition | None, where: str) -> None:
        """Note it if a rule asks more of the position than the bar loop has room for."""
        if rule is None or not self.may_ask or not rule.looks_at_position():
            return
        steps = position_program(rule, lambda _: 0, tuple(self._captures)).steps
        if len(steps) > MOST_ASKED or stack_depth(steps) > MOST_DEEP:
            problem = f"asks {len(steps)} steps of the position, {stack_depth(steps)} deep"
            way_out = f"ask at most {MOST_ASKED} steps, {MOST_DEEP} deep; what prices say alone counts as one"
            self.problem(where, problem, way_out)

    def read_captures(self) -> tuple[tuple[str, Operand], ...]:
        """Return the captured values by name, after noting what is wrong with them."""
        self.may_ask = False
        found = [(name, self._captured(name, raw)) for name, raw in self._captures.items()]
        self.may_ask = True
        if len(found) > MOST_CAPTURES:
            where = "signal_rules.captures"
            self.problem(where, f"names {len(found)} values", f"capture at most {MOST_CAPTURES}")
        return tuple((name, operand) for name, operand in found if operand is not None)

    def refuse_unused_captures(self) -> None:
        """Note each captured value that no exit rule uses."""
        for name in self._captures:
            if name not in self._captures_used:
                way_out = "use it in exit_long or exit_short, or remove it"
                self.problem(f"signal_rules.captures.{name}", "is not used", way_out)

    def _captured(self, name: str, raw: Any) -> Operand | None:
        where = f"signal_rules.captures.{name}"
        taken = "a feature of this card" if name in self.names.features else None
        if name in self.names.known() or name in _STATES:
            taken = taken or "a name that exit rules have already"
        if taken is not None:
            self.problem(where, f"is {taken}", f"give it another name, for example {name}_at_entry")
            return None
        operand = self.operand(raw, where)
        if operand is not None and not operand.references():
            self.problem(where, "is a number, the same at every entry", "write the number where it is used")
            return None
        return operand

    def operand(self, raw: Any, where: str) -> Operand | None:
        """Return the operand that `raw` says, or None after noting why it says none."""
        raise NotImplementedError
