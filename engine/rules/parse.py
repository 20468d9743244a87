"""From the raw conditions of a card to trees. Every problem is found, not only the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import CardError
from engine.idea_card.findings import did_you_mean
from engine.idea_card.plain_words import kind_of
from engine.idea_card.signal_rules import TAGS, SignalRules
from engine.rules.groups import All
from engine.rules.language import GROUPS, OPERATORS
from engine.rules.names import NameTable, UnknownName
from engine.rules.nodes import MISSING, Condition
from engine.rules.operands import CALCULATIONS, Arithmetic, Column, Number, Operand, Takes
from engine.rules.position_reading import PositionReader
from engine.rules.rule_set import EXIT_RULES, RULE_NAMES, RuleSet
from engine.rules.tags import NAME_OF_A_TAG, Tag, Tagged, is_tagged

MOST_LEAVES = 10_000
"""Comparisons all rules of a card may come to, each setup counted wherever it is used."""
DEEPEST_SETUPS = 40
"""Setups that may use one another in a row."""


def parse_signal_rules(rules: SignalRules, names: NameTable) -> RuleSet:
    """Return the trees of a card's rules.

    Raises
    ------
    CardError
        With every problem in every rule, by its key path from `signal_rules` on.
    """
    parser = _Parser(names, rules.setups or {}, rules.captures or {})
    captures = parser.read_captures()
    parser.read_setups()
    trees: dict[str, Condition | None] = {}
    for name in RULE_NAMES:
        raw = getattr(rules, name)
        parser.may_ask = name in EXIT_RULES
        trees[name] = None if raw is None else parser.rule(raw, f"signal_rules.{name}")
        parser.refuse_long_exit(trees[name], f"signal_rules.{name}")
    parser.refuse_unused_captures()
    parser.refuse_unused_setups()
    parser.refuse_endless_rules()
    if parser.problems:
        raise CardError("signal_rules", parser.problems)
    return RuleSet(**trees, captures=captures)


class _Parser(PositionReader):
    """Reads raw conditions; what is wrong is noted in `problems`, and the reading goes on."""

    def __init__(self, names: NameTable, setups: Mapping[str, Any], captures: Mapping[str, Any]) -> None:
        super().__init__(names, captures)
        self._setups = setups
        self._read: dict[str, Condition | None] = {}
        self._being_read: list[str] = []
        self._used: set[str] = set()
        # comparisons so far, and in each setup
        self._leaves = 0
        self._leaves_of: dict[str, int] = {}

    def read_setups(self) -> None:
        """Read every setup, used or not."""
        for name in self._setups:
            self._setup(name, f"signal_rules.setups.{name}")

    def refuse_unused_setups(self) -> None:
        """Note each setup that neither a rule nor another setup uses."""
        for name in self._setups:
            if name not in self._used:
                way_out = f"write {{setup: {name}}} where it is meant, or remove it"
                self.problem(f"signal_rules.setups.{name}", "is not used", way_out)

    def refuse_endless_rules(self) -> None:
        """Note it if the rules come to more than can be worked out."""
        if self._leaves > MOST_LEAVES:
            self.problem(
                "signal_rules",
                f"comes to {self._leaves} comparisons",
                f"use at most {MOST_LEAVES}; a setup counts wherever it is used",
            )

    def setup(self, raw: Any, where: str) -> Condition | None:
        """Return the condition of a setup, or None if there is none of that name or it is in disorder."""
        if not isinstance(raw, str) or raw not in self._setups:
            way_out = (
                did_you_mean(raw, self._setups) if self._setups else "write it under signal_rules.setups"
            )
            self.problem(where, "is no setup of this card", way_out, raw)
            # any of them may be meant, and is not to be told as unused
            self._used.update(self._setups)
            return None
        self._used.add(raw)
        if raw in self._being_read:
            circle = " -> ".join([*self._being_read[self._being_read.index(raw) :], raw])
            self.problem(where, f"goes round in a circle: {circle}", "let one of them do without the others")
            return None
        found = self._setup(raw, where)
        # told once, at the end; nobody walks such a tree until then
        return None if self._leaves > MOST_LEAVES else found

    def _setup(self, name: str, where: str) -> Condition | None:
        if name in self._read:
            self._leaves += self._leaves_of[name]
        elif len(self._being_read) == DEEPEST_SETUPS:
            self.problem(where, f"is the {DEEPEST_SETUPS + 1}st setup inside another", "nest fewer of them")
            return None
        else:
            before = self._leaves
            self._being_read.append(name)
            self._read[name] = self.condition(self._setups[name], f"signal_rules.setups.{name}")
            self._being_read.pop()
            self._leaves_of[name] = self._leaves - before
        return self._read[name]

    def rule(self, raw: Any, where: str) -> Condition | None:
        """Return the condition that a rule says, or its tagged ones; None after noting why it says none."""
        if not is_tagged(raw):
            return self.condition(raw, where)
        where, tags = f"{where}.{TAGS}", raw[TAGS]
        if not isinstance(tags, Mapping) or not tags:
            way_out = 'write a tag and its condition below each other: pullback: [close, ">", ema]'
            self.problem(where, "is no block of tags", way_out, tags)
            return None
        for tag in tags:
            if not NAME_OF_A_TAG.fullmatch(str(tag)):
                self.problem(f"{where}.{tag}", "is not a tag", "use small letters, digits and _", tag)
        parsed = [(str(tag), self.condition(item, f"{where}.{tag}")) for tag, item in tags.items()]
        found = tuple(Tag(tag, condition) for tag, condition in parsed if condition is not None)
        return Tagged(found) if len(found) == len(parsed) else None

    def condition(self, raw: Any, where: str) -> Condition | None:
        """Return the condition that `raw` says, or None after noting why it says none."""
        if raw is MISSING:
            return None
        if isinstance(raw, Mapping):
            return self._group(raw, where)
        if isinstance(raw, list | tuple):
            if len(raw) == 3 and isinstance(raw[1], str):
                return self._leaf(raw, where)
            if raw and all(isinstance(item, list | tuple | Mapping) or _as_list(item) for item in raw):
                parts = [self.condition(item, f"{where}[{position}]") for position, item in enumerate(raw)]
                found = tuple(part for part in parts if part is not None)
                return All(found) if len(found) == len(parts) else None
        groups = ", ".join(f"{{{key}: ...}}" for key in GROUPS)
        way_out = f"write [left, operator, right], a list of conditions, or one of {groups}"
        if (as_list := _as_list(raw)) is not None:
            way_out = f"write it as a list: {as_list}"
        self.problem(where, "is not a condition", way_out, raw)
        return None

    def operand(self, raw: Any, where: str) -> Operand | None:
        """Return the operand that `raw` says, or None after noting why it says none."""
        if isinstance(raw, str):
            return self._named(raw, where)
        if isinstance(raw, Mapping):
            return self._calculation(raw, where)
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            number = self.number(raw, where)
            return None if number is None else Number(number)
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
        self._leaves += 1
        left = self.operand(raw[0], f"{where}[0]")
        leaf_class = OPERATORS.get(raw[1])
        if leaf_class is None:
            self.problem(f"{where}[1]", "is not an operator", did_you_mean(raw[1], OPERATORS), raw[1])
            return None
        # a right-hand side has problems of its own to tell, whatever the left one is
        leaf = leaf_class.parse(left or Number(0.0), raw[1], raw[2], self, f"{where}[2]")
        if leaf is None or left is None:
            return None
        if not leaf.references() and not leaf.looks_at_position():
            self.problem(where, "compares numbers only", "name a price or a feature on one side", raw)
            return None
        return leaf if self.asked_rightly(leaf, raw[1], where) else None

    def _group(self, raw: Mapping[Any, Any], where: str) -> Condition | None:
        if len(raw) != 1:
            listing = ", ".join(map(str, raw)) or "nothing"
            self.problem(where, f"must have one key, and has {listing}", "make one item of a list of each")
            return None
        [(key, inner)] = raw.items()
        group_class = GROUPS.get(key)
        if group_class is not None:
            group = group_class.parse(inner, self, f"{where}.{key}")
            return group if group is None or self.asked_rightly(group, key, f"{where}.{key}") else None
        if key == TAGS:
            way_out = "write tags directly below entry_long, exit_long, entry_short or exit_short"
            self.problem(f"{where}.{key}", "names the conditions of a rule, and stands inside one", way_out)
            return None
        if key in CALCULATIONS:
            way_out = "compare it with something: [{'+': [a, b]}, \">\", c]"
            self.problem(where, "is a calculation and no condition", way_out, dict(raw))
        else:
            self.problem(f"{where}.{key}", "is not a kind of condition", did_you_mean(key, GROUPS))
        return None

    def _named(self, text: str, where: str) -> Operand | None:
        if (name := self.of_position(text)) is not None:
            return self.position_operand(name, text, where)
        try:
            reference = self.names.resolve(text)
        except UnknownName as unknown:
            self.problem(where, unknown.problem, self.advice(text, unknown), text)
            return None
        return Column(reference, text)

    def _calculation(self, raw: Mapping[Any, Any], where: str) -> Operand | None:
        key = next(iter(raw), None)
        calculation = CALCULATIONS.get(key) if len(raw) == 1 and isinstance(key, str) else None
        if key is None or calculation is None:
            self.problem(where, "is not a calculation", did_you_mean(key or "", CALCULATIONS), dict(raw))
            return None
        return self._calculated(key, calculation.takes, raw[key], f"{where}.{key}")

    def _calculated(self, key: str, takes: Takes, raw: Any, where: str) -> Operand | None:
        if takes is Takes.ONE:
            if isinstance(raw, list | tuple):
                self.problem(where, "is a list, and takes one operand", f"write {{{key}: a}}", raw)
                return None
            part = self.operand(raw, where)
            return None if part is None else Arithmetic(key, (part,))
        several = takes is Takes.SEVERAL
        if not isinstance(raw, list | tuple) or len(raw) < 2 or (len(raw) > 2 and not several):
            wanted = "at least two" if several else "exactly two"
            self.problem(where, f"must be a list of {wanted}", f"write {{'{key}': [a, b]}}", raw)
            return None
        operands = [self.operand(part, f"{where}[{position}]") for position, part in enumerate(raw)]
        found = tuple(operand for operand in operands if operand is not None)
        return Arithmetic(key, found) if len(found) == len(operands) else None


def _as_list(raw: Any) -> str | None:
    """Return a condition that is written as one text, as in other languages, in the form of a card."""
    words = raw.split(None, 2) if isinstance(raw, str) else []
    if len(words) != 3 or words[1] not in OPERATORS:
        return None
    return f'[{words[0]}, "{words[1]}", {words[2]}]'
