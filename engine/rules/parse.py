"""From the raw conditions of a card to trees. Every problem is found, not only the first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.errors import CardError, CardProblem
from engine.idea_card.findings import did_you_mean
from engine.idea_card.plain_words import kind_of
from engine.idea_card.signal_rules import SignalRules
from engine.rules.groups import All
from engine.rules.language import GROUPS, OPERATORS
from engine.rules.names import NameTable, UnknownName
from engine.rules.nodes import Condition
from engine.rules.operands import CALCULATIONS, Arithmetic, Column, Number, Operand
from engine.rules.rule_set import RULE_NAMES, RuleSet


def parse_signal_rules(rules: SignalRules, names: NameTable) -> RuleSet:
    """Return the trees of a card's rules.

    Raises
    ------
    CardError
        With every problem in every rule, by its key path from `signal_rules` on.
    """
    parser = _Parser(names)
    trees: dict[str, Condition | None] = {}
    for name in RULE_NAMES:
        raw = getattr(rules, name)
        trees[name] = None if raw is None else parser.condition(raw, f"signal_rules.{name}")
    if parser.problems:
        raise CardError("signal_rules", parser.problems)
    return RuleSet(**trees)


class _Parser:
    """Reads raw conditions; what is wrong is noted in `problems`, and the reading goes on."""

    def __init__(self, names: NameTable) -> None:
        self._names = names
        self.problems: list[CardProblem] = []

    def problem(self, where: str, problem: str, way_out: str, value: object = None) -> None:
        """Note what is wrong at a key path."""
        self.problems.append(CardProblem(where, problem, way_out, value))

    def condition(self, raw: Any, where: str) -> Condition | None:
        """Return the condition that `raw` says, or None after noting why it says none."""
        if isinstance(raw, Mapping):
            return self._group(raw, where)
        if isinstance(raw, list | tuple):
            if len(raw) == 3 and isinstance(raw[1], str):
                return self._leaf(raw, where)
            if raw and all(isinstance(item, list | tuple | Mapping) for item in raw):
                parts = [self.condition(item, f"{where}[{position}]") for position, item in enumerate(raw)]
                found = tuple(part for part in parts if part is not None)
                return All(found) if len(found) == len(parts) else None
        groups = ", ".join(f"{{{key}: ...}}" for key in GROUPS)
        way_out = f"write [left, operator, right], a list of conditions, or one of {groups}"
        self.problem(where, "is not a condition", way_out, raw)
        return None

    def operand(self, raw: Any, where: str) -> Operand | None:
        """Return the operand that `raw` says, or None after noting why it says none."""
        if isinstance(raw, str):
            return self._named(raw, where)
        if isinstance(raw, Mapping):
            return self._calculation(raw, where)
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return self._number(raw, where)
        way_out = "write a number, a name, or a calculation as {'*': [1.2, close]}"
        self.problem(where, f"is {kind_of(raw)}, which cannot be compared", way_out, raw)
        return None

    def two_operands(self, raw: Any, where: str, meaning: str) -> tuple[Operand, Operand] | None:
        """Return the operands of a list of two, or None after noting why they are none."""
        if not isinstance(raw, list | tuple) or len(raw) != 2:
            self.problem(where, f"is not {meaning}", f"write a list of two: {meaning}", raw)
            return None
        first, second = (self.operand(item, f"{where}[{position}]") for position, item in enumerate(raw))
        return None if first is None or second is None else (first, second)

    def _leaf(self, raw: list[Any] | tuple[Any, ...], where: str) -> Condition | None:
        left = self.operand(raw[0], f"{where}[0]")
        leaf_class = OPERATORS.get(raw[1])
        if leaf_class is None:
            self.problem(f"{where}[1]", "is not an operator", did_you_mean(raw[1], OPERATORS), raw[1])
            return None
        # a right-hand side has problems of its own to tell, whatever the left one is
        leaf = leaf_class.parse(left or Number(0.0), raw[1], raw[2], self, f"{where}[2]")
        if leaf is None or left is None:
            return None
        if not leaf.references():
            self.problem(where, "compares numbers only", "name a price or a feature on one side", raw)
            return None
        return leaf

    def _group(self, raw: Mapping[Any, Any], where: str) -> Condition | None:
        if len(raw) != 1:
            listing = ", ".join(map(str, raw)) or "nothing"
            self.problem(where, f"must have one key, and has {listing}", "make one item of a list of each")
            return None
        [(key, inner)] = raw.items()
        group_class = GROUPS.get(key)
        if group_class is not None:
            return group_class.parse(inner, self, f"{where}.{key}")
        if key in CALCULATIONS:
            way_out = "compare it with something: [{'+': [a, b]}, \">\", c]"
            self.problem(where, "is a calculation and no condition", way_out, dict(raw))
        else:
            self.problem(f"{where}.{key}", "is not a kind of condition", did_you_mean(key, GROUPS))
        return None

    def _named(self, text: str, where: str) -> Operand | None:
        try:
            reference = self._names.resolve(text)
        except UnknownName as unknown:
            self.problem(where, unknown.problem, unknown.way_out, text)
            return None
        return Column(reference, text)

    def _number(self, raw: int | float, where: str) -> Operand | None:
        try:
            number = float(raw)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.problem(where, "is not a finite number", "write a number", raw)
            return None
        return Number(number)

    def _calculation(self, raw: Mapping[Any, Any], where: str) -> Operand | None:
        key = next(iter(raw), None)
        calculation = CALCULATIONS.get(key) if len(raw) == 1 and isinstance(key, str) else None
        if key is None or calculation is None:
            self.problem(where, "is not a calculation", did_you_mean(key or "", CALCULATIONS), dict(raw))
            return None
        parts = raw[key]
        wanted = "at least two" if calculation.chains else "exactly two"
        enough = isinstance(parts, list | tuple) and (
            len(parts) >= 2 if calculation.chains else len(parts) == 2
        )
        if not enough:
            self.problem(f"{where}.{key}", f"must be a list of {wanted}", f"write {{'{key}': [a, b]}}", parts)
            return None
        operands = [self.operand(part, f"{where}.{key}[{position}]") for position, part in enumerate(parts)]
        found = tuple(operand for operand in operands if operand is not None)
        return Arithmetic(key, found) if len(found) == len(operands) else None
