"""pydantic's errors in the words of somebody who writes cards."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.idea_card.findings import Finding, did_you_mean, finding_of, is_finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.idea_card.base import CardPart

# The only patterns among the kinds of value are those of names; others have a validator with its own words.
_NAME_ADVICE = "start with a small letter; then small letters, digits and _ only"
_DOTTED_ADVICE = "write the name of a feature, or of one of its outputs as in channel.lower"
_UNWRITTEN = "unwritten:"


def unwritten(name: str) -> str:
    """Return a tag for a form a value can have that is not written in the card, and so in no key path."""
    return _UNWRITTEN + name


def findings_in(error: ValidationError, part: type[CardPart]) -> Iterator[Finding]:
    """Yield the errors met while validating `part`; those of nested parts are findings already."""
    for details in error.errors(include_url=False):
        details["loc"] = tuple(step for step in details["loc"] if not str(step).startswith(_UNWRITTEN))
        if is_finding(details):
            yield finding_of(details)
        else:
            yield _translated(details, part)


def _translated(details: ErrorDetails, part: type[CardPart]) -> Finding:
    kind, where, value = details["type"], details["loc"], details["input"]
    context = details.get("ctx", {})
    if kind == "missing":
        description = part.model_fields[str(where[-1])].description or ""
        return Finding(where, "is missing", f"write it; there is no default. {description}".rstrip())
    if kind == "extra_forbidden":
        key = str(where[-1])
        way_out = part.misplaced.get(key) or did_you_mean(key, (*part.model_fields, *part.beside))
        return Finding(where, "is not a key of this block", way_out, value)
    if kind == "union_tag_not_found":
        key = context["discriminator"].strip("'")
        return Finding((*where, key), "is missing", f"say which {key} it is")
    if kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        return Finding(
            (*where, key),
            f"there is no such {key}",
            did_you_mean(context["tag"], _quoted(context["expected_tags"])),
            context["tag"],
        )
    if kind == "literal_error":
        return Finding(where, "is not known", did_you_mean(value, _quoted(context["expected"])), value)
    if kind == "string_pattern_mismatch":
        dotted = r"\." in context["pattern"]
        return Finding(where, "is not a name", _DOTTED_ADVICE if dotted else _NAME_ADVICE, value)
    if kind in _WRONG_KIND:
        wanted, advice = _WRONG_KIND[kind]
        return Finding(where, f"must be {wanted}, and is {kind_of(value)}", advice(value), value)
    if kind in _OUT_OF_RANGE:
        wanted = _OUT_OF_RANGE[kind].format_map(context)
        return Finding(where, f"must be {wanted}", "write a number in that range", value)
    if kind == "too_short":
        return Finding(where, "is empty", f"list at least {context['min_length']}")
    if kind == "too_long":
        return Finding(
            where, f"has {context['actual_length']} items", f"list at most {context['max_length']}", value
        )
    if kind == "string_too_short":
        return Finding(where, "is empty", "write some text")
    if kind == "invalid_key":
        return Finding((str(value),), "is not text, so it is no key", did_you_mean("", part.model_fields))
    return Finding(where, "is not a value this key takes", "see the JSON schema of cards", value)


def kind_of(value: object) -> str:
    """Return what a value of YAML is, in words: "text", "a number", "null"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return "a number with a fraction" if value % 1 else "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "a block of keys"
    if isinstance(value, list | tuple):
        return "a list"
    return f"a {type(value).__name__}"


def as_number(text: str) -> str | None:
    """Return the number a text spells, as YAML should have it, or None if it spells none.

    10,000 and 1.5 % are numbers as well, to people.
    """
    text = text.strip().removesuffix("%").rstrip()
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        return None
    number = float(text)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else str(number)


def _is_digits(text: str) -> bool:
    return re.fullmatch(r"[-+0-9_.eE]+", text.strip()) is not None


def _number_advice(value: Any) -> str:
    number = as_number(value) if isinstance(value, str) else None
    if not number:
        return "write a number"
    return f"write {number}, without quotes" if _is_digits(value) else f"write {number}"


def _whole_advice(value: Any) -> str:
    advice = _number_advice(value)
    return "write a whole number" if advice == "write a number" else advice


def _text_advice(value: Any) -> str:
    scalar = isinstance(value, bool | int | float)
    return f"put it in quotes: '{value}'" if scalar else "write text"


def _flag_advice(_: Any) -> str:
    return "write true or false, without quotes"


def _block_advice(_: Any) -> str:
    return "write its keys below it, indented, or in braces: {key: value}"


def _list_advice(value: Any) -> str:
    return f"put it in brackets: [{value}]" if isinstance(value, str) else "write a list in brackets: [a, b]"


def _quoted(listing: str) -> list[str]:
    return re.findall(r"'([^']*)'", listing)


_WRONG_KIND: dict[str, tuple[str, Callable[[Any], str]]] = {
    "float_type": ("a number", _number_advice),
    "int_type": ("a whole number", _whole_advice),
    "finite_number": ("a finite number", _number_advice),
    "string_type": ("text", _text_advice),
    "bool_type": ("true or false", _flag_advice),
    "dict_type": ("a block of keys", _block_advice),
    "model_type": ("a block of keys", _block_advice),
    "model_attributes_type": ("a block of keys", _block_advice),
    "tuple_type": ("a list", _list_advice),
}
_OUT_OF_RANGE = {
    "greater_than": "above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "below {lt:g}",
    "less_than_equal": "{le:g} or less",
}
