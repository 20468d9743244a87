"""Which version of the card language a file is written in, and whether it has to be brought forward.

A file says `schema_version: 2`; one that does not is of version 1, which had no such key. An older file is
used as it is where bringing it forward would change nothing else in it; where it would, it is refused with
what to change and the command that does it. The key says how the file is to be read and nothing of what the
card means: it never reaches the card, and no system hash knows it.
"""

from __future__ import annotations

from typing import Any

from engine.errors import CardProblem
from engine.idea_card.migration_steps import STEPS
from engine.idea_card.placeholders import SCHEMA_VERSION
from engine.idea_card.yaml_source import YamlSource

CURRENT_VERSION = len(STEPS) + 1
"""The version of the language this program reads."""


def version_of(data: Any) -> int:
    """Return the version that a card's plain data say they are of: 1 where they say none."""
    said = data.get(SCHEMA_VERSION, 1) if isinstance(data, dict) else 1
    return said if isinstance(said, int) else 1


def version_problems(source: YamlSource) -> list[CardProblem]:
    """Return why a file cannot be read as one of the present version; nothing if it can."""
    data = source.data
    if not isinstance(data, dict):
        return []
    said = data.get(SCHEMA_VERSION, 1)
    if isinstance(said, bool) or not isinstance(said, int) or said < 1:
        return [CardProblem(SCHEMA_VERSION, "is no version", f"write {CURRENT_VERSION}", said)]
    if said > CURRENT_VERSION:
        return [
            CardProblem(
                SCHEMA_VERSION,
                f"is newer than what this program reads, which is {CURRENT_VERSION}",
                "update TRADE, or write the card anew in the older form",
                said,
            )
        ]
    for version in range(said, CURRENT_VERSION):
        if changes := STEPS[version - 1](data):
            # What a later step would find depends on what this one writes.
            return [
                CardProblem(
                    change.key_path,
                    change.problem,
                    f"{change.way_out}; or let `trade cards migrate {source.name} --write` do it",
                )
                for change in changes
            ]
    return []
