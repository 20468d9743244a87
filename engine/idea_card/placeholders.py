"""`{param: name}` in a card's plain data: where they stand, and the data with values in their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.idea_card.findings import Where

PARAM = "param"
"""The one key of a placeholder."""

PARAMETERS = "parameters"
"""The card's block of parameters, by name."""

CONSTRAINTS = "parameter_constraints"
"""The card's list of relations between parameters."""

LINEAGE = "lineage"
"""The card's origin, where it was adopted from a sweep."""

BLOCKS = (PARAMETERS, CONSTRAINTS, LINEAGE)
"""The keys of a card file that are about parameters and origin, and never reach the card itself."""

SCHEMA_VERSION = "schema_version"
"""The key of a card file that says which version of the card language it is written in."""


@dataclass(frozen=True)
class Placeholder:
    """One `{param: name}`. `named` is what it says, which may be no name; `alone` if it says nothing else."""

    where: Where
    named: object
    alone: bool


def is_placeholder(value: object) -> bool:
    """Whether `value` stands for a parameter: a mapping with `param` and something written after it."""
    # A feature or setup may be called param: its key leads to a block or a list.
    return isinstance(value, Mapping) and PARAM in value and not isinstance(value[PARAM], Mapping | list)


def placeholders(data: Any, where: Where = ()) -> Iterator[Placeholder]:
    """Yield the placeholders in plain data, in the order they are written."""
    if is_placeholder(data):
        yield Placeholder(where, data[PARAM], len(data) == 1)
    elif isinstance(data, Mapping):
        for key, item in data.items():
            if where or key not in BLOCKS:
                yield from placeholders(item, (*where, str(key)))
    elif isinstance(data, list | tuple):
        for position, item in enumerate(data):
            yield from placeholders(item, (*where, position))


def without_blocks(data: Any) -> Any:
    """Return a card's data without what is about the file: parameters, origin, version of the language."""
    if not isinstance(data, Mapping):
        return data
    return {key: item for key, item in data.items() if key not in (*BLOCKS, SCHEMA_VERSION)}


def filled(data: Any, values: Mapping[str, Any]) -> Any:
    """Return plain data with `values` in the places of their parameters; unknown ones stay as they are."""
    if isinstance(data, dict):
        if is_placeholder(data):
            return values.get(str(data[PARAM]), data)
        return {key: filled(item, values) for key, item in data.items()}
    if isinstance(data, list):
        return [filled(item, values) for item in data]
    return data
