"""`trade sweeps`: what was tried, and what is made of the best. No logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.arguments import AsJson, CardName, OptionalCard, OptionalSymbol
from engine.cli.calling import call

if TYPE_CHECKING:
    from rich.console import Console

sweeps_app = typer.Typer(help="The sweep ledger: every trial of every search.", no_args_is_help=True)

_DIGITS = 12


@sweeps_app.command("list")
def sweeps_list(
    card: OptionalCard = None,
    most: Annotated[int | None, typer.Option(help="How many, the newest first; 50.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """List the searches there were, the newest first."""
    call("sweeps.list", {"card": card, "most": most}, _sweeps, as_json=as_json)


@sweeps_app.command("show")
def sweeps_show(
    card: CardName,
    symbol: OptionalSymbol = None,
    by: Annotated[str | None, typer.Option(metavar="METRIC", help="Which are best; sharpe.")] = None,
    best: Annotated[int | None, typer.Option(help="How many; 10.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Show the best trials of a card's family, with the run ids that `trade sweeps adopt` takes."""
    arguments = {"card": card, "symbol": symbol, "by": by, "best": best}
    call("sweeps.show", arguments, _trials, as_json=as_json)


@sweeps_app.command("adopt")
def sweeps_adopt(
    card: CardName,
    trial: Annotated[str, typer.Option(metavar="RUN_ID", help="Of the trial; its first digits will do.")],
    as_id: Annotated[
        str | None, typer.Option("--as", metavar="ID", help="Of the new card, if not the family's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a card of a trial: a new version with its values, and with its lineage in the file."""
    call("sweeps.adopt", {"card": card, "trial": trial, "as_id": as_id}, _adopted, as_json=as_json)


def _sweeps(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.screen import market_notice
    from engine.cli.tables import new_table, number
    from engine.timeframes import format_utc

    table = new_table(
        "Noted (UTC)", "Card", "On", "Window (UTC)", "Search", "Trials", "Best Sharpe", "Sweep",
        right=["Trials", "Best Sharpe"],
    )  # fmt: skip
    for row in data["sweeps"]:
        table.add_row(
            format_utc(row["noted_at_ms"])[:16],
            f"{row['card_id']} {row['card_version']}",
            f"{row['symbol']} {row['timeframe']}",
            _days(row["window"]),
            row["search"],
            number(row["trials"], 0),
            number(row["best_sharpe"]),
            row["sweep_id"],
        )
    console.print(table)
    console.print(Text(f"{number(data['trials'], 0)} trials in all", style="bold"))
    console.print(market_notice(data["market"]))


def _trials(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.screen import market_notice
    from engine.cli.tables import SWEEP_HEADLINES, new_table, number
    from engine.metrics.catalogue import metric_spec

    specs = [metric_spec(name) for name in dict.fromkeys((data["by"], *SWEEP_HEADLINES))]
    titles = [f"{spec.title} {spec.unit.suffix}".rstrip() for spec in specs]
    table = new_table("Run id", "On", "Window (UTC)", "Parameters", *titles, right=titles)
    for row in data["trials"]:
        values = [number(row["metrics"][spec.name], 0 if spec.unit.name == "COUNT" else 2) for spec in specs]
        chosen = " ".join(f"{name}={value}" for name, value in row["parameters"].items())
        on = f"{row['symbol']} {row['timeframe']}"
        table.add_row(row["run_id"][:_DIGITS], on, _days(row["window"]), chosen, *values)
    console.print(table)
    told = f"{number(data['counted'], 0)} sets were tried of {data['family']}: so many trials its gates count"
    console.print(Text(told, style="dim"))
    console.print(market_notice(data["market"]))


def _adopted(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.tables import lines

    lineage = data["lineage"]
    console.print(Text(f"{data['card_id']} {data['card_version']}", style="bold"))
    chosen = " ".join(f"{name}={value}" for name, value in data["parameters"].items())
    rows = [
        ("Values", chosen),
        ("From", f"{lineage['parent_id']} {lineage['parent_version']}, trial {lineage['run_id'][:_DIGITS]}"),
        ("Tried on", f"{lineage['symbol']}, {lineage['window']} UTC"),
        ("System", data["system_hash"][:_DIGITS]),
        ("File", data["file"]),
    ]
    lines(console, rows)
    told = "A candidate like any other: `trade run {0}`, then `trade validate {0}`.".format(data["card_id"])
    console.print(Text(told, style="dim"))


def _days(window: tuple[int, int]) -> str:
    from engine.timeframes import format_utc

    start, end = (format_utc(moment)[:10] for moment in window)
    return f"{start} to {end}"
