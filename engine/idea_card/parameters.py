"""The free values of a card: the block `parameters`, and what each of them may be.

Any value of a card may be written `{param: name}`. Its default and its range stand in the block `parameters`,
relations that must hold in `parameter_constraints` (`engine.idea_card.parameter_constraints`):

    features:
      ema_fast: {indicator: ema, params: {length: {param: fast}}, source: close, tf: exec}
      ema_slow: {indicator: ema, params: {length: {param: slow}}, source: close, tf: exec}
    risk_model:
      stop_loss: {type: percent, value: {param: stop_pct}}
    parameters:
      fast: {default: 9, min: 5, max: 20, step: 1}
      slow: {default: 21, values: [21, 34, 55]}
      stop_pct: {default: 1.0, min: 0.25, max: 4.0, log: 5}     # 0.25, 0.5, 1, 2, 4
    parameter_constraints:
      - [fast, "<", slow]

Such a card loads as the card of its defaults, and has its hash. `engine.idea_card.parameter_space` binds
other values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, cast, override

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from engine.idea_card.base import CardPart, Name
from engine.idea_card.findings import Finding
from engine.idea_card.frozen import FrozenDict, freeze, impure_values, to_plain
from engine.idea_card.lineage import Lineage
from engine.idea_card.parameter_constraints import Constraint, constraint_from, constraint_schema
from engine.idea_card.plain_words import kind_of

MOST_CHOICES = 1_000_000
"""Values one parameter may have at most: more is a slip of the pen."""

_SHAPES = "write values: [...], or min, max and step, or min, max and log: how many"
# Enough to tell any two steps apart, and few enough that 0.1 + 0.2 is 0.3.
_DIGITS = 12


def _number(value: Any) -> Any:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        found = Finding((), f"must be a number, and is {kind_of(value)}", "write a number", value)
        raise found.as_error()
    if isinstance(value, float) and not math.isfinite(value):
        raise Finding((), "is not a finite number", "write a number", value).as_error()
    return whole_or_not(value)


def whole_or_not(value: Any) -> Any:
    """Return 9.0 as 9, and anything else as it is: two spellings of one number are one value."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(value: Any) -> Any:
    return freeze(whole_or_not(value))


_NUMBER_SCHEMA = WithJsonSchema({"type": "number"})

RangeNumber = Annotated[Any, BeforeValidator(_number), _NUMBER_SCHEMA]
ParameterValue = Annotated[Any, AfterValidator(_value)]


class Parameter(CardPart):
    """One free value: its default, and either its `values` or its `min` and `max` with `step` or `log`."""

    default: ParameterValue
    """The value the card has when nobody binds another."""
    values: Annotated[tuple[ParameterValue, ...] | None, Field(strict=False, min_length=1)] = None
    """Everything it may be: numbers, names, flags, whole blocks."""
    min: RangeNumber = None
    """The least it may be."""
    max: RangeNumber = None
    """The most it may be."""
    step: RangeNumber = None
    """From one value to the next, beginning at min. A whole min and step make whole numbers."""
    log: Annotated[int | None, Field(ge=2, le=MOST_CHOICES)] = None
    """How many values, each the same multiple of the one before, from min to max."""

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """Every value of a grid, in the order of the list or of size; 9.0 as 9."""
        if self.values is not None:
            return self.values
        if self.log is not None:
            return _logarithmic(self.min, self.max, self.log)
        return _stepped(self.min, self.max, self.step)

    def allows(self, value: Any) -> bool:
        """Whether the parameter may have this value: one of the list, or a number inside the range.

        A number need not be on the grid; between whole numbers a step apart, it must be whole.
        """
        if self.values is not None:
            return any(_same(value, known) for known in self.values)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        whole_only = self.log is None and isinstance(self.min, int) and isinstance(self.step, int)
        fits = not whole_only or float(value).is_integer()
        return bool(fits and self.min <= value <= self.max)

    @property
    def telling_choices(self) -> tuple[Any, ...]:
        """The choices that show whether all fit: a whole list; of a range the first two and the last."""
        choices = self.choices
        return choices if self.values is not None else tuple(dict.fromkeys((*choices[:2], choices[-1])))

    def says(self) -> str:
        """Return the range in words: "5 to 20", "one of 21, 34, 55"."""
        if self.values is not None:
            return f"one of {', '.join(str(to_plain(value)) for value in self.values)}"
        return f"{self.min} to {self.max}"

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        for key in ("default", "values"):
            yield from impure_values(block.get(key), (key,))
        ranged = [key for key in ("min", "max", "step", "log") if block.get(key) is not None]
        if block.get("values") is not None:
            for key in ranged:
                yield Finding((key,), "stands beside a list of values", "keep one of the two", block[key])
            yield from _list_findings(block)
        elif "default" in block:
            missing = [key for key in ("min", "max") if key not in ranged]
            if not ranged:
                yield Finding((), "has no range", _SHAPES)
            elif missing:
                yield Finding((missing[0],), "is missing", _SHAPES)
            elif ("step" in ranged) == ("log" in ranged):
                both = "step" in ranged
                yield Finding((), "has both step and log" if both else "has no step and no log", _SHAPES)
            else:
                yield from _range_findings(block)


