"""`trade cards` and `trade strategies`: what can be run, and whether it is in order."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.arguments import AsJson, CardName, CardNames
from engine.cli.calling import call

cards_app = typer.Typer(help="The IdeaCards: list, validate, show, migrate.", no_args_is_help=True)
strategies_app = typer.Typer(help="The strategies in Python that cards can name: list.", no_args_is_help=True)


@cards_app.command("list")
def cards_list(as_json: AsJson = False) -> None:
    """List the cards."""
    from engine.cli import card_tables

    call("cards.list", {}, card_tables.card_list, as_json=as_json)


@cards_app.command("validate")
def cards_validate(
    cards: CardNames = None,
    as_json: AsJson = False,
) -> None:
    """Check cards in full and name every problem with its way out."""
    from engine.cli import card_tables

    call(
        "cards.validate",
        {"cards": cards},
        card_tables.card_problems,
        as_json=as_json,
        well=lambda data: data["all_valid"],
    )


@cards_app.command("show")
def cards_show(card: CardName, as_json: AsJson = False) -> None:
    """Show a card in full, with its system hash."""
    from engine.cli import card_tables

    call("cards.show", {"card": card}, card_tables.card, as_json=as_json)


@cards_app.command("migrate")
def cards_migrate(
    card: CardName,
    write: Annotated[
        bool, typer.Option("--write", help="Write the file, not only show what changes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a card forward to the present version of the card language; comments stay as they are."""
    from engine.cli import card_tables

    call(
        "cards.migrate",
        {"card": card, "write": write},
        card_tables.migration,
        as_json=as_json,
        well=lambda data: data["usable"],
    )


@strategies_app.command("list")
def strategies_list(as_json: AsJson = False) -> None:
    """List the strategies written in Python that cards can name."""
    from engine.cli import card_tables

    call("strategies.list", {}, card_tables.strategies, as_json=as_json)
