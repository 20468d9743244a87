"""From a YAML file to an IdeaCard, or to an error that tells everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.errors import CardError, CardProblem, ConfigurationError
from engine.idea_card.card import IdeaCard
from engine.idea_card.findings import Finding, finding_of
from engine.idea_card.yaml_source import YamlSource, key_path, parse_yaml, read_yaml


@dataclass(frozen=True)
class CardFolder:
    """The cards of a folder and their files by id, and why the other files are none, by file name."""

    cards: dict[str, IdeaCard]
    files: dict[str, Path]
    errors: dict[str, CardError]


def load_card(path: Path) -> IdeaCard:
    """Read and check the card at `path`.

    Whether its indicators exist and its conditions name known things is checked by
    `engine.strategies.card_plan`, which knows the registry.

    Raises
    ------
    CardError
        With every problem: file, line, key path, value, and what would be right.
    """
    return _card_of(read_yaml(path))


def card_from_text(text: str, name: str) -> IdeaCard:
    """Read a card from YAML text; `name` stands for the file in messages. Raises as `load_card` does."""
    return _card_of(parse_yaml(text, name))


def card_from_plain(data: Any, name: str) -> IdeaCard:
    """Make a card of plain data, as `IdeaCard.canonical_form` gives it. Raises as `load_card` does."""
    return _card_of(YamlSource(name, data, {}))


def load_cards(folder: Path) -> CardFolder:
    """Load every `.yaml` and `.yml` file of `folder` (not below it), in the order of their names.

    A bad card does not stop the others. Of two files with one id, neither is loaded: which of them is meant
    is not ours to guess.

    Raises
    ------
    ConfigurationError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"there is no folder of cards at {folder}", way_out="set TRADE_CARDS to the folder of your cards"
        )
    files = sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml") and not path.name.startswith(".") and path.is_file()
    )
    loaded: dict[Path, IdeaCard] = {}
    errors: dict[str, CardError] = {}
    for path in files:
        try:
            loaded[path] = load_card(path)
        except CardError as error:
            errors[path.name] = error
    uses = Counter(card.id for card in loaded.values())
    for path, card in loaded.items():
        if uses[card.id] > 1:
            others = [p.name for p, c in loaded.items() if c.id == card.id and p != path]
            problem = CardProblem(
                "id", f"is also the id of {', '.join(others)}", "give one another id", card.id
            )
            errors[path.name] = read_yaml(path).error([problem])
    unique = {card.id: (card, path) for path, card in loaded.items() if uses[card.id] == 1}
    return CardFolder(
        cards={name: card for name, (card, _) in unique.items()},
        files={name: path for name, (_, path) in unique.items()},
        errors=errors,
    )


def _card_of(source: YamlSource) -> IdeaCard:
    try:
        return IdeaCard.model_validate(source.data)
    except ValidationError as error:
        findings = [finding_of(details) for details in error.errors(include_url=False)]
    raise source.error([_problem(finding, source.data) for finding in findings])


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
