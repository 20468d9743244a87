"""Adoption: a trial of a sweep becomes a card of its own, a new version with its lineage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import CardError, ConfigurationError
from engine.hashing import canonical_json
from engine.idea_card.adoption import adopted_text
from engine.idea_card.frozen import to_plain
from engine.idea_card.lineage import Lineage
from engine.idea_card.load import CardFolder, load_cards, load_space
from engine.idea_card.parameter_space import ParameterSpace
from engine.idea_card.yaml_source import read_text
from engine.promotion.trials import Trial, family_of, template_of
from engine.timeframes import format_utc

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Adoption:
    """A new card, ready to be written.

    Attributes
    ----------
    card_id, version : str
    file : Path
        Beside the card it was made from.
    text : str
        What the file is to say.
    lineage : Lineage
    """

    card_id: str
    version: str
    file: Path
    text: str
    lineage: Lineage


def adoption_of(path: Path, trial: Trial, *, card_id: str | None = None) -> Adoption:
    """Return the card that a trial of the card at `path` becomes. Writes nothing.

    Its version is the next minor one of the family, its id that of the family with the version behind it.

    Parameters
    ----------
    path : Path
        The card's file.
    trial : Trial
    card_id : str, optional
        Another id.

    Raises
    ------
    CardError
        If the file is no card, or cannot be changed in place.
    ConfigurationError
        If the trial is not one of the card as it is, its values are those the card has already, somebody
        adopted it before, or the id is none or taken.
    """
    space = load_space(path)
    if not space.parameters:
        raise ConfigurationError(
            f"card {space.card.id} has no parameters, so there is nothing to adopt",
            way_out="adopt a trial of a card with parameters",
        )
    _refuse_another_card(space, trial)
    binding = space.complete(trial.parameters)
    if canonical_json(to_plain(binding)) == canonical_json(to_plain(space.defaults)):
        raise ConfigurationError(
            f"{path.name} has the values of this trial already: they are its defaults",
            way_out=f"go on with `trade validate {space.card.id}`, or adopt another trial",
        )
    folder = load_cards(path.parent)
    relatives = tuple(_relatives(folder, family_of(space)))
    for relative in relatives:
        same = canonical_json(to_plain(relative.defaults)) == canonical_json(to_plain(binding))
        if same and template_of(relative) == template_of(space):
            raise ConfigurationError(
                f"card {relative.card.id} has these values already",
                way_out=f"go on with it: `trade validate {relative.card.id}`",
            )
    version = _next_version([space, *relatives])
    name = card_id or f"{family_of(space)}_v{version.replace('.', '_')}"
    file = path.with_name(f"{name}.yaml")
    _refuse_taken(name, file, folder)
    searched = trial.searched
    lineage = Lineage(
        family=family_of(space),
        parent_id=space.card.id,
        parent_version=space.card.version,
        parent_system_hash=space.card.system_hash(),
        sweep_id=searched.sweep_id,
        search=searched.search,
        run_id=trial.run_id,
        system_hash=trial.system_hash,
        symbol=searched.symbol,
        window=f"{format_utc(searched.start_ms)} to {format_utc(searched.end_ms)}",
        data_fingerprint=searched.data_fingerprint,
    )
    text = adopted_text(
        read_text(path), str(path), card_id=name, version=version, binding=binding, lineage=lineage
    )
    return Adoption(name, version, file, text, lineage)


def write_adopted(adoption: Adoption) -> None:
    """Write the new card's file, which must not be there.

    Raises
    ------
    ConfigurationError
        If it is there, or cannot be written.
    """
    try:
        with adoption.file.open("x", encoding="utf-8", newline="") as file:
            file.write(adoption.text)
    except OSError as error:
        raise ConfigurationError(
            f"{adoption.file} cannot be written: {error.strerror}",
            way_out="give the card another id (--as), or make the folder one that can be written",
        ) from error


def _refuse_another_card(space: ParameterSpace, trial: Trial) -> None:
    """Refuse a trial that would come to something else with the card as it is now."""
    searched, card = trial.searched, space.card
    tried = f"{searched.card_id} {searched.card_version}"
    try:
        now = space.bind(trial.parameters).system_hash()
    except CardError as error:
        raise ConfigurationError(
            f"the trial was made with {tried}, and card {card.id} {card.version} cannot have its values",
            way_out=f"sweep the card as it is now: `trade sweep {card.id} --symbol {searched.symbol}`",
        ) from error
    if now != trial.system_hash:
        raise ConfigurationError(
            f"the trial was made with {tried} as it was then, and card {card.id} {card.version} says "
            "something else by now",
            way_out=f"sweep the card as it is now: `trade sweep {card.id} --symbol {searched.symbol}`"
            if searched.card_id == card.id
            else f"adopt it from the card it was made with: {searched.card_id}",
        )


def _relatives(folder: CardFolder, family: str) -> Iterator[ParameterSpace]:
    for file in folder.files.values():
        space = load_space(file)
        if family_of(space) == family:
            yield space


def _next_version(family: list[ParameterSpace]) -> str:
    major, minor, _ = max(tuple(map(int, space.card.version.split("."))) for space in family)
    return f"{major}.{minor + 1}.0"


def _refuse_taken(name: str, file: Path, folder: CardFolder) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no id of a card",
            way_out="use small letters, digits and _, beginning with a letter",
        )
    if name in folder.cards:
        raise ConfigurationError(
            f"the id {name} is taken by {folder.files[name].name}", way_out="give another one: --as my_card"
        )
    if file.exists():
        raise ConfigurationError(f"{file} is there already", way_out="give another id: --as my_card")
