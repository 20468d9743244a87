"""From plain data to an IdeaCard, with every problem on its line of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from engine.errors import CardProblem
from engine.idea_card.base import CardPart
from engine.idea_card.card import IdeaCard
from engine.idea_card.findings import Finding, finding_of
from engine.idea_card.yaml_source import YamlSource, key_path


def card_of(source: YamlSource, data: Any) -> IdeaCard:
    """Return the card that `data` says: what stands in `source`, with its parameters bound.

    Raises
    ------
    CardError
        With every problem: file, line, key path, value, and what would be right.
    """
    try:
        return IdeaCard.model_validate(data)
    except ValidationError as error:
        raise source.error(problems_in(error, data)) from None


def card_problems(data: Any, part: type[CardPart] = IdeaCard) -> list[CardProblem]:
    """Return everything that is wrong with `data` as a card, or as another part; nothing if it is one."""
    try:
        part.model_validate(data)
    except ValidationError as error:
        return problems_in(error, data)
    return []


def problems_in(error: ValidationError, data: Any) -> list[CardProblem]:
    """Return the findings that a pydantic error of ours carries, as problems of `data`."""
    return [_problem(finding_of(details), data) for details in error.errors(include_url=False)]


def _problem(finding: Finding, data: Any) -> CardProblem:
    # pydantic's place names the chosen type of a union and marks keys: neither is written in the file
    where: list[str | int] = []
    for step in finding.where:
        if step == "[key]" or _names_the_type(step, data):
            continue
        where.append(step)
        data = _inside(data, step)
    return CardProblem(key_path(where), finding.problem, finding.way_out, finding.value)


def _names_the_type(step: str | int, block: Any) -> bool:
    if not isinstance(block, Mapping) or step in block:
        return False
    return step in (block.get("type"), block.get("model"))


def _inside(data: Any, step: str | int) -> Any:
    if isinstance(data, Mapping):
        return data.get(step)
    if isinstance(data, list | tuple) and isinstance(step, int) and step < len(data):
        return data[step]
    return None
