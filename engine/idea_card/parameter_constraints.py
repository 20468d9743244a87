"""What must hold between the parameters of a card, read as data: nothing is evaluated as code.

A relation has the form of a condition: `[left, operator, right]`, with numbers, names of parameters and
calculations of them: `[fast, "<", slow]`, `[slow, ">=", {"*": [2, fast]}]`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from engine.idea_card.findings import Finding, Where, did_you_mean
from engine.idea_card.plain_words import kind_of

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_CALCULATIONS: dict[str, Callable[[Any, Any], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_FORM = 'write [fast, "<", slow], with names of parameters, numbers and calculations as {"*": [2, fast]}'

type _Term = float | str | tuple[str, tuple["_Term", ...]]


@dataclass(frozen=True)
class Constraint:
    """One relation. A side is a number, the name of a parameter, or a calculation of such."""

    class Unreadable(Exception):
        """The raw value says no relation."""

        def __init__(self, problem: str, way_out: str = _FORM) -> None:
            self.problem, self.way_out = problem, way_out
            super().__init__(problem)

    left: _Term
    comparison: str
    right: _Term

    def __str__(self) -> str:
        return f"{_said(self.left)} {self.comparison} {_said(self.right)}"

    def names(self) -> tuple[str, ...]:
        """Return the parameters it names, each once, in the order they are written."""
        return tuple(dict.fromkeys((*_names(self.left), *_names(self.right))))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the relation holds for `values`; a division by zero never does."""
        try:
            return _COMPARISONS[self.comparison](_value(self.left, values), _value(self.right, values))
        except ZeroDivisionError:
            return False

    def findings(self, parameters: Mapping[str, Any], where: Where) -> Iterator[Finding]:
        """Yield what is wrong with the relation among `parameters`, the raw block of them."""
        if not self.names():
            yield Finding(where, "names no parameter", _FORM, str(self))
        sound = True
        for name in self.names():
            if name not in parameters:
                sound = False
                advice = did_you_mean(name, parameters) if parameters else "declare it under parameters"
                yield Finding(where, f"names {name}, which is no parameter", advice, str(self))
            elif not all(map(_is_number, _declared(parameters[name]))):
                sound = False
                way_out = "compare parameters whose values are all numbers"
                yield Finding(where, f"names {name}, which is not a number", way_out, str(self))
        if sound and self.names():
            defaults = {name: parameters[name]["default"] for name in self.names()}
            if not self.holds(defaults):
                said = ", ".join(f"{name} {value}" for name, value in defaults.items())
                way_out = "change a default, or the relation"
                yield Finding(where, f"does not hold for the defaults ({said})", way_out, str(self))


def constraint_from(raw: Any) -> Constraint:
    """Return the relation that `raw` says.

    Raises
    ------
    Constraint.Unreadable
        If it says none.
    """
    if not isinstance(raw, list | tuple) or len(raw) != 3:
        raise Constraint.Unreadable("is not a relation of parameters")
    left, comparison, right = raw
    if not isinstance(comparison, str) or comparison not in _COMPARISONS:
        raise Constraint.Unreadable("has no operator in the middle", did_you_mean(comparison, _COMPARISONS))
    return Constraint(_term(left), comparison, _term(right))


def constraint_schema() -> dict[str, Any]:
    """Return the JSON schema of a relation."""
    calculation = {
        "type": "object",
        "properties": {key: {"type": "array", "minItems": 2} for key in _CALCULATIONS},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    term = {"anyOf": [{"type": "number"}, {"type": "string"}, calculation]}
    return {
        "type": "array",
        "items": [term, {"enum": list(_COMPARISONS)}, term],
        "minItems": 3,
        "maxItems": 3,
    }


def _term(raw: Any) -> _Term:
    if isinstance(raw, str) or _is_number(raw):
        return raw
    if isinstance(raw, Mapping) and len(raw) == 1:
        [(key, parts)] = raw.items()
        if key not in _CALCULATIONS:
            raise Constraint.Unreadable(f"{key!r} is not a calculation", did_you_mean(key, _CALCULATIONS))
        if isinstance(parts, list | tuple) and len(parts) >= 2:
            return key, tuple(map(_term, parts))
        raise Constraint.Unreadable(f"{key} needs a list of at least two")
    raise Constraint.Unreadable(f"compares {kind_of(raw)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _declared(parameter: Any) -> tuple[Any, ...]:
    # As written: a parameter that is wrong in itself is reported where it stands.
    if not isinstance(parameter, Mapping) or "default" not in parameter:
        return (None,)
    values = parameter.get("values")
    return (parameter["default"], *(values if isinstance(values, list | tuple) else ()))


def _names(term: _Term) -> Iterator[str]:
    if isinstance(term, str):
        yield term
    elif isinstance(term, tuple):
        for part in term[1]:
            yield from _names(part)


def _value(term: _Term, values: Mapping[str, Any]) -> float:
    if isinstance(term, str):
        return values[term]
    if isinstance(term, tuple):
        return reduce(_CALCULATIONS[term[0]], (_value(part, values) for part in term[1]))
    return term


def _said(term: _Term) -> str:
    if isinstance(term, tuple):
        return f"({f' {term[0]} '.join(map(_said, term[1]))})"
    return str(term)
