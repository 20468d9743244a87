"""From a YAML file to an IdeaCard, or to an error that tells everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CardError, CardProblem, ConfigurationError
from engine.idea_card.card import IdeaCard
from engine.idea_card.findings import did_you_mean
from engine.idea_card.frozen import to_plain
from engine.idea_card.parameter_space import ParameterSpace
from engine.idea_card.parameters import Parameter, ParameterBlocks
from engine.idea_card.placeholders import (
    BLOCKS,
    PARAM,
    PARAMETERS,
    Placeholder,
    filled,
    placeholders,
    without_blocks,
)
from engine.idea_card.schema_version import version_problems
from engine.idea_card.validation import card_of, card_problems
from engine.idea_card.yaml_source import YamlSource, key_path, parse_yaml, read_yaml, within


@dataclass(frozen=True)
class CardFolder:
    """The cards of a folder and their files by id, and why the other files are none, by file name."""

    cards: dict[str, IdeaCard]
    files: dict[str, Path]
    errors: dict[str, CardError]


def load_card(path: Path) -> IdeaCard:
    """Read and check the card at `path`; one with parameters is the card of its defaults.

    Whether its indicators exist and its conditions name known things is checked by
    `engine.strategies.card_plan`, which knows the registry.

    Raises
    ------
    CardError
        With every problem: file, line, key path, value, and what would be right.
    """
    return load_space(path).card


def load_space(path: Path) -> ParameterSpace:
    """Read and check the card at `path` with its parameters. Raises as `load_card` does."""
    return space_of(read_yaml(path))


def card_from_text(text: str, name: str) -> IdeaCard:
    """Read a card from YAML text; `name` stands for the file in messages. Raises as `load_card` does."""
    return space_from_text(text, name).card


def space_from_text(text: str, name: str) -> ParameterSpace:
    """Read a card with its parameters from YAML text. Raises as `load_card` does."""
    return space_of(parse_yaml(text, name))


def card_from_plain(data: Any, name: str) -> IdeaCard:
    """Make a card of plain data, as `IdeaCard.canonical_form` gives it. Raises as `load_card` does."""
    return space_of(YamlSource(name, data, {})).card


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


def space_of(source: YamlSource) -> ParameterSpace:
    """Return the card that a file says, with its parameters. Raises as `load_card` does."""
    if problems := version_problems(source):
        raise source.error(problems)
    blocks, problems = _blocks_of(source)
    known = blocks.parameters
    stray: list[str] = []
    used: set[str] = set()
    for placeholder in placeholders(source.data):
        name, path = placeholder.named, key_path(placeholder.where)
        problem = _placeholder_problem(path, placeholder, source.data)
        if problem is not None:
            problems.append(problem)
        if problem is not None or name not in known:
            stray.append(path)
        used.add(str(name))
    for name in known:
        if name not in used:
            way_out = f"write {{{PARAM}: {name}}} where the card is to take it, or remove it"
            problems.append(CardProblem(f"{PARAMETERS}.{name}", "is not used", way_out))
    data = _filled(source, known)
    # What stands where no value could be bound is no mistake of its own.
    problems += [p for p in card_problems(data) if not any(within(p.key_path, path) for path in stray)]
    if problems:
        raise source.error(problems)
    space = ParameterSpace(source, known, blocks.constraints(), card_of(source, data), blocks.lineage)
    problems = space.range_problems(lambda card: card)
    if problems:
        raise source.error(problems)
    return space


def with_defaults(source: YamlSource) -> Any:
    """Return a card's data with the defaults of its parameters, as far as these are in order."""
    blocks, _ = _blocks_of(source)
    return _filled(source, blocks.parameters)


def _filled(source: YamlSource, known: Mapping[str, Parameter]) -> Any:
    return filled(without_blocks(source.data), {name: to_plain(p.default) for name, p in known.items()})


def _blocks_of(source: YamlSource) -> tuple[ParameterBlocks, list[CardProblem]]:
    """Return the parameters that are in order, and what is wrong with the others."""
    data = source.data if isinstance(source.data, dict) else {}
    blocks = {key: data[key] for key in BLOCKS if key in data}
    problems = card_problems(blocks, ParameterBlocks)
    if not problems:
        return ParameterBlocks.model_validate(blocks), []
    parameters = blocks.get(PARAMETERS)
    sound = {
        name: parameter
        for name, parameter in (parameters.items() if isinstance(parameters, dict) else ())
        if not card_problems({PARAMETERS: {name: parameter}}, ParameterBlocks)
    }
    return ParameterBlocks.model_validate({PARAMETERS: sound}), problems


def _placeholder_problem(path: str, placeholder: Placeholder, data: Any) -> CardProblem | None:
    declared = data.get(PARAMETERS)
    if not isinstance(declared, dict):
        declared = {}
    name = placeholder.named
    if not placeholder.alone:
        return CardProblem(path, f"has keys beside {PARAM}", f"write {{{PARAM}: name}} and nothing else")
    if not isinstance(name, str):
        return CardProblem(path, "names no parameter", f"write {{{PARAM}: name}}", name)
    if name not in declared:
        advice = did_you_mean(name, declared) if declared else f"declare it under {PARAMETERS}"
        return CardProblem(path, "names a parameter that is not declared", advice, name)
    return None
