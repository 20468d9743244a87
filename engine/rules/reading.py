"""Reading the plain parts of raw conditions: blocks, numbers, roles. What is wrong is noted, not raised."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.errors import CardProblem
from engine.idea_card.findings import did_you_mean
from engine.idea_card.plain_words import as_number, kind_of
from engine.rules.names import NameTable
from engine.rules.nodes import MISSING
from engine.timeframes import Timeframe


class Reader:
    """Notes what is wrong in `problems`, by its key path, and goes on."""

    def __init__(self, names: NameTable) -> None:
        self.names = names
        self.problems: list[CardProblem] = []

    def problem(self, where: str, problem: str, way_out: str, value: object = None) -> None:
        """Note what is wrong at a key path."""
        self.problems.append(CardProblem(where, problem, way_out, value))

    def block(
        self, raw: Any, where: str, needed: tuple[str, ...], choice: tuple[str, ...] = ()
    ) -> Mapping[str, Any] | None:
        """Return the keys of a block, `MISSING` for one that is not there; None if `raw` is no block."""
        if raw is MISSING:
            return None
        known = (*needed, *choice)
        if not isinstance(raw, Mapping):
            shape = ", ".join([f"{key}: ..." for key in needed] + [" or ".join(choice)] * bool(choice))
            self.problem(where, f"is {kind_of(raw)} and no block of keys", f"write {{{shape}}}", raw)
            return None
        for key in raw:
            if key not in known:
                self.problem(f"{where}.{key}", "is not a key of this block", did_you_mean(key, known))
        for key in needed:
            if key not in raw:
                self.problem(f"{where}.{key}", "is missing", "write it; there is no default")
        given = [key for key in choice if key in raw]
        if choice and len(given) != 1:
            said = f"must have one of {', '.join(choice)}, and has {' and '.join(given) or 'none'}"
            self.problem(where, said, f"write {' or '.join(f'{key}: ...' for key in choice)}")
        return {key: raw.get(key, MISSING) for key in known}

    def number(self, raw: Any, where: str) -> float | None:
        """Return the finite number that `raw` says."""
        if raw is MISSING:
            return None
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            number = as_number(raw) if isinstance(raw, str) else None
            way_out = f"write {number}, without quotes" if number else "write a number"
            self.problem(where, f"must be a number, and is {kind_of(raw)}", way_out, raw)
            return None
        try:
            value = float(raw)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            self.problem(where, "is not a finite number", "write a number", raw)
            return None
        return value

    def whole(self, raw: Any, where: str, at_most: int) -> int | None:
        """Return the whole number from 1 to `at_most` that `raw` says."""
        number = self.number(raw, where)
        if number is None:
            return None
        if not 1 <= number <= at_most or number != int(number):
            allowed = f"from 1 to {at_most}" if at_most > 1 else "and can only be 1"
            self.problem(where, f"must be a whole number {allowed}", "write a number in that range", raw)
            return None
        return int(number)

    def timeframe(self, raw: Any, where: str) -> Timeframe | None:
        """Return the timeframe of the role that `raw` names."""
        if raw is MISSING:
            return None
        roles = self.names.roles
        if not isinstance(raw, str) or raw not in roles:
            self.problem(where, "is no timeframe of this card", did_you_mean(raw, roles), raw)
            return None
        return roles[raw]