class ParameterBlocks(CardPart):
    """The keys of a card file that are about its parameters, and about where their values come from."""

    parameters: Annotated[
        dict[Name, Parameter],
        AfterValidator(FrozenDict),
        Field(default_factory=FrozenDict, json_schema_extra={"additionalProperties": False}),
    ]
    """The free values of the card by name: each stands in the card as {param: name}."""
    parameter_constraints: Annotated[
        tuple[Annotated[Any, WithJsonSchema(constraint_schema())], ...], Field(strict=False)
    ] = ()
    """What must hold between parameters, as [fast, "<", slow]; sets that break it are left out."""
    lineage: Lineage | None = None
    """Where the card comes from, if it was adopted from a sweep; it changes nothing."""

    def constraints(self) -> tuple[Constraint, ...]:
        """Return the relations, read."""
        return tuple(constraint_from(raw) for raw in self.parameter_constraints)

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        relations, parameters = block.get("parameter_constraints"), block.get("parameters", {})
        if not isinstance(relations, list) or not isinstance(parameters, dict):
            return
        for position, raw in enumerate(relations):
            try:
                relation = constraint_from(raw)
            except Constraint.Unreadable as unreadable:
                where = ("parameter_constraints", position)
                yield Finding(where, unreadable.problem, unreadable.way_out, raw)
            else:
                yield from relation.findings(parameters, ("parameter_constraints", position))


def _list_findings(block: dict[str, Any]) -> Iterator[Finding]:
    values = block["values"]
    if not isinstance(values, list):
        return
    for position, value in enumerate(values):
        if any(_same(value, other) for other in values[:position]):
            yield Finding(("values", position), "is there twice", "name each value once", value)
    if "default" in block and values and not any(_same(block["default"], value) for value in values):
        listing = ", ".join(map(str, values))
        yield Finding(
            ("default",), "is not one of the values", f"write one of {listing}, or add it", block["default"]
        )


def _range_findings(block: dict[str, Any]) -> Iterator[Finding]:
    if not _is_finite_number(block["default"]):
        found = f"must be a number, and is {kind_of(block['default'])}"
        yield Finding(("default",), found, "write a number of the range", block["default"])
    numbers = {key: block[key] for key in ("min", "max", "step", "log") if block.get(key) is not None}
    if not all(map(_is_finite_number, (*numbers.values(), block["default"]))):
        return
    least, most = numbers["min"], numbers["max"]
    if least >= most:
        yield Finding(("max",), f"must be above min, which is {least:g}", "write a larger max", most)
        return
    if not least <= block["default"] <= most:
        way_out = f"write a number from {least:g} to {most:g}, or widen the range"
        yield Finding(("default",), "is outside the range", way_out, block["default"])
    if "log" in numbers and least <= 0:
        yield Finding(
            ("min",), "must be above 0 where the values are multiples", "write a min above 0", least
        )
    if "step" in numbers:
        if numbers["step"] <= 0:
            yield Finding(("step",), "must be above 0", "write how far apart the values are", numbers["step"])
        elif (most - least) / numbers["step"] >= MOST_CHOICES:
            way_out = "write a larger step, or log: how many values"
            yield Finding(("step",), f"makes more than {MOST_CHOICES:,} values", way_out, numbers["step"])


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _stepped(least: float, most: float, step: float) -> tuple[Any, ...]:
    # in decimals, so that the third value of 0.1, 0.2, ... is 0.3
    first, last, apart = (Decimal(str(number)) for number in (least, most, step))
    count = int((last - first) / apart) + 1
    return tuple(_short(float(first + position * apart)) for position in range(count))


def _logarithmic(least: float, most: float, count: int) -> tuple[Any, ...]:
    ratio = cast("float", (most / least) ** (1.0 / (count - 1)))
    inner = (float(f"{least * ratio**position:.{_DIGITS}g}") for position in range(1, count - 1))
    return tuple(map(_short, (least, *inner, most)))


def _short(number: float) -> Any:
    return whole_or_not(number)


def _same(first: Any, second: Any) -> bool:
    # true is not 1
    return isinstance(first, bool) == isinstance(second, bool) and freeze(first) == freeze(second)
