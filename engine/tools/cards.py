"""Tools on IdeaCards: list, validate, show, migrate."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.errors import CardError, ConfigurationError
from engine.settings import TradeSettings
from engine.tools.file_access import FileUse
from engine.tools.plain import to_plain
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolInput, ToolSpec

if TYPE_CHECKING:
    from engine.idea_card.card import IdeaCard
    from engine.idea_card.parameter_space import ParameterSpace
    from engine.strategies.card_plan import CardPlan

YAML_ENDINGS = (".yaml", ".yml")


class CardsToCheck(ToolInput):
    """Which cards to validate."""

    cards: tuple[str, ...] = Field((), description="ids or YAML files; none: every card of the folder")


class OneCard(ToolInput):
    """Which card to show."""

    card: str = Field(description="its id, or a YAML file")


class CardToMigrate(ToolInput):
    """Which card to bring forward to the present version of the card language."""

    card: Annotated[str, FileUse.WRITE] = Field(description="its id, or a YAML file")
    write: bool = Field(False, description="write the file; else the change is shown only")


def find_plan(name: str, settings: TradeSettings) -> CardPlan:
    """Return the checked plan of a card, given by its id or by a YAML file.

    Raises
    ------
    CardError
        If the card is there and cannot be used.
    ConfigurationError
        If there is no such card; ids that look like it are suggested.
    """
    from engine.strategies.card_plan import load_plan, load_plans

    if name.endswith(YAML_ENDINGS):
        return load_plan(Path(name))
    folder = load_plans(settings.cards_dir)
    if name in folder.plans:
        return folder.plans[name]
    for filename, error in folder.errors.items():
        if Path(filename).stem == name:
            raise error
    alike = difflib.get_close_matches(name, folder.plans, n=3) or sorted(folder.plans)
    raise ConfigurationError(
        f"there is no card {name!r} in {settings.cards_dir}",
        way_out=f"use one of {', '.join(alike)}, or give a YAML file" if alike else "give a YAML file",
    )


def find_space(name: str, settings: TradeSettings) -> ParameterSpace:
    """Return a card with its parameters, given by its id or by a YAML file. Raises as `find_plan` does."""
    from engine.idea_card.load import load_cards, load_space

    card = find_plan(name, settings).card
    return load_space(
        Path(name) if name.endswith(YAML_ENDINGS) else load_cards(settings.cards_dir).files[card.id]
    )


def _summary(card: IdeaCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "version": card.version,
        "description": card.description,
        "symbols": card.symbols,
        "timeframes": card.timeframes.all_timeframes(),
        "system_hash": card.system_hash(),
    }


def _problems(errors: Mapping[str, CardError]) -> list[dict[str, Any]]:
    from engine.idea_card.yaml_source import LocatedProblem

    return [
        {
            "file": filename,
            "problems": [
                {
                    "line": problem.line if isinstance(problem, LocatedProblem) else None,
                    "key_path": problem.key_path,
                    "problem": problem.problem,
                    "value": None if problem.value is None else repr(problem.value),
                    "way_out": problem.way_out,
                }
                for problem in error.problems
            ],
        }
        for filename, error in sorted(errors.items())
    ]


def list_cards(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """List the cards of the folder and the files there that are no usable card."""
    from engine.idea_card.load import load_cards

    folder = load_cards(context.settings.cards_dir)
    return {
        "folder": context.settings.cards_dir,
        "cards": [_summary(card) for _, card in sorted(folder.cards.items())],
        "unusable": _problems(folder.errors),
    }


def validate_cards(asked: CardsToCheck, context: ToolContext) -> dict[str, Any]:
    """Check cards in full, indicators and conditions included; a bad one does not hide the others."""
    from engine.strategies.card_plan import load_plans

    if asked.cards:
        valid, errors = [], {}
        for name in asked.cards:
            try:
                valid.append(find_plan(name, context.settings).card.id)
            except CardError as error:
                errors[error.source] = error
    else:
        folder = load_plans(context.settings.cards_dir)
        valid, errors = sorted(folder.plans), dict(folder.errors)
    return {"all_valid": not errors, "valid": valid, "unusable": _problems(errors)}


def show_card(asked: OneCard, context: ToolContext) -> dict[str, Any]:
    """Show a card in full, with its system hash and the bars it needs before its first decision.

    Its parameters have their defaults there; what they may be is told beside it.
    """
    plan, space = find_plan(asked.card, context.settings), find_space(asked.card, context.settings)
    return {
        **_summary(plan.card),
        "card": plan.card.canonical_form(),
        "parameters": {
            name: {
                "default": to_plain(parameter.default),
                "range": parameter.says(),
                "values": len(parameter.choices),
            }
            for name, parameter in space.parameters.items()
        },
        "lineage": space.lineage,
        "warmup_bars": {role: plan.warmup_bars(role) for role in plan.card.timeframes.roles()},
    }


def migrate_card(asked: CardToMigrate, context: ToolContext) -> dict[str, Any]:
    """Bring a card's file forward: show the difference, write it if asked, and tell what is left to mend."""
    from engine.idea_card.load import space_from_text
    from engine.idea_card.migration import migrate_file, write_migrated
    from engine.strategies.card_plan import plan_card

    path = file_of(asked.card, context.settings)
    migration = migrate_file(path)
    left: dict[str, CardError] = {}
    try:
        space = space_from_text(migration.after, str(path))
        try:
            plan_card(space.card)
        except CardError as error:
            raise space.source.error(error.problems) from None
    except CardError as error:
        left[error.source] = error
    is_old = migration.before != migration.after
    if asked.write and is_old:
        write_migrated(migration, path)
    return {
        "file": path,
        "from_version": migration.from_version,
        "to_version": migration.to_version,
        "changes": [{"key_path": change.key_path, "problem": change.problem} for change in migration.changes],
        "diff": migration.diff(),
        "written": asked.write and is_old,
        "usable": not left,
        "left": _problems(left),
    }


def file_of(name: str, settings: TradeSettings) -> Path:
    """Return the file of a card, given by its id or by the file; the card may be too old to load.

    Raises
    ------
    ConfigurationError
        If there is no such card.
    """
    from engine.idea_card.yaml_source import read_yaml

    if name.endswith(YAML_ENDINGS):
        return Path(name)
    files = [path for path in sorted(settings.cards_dir.glob("*")) if path.suffix in YAML_ENDINGS]
    for path in files:
        try:
            data = read_yaml(path).data
        except CardError:
            continue
        if isinstance(data, dict) and data.get("id") == name:
            return path
    alike = difflib.get_close_matches(name, [path.stem for path in files], n=3)
    raise ConfigurationError(
        f"there is no card {name!r} in {settings.cards_dir}",
        way_out=f"use one of {', '.join(alike)}, or give a YAML file" if alike else "give a YAML file",
    )


TOOLS = (
    ToolSpec("cards.list", "List the IdeaCards.", SideEffect.READ, NoInput, list_cards),
    ToolSpec(
        "cards.validate",
        "Check IdeaCards in full: keys, values, indicators, conditions. Names every problem and its way out.",
        SideEffect.READ,
        CardsToCheck,
        validate_cards,
    ),
    ToolSpec(
        "cards.show",
        "Show one IdeaCard in full, with its system hash and warm-up.",
        SideEffect.READ,
        OneCard,
        show_card,
    ),
    ToolSpec(
        "cards.migrate",
        "Bring a card's file forward to the present version of the card language; comments stay as they are.",
        SideEffect.WRITE,
        CardToMigrate,
        migrate_card,
    ),
)
