"""`trade universe`: the symbols that are kept, and a look at the exchange's list. No logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from engine.cli.arguments import AsJson
from engine.cli.calling import call

if TYPE_CHECKING:
    from rich.console import Console

universe_app = typer.Typer(
    help="The symbols that are kept: list them, look for new and delisted ones.", no_args_is_help=True
)


@universe_app.command("list")
def universe_list(as_json: AsJson = False) -> None:
    """List the symbols that are kept, and those the exchange has retired. Asks no exchange."""
    call("universe.list", {}, show, as_json=as_json)


@universe_app.command("refresh")
def universe_refresh(as_json: AsJson = False) -> None:
    """Look at the exchange's list of symbols: which are new, which are no longer traded."""
    call("universe.refresh", {}, show, as_json=as_json)


def show(console: Console, data: dict[str, Any]) -> None:
    """Show what is kept, what is listed, and what the last look changed."""
    from rich.text import Text

    from engine.cli.tables import facts
    from engine.timeframes import format_utc

    def names(symbols: list[str], most: int = 8) -> str:
        more = f" and {len(symbols) - most} more" if len(symbols) > most else ""
        return f"{len(symbols)}: {', '.join(symbols[:most])}{more}" if symbols else "none"

    seen = data["seen_ms"]
    rows = [
        ("Kept", names(data["kept"])),
        ("  of cards", names(data["of_cards"])),
        ("  others", names(data["others"])),
        ("  at", ", ".join(data["timeframes"]) or "no timeframe"),
        ("Listed", "never looked at" if seen is None else f"{names(data['listed'])} ({data['source']})"),
    ]
    if seen is not None:
        rows.append(("Looked at", f"{format_utc(seen)} UTC"))
    rows += [
        (title, names(data[key]))
        for title, key in (("New", "new"), ("Newly retired", "newly_retired"), ("Back", "back"))
        if key in data
    ]
    console.print(facts(rows))
    for each in data["retired"]:
        console.print(f"{each['symbol']} is retired since {format_utc(each['retired_ms'])[:16]} UTC")
    if seen is None:
        console.print(Text("`trade universe refresh` looks at the exchange's list.", style="dim"))
    elif not data["all_symbols"]:
        console.print(Text("TRADE_SYMBOLS=all keeps every symbol that is listed.", style="dim"))
