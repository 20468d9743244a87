"""`trade gate` and `trade gates`. No logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import completing
from engine.cli.arguments import AsJson, End, Symbols
from engine.cli.calling import call

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_Card = Annotated[
    str | None,
    typer.Argument(
        metavar="CARD",
        help="The card's id, or a YAML file; none: judge the project.",
        autocompletion=completing.cards,
    ),
]
_Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="GATE", help="Only this gate, as look_ahead; may be repeated."),
]


def gate(
    card: _Card = None,
    symbol: Symbols = None,
    only: _Only = None,
    end: End = None,
    cards: Annotated[
        int | None, typer.Option(help="Without a card: how many random ones; 20.", min=1, max=10_000)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Without a card: of the random ones; 0.", min=0)] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a card over its stored data by every gate that needs nothing else; without a card, the project.

    Look-ahead, warm-up, determinism, parity, schemas; the data it runs on; the thresholds it sets itself.
    Ends with 1 if a gate whose severity is error refuses. `trade gates` lists them all.
    """
    asked: dict[str, Any] = {"only": only or None}
    if card is None:
        if symbol or end:
            raise typer.BadParameter("the project has none: name a card too", param_hint="--symbol, --end")
        asked |= {"cards": cards, "seed": seed}
        call("gates.project", asked, _project, as_json=as_json, well=lambda data: data["passed"])
        return
    if cards is not None or seed is not None:
        raise typer.BadParameter("random cards judge the project: name no card", param_hint="--cards, --seed")
    asked |= {"card": card, "symbols": symbol or None, "end": end}
    call("gates.run", asked, _judged, as_json=as_json, well=lambda data: data["passed"])


def gates(as_json: AsJson = False) -> None:
    """List every gate: what it judges, what it checks, how severe a failure is, and who runs it."""
    call("gates.list", {}, _listed, as_json=as_json)


def _listed(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.tables import new_table

    for judges, run_by in dict.fromkeys((gate["judges"], gate["run_by"]) for gate in data["gates"]):
        console.print(Text.assemble((f"On {judges}", "bold"), (f"  {run_by}", "dim")))
        table = new_table("Severity", "Gate", "Checks")
        table.columns[2].no_wrap = False
        for each in data["gates"]:
            if each["judges"] == judges:
                table.add_row(each["severity"], each["name"], each["checks"])
        console.print(table)


def _judged(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.screen import market_notice

    for each in data["judged"]:
        name = f"{data['card_id']} {data['card_version']} on {each['symbol']} {data['timeframe']}"
        console.print(Text(name, style="bold"))
        _verdicts(console, each["gates"])
    console.print(market_notice(data["market"]))


def _project(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.tables import new_table

    console.print(Text(data["project"], style="bold"))
    _verdicts(console, data["gates"])
    if data["batch"] is not None:
        table = new_table("Drawn", "Kinds, and in how many cards")
        table.columns[1].no_wrap = False
        for family, kinds in data["batch"]["kinds"].items():
            table.add_row(family, ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
        console.print(table)


def _verdicts(console: Console, results: list[dict[str, Any]]) -> None:
    """Show a row for each gate, then what each that did not pass has found."""
    from rich.text import Text

    from engine.cli.tables import new_table

    table = new_table("Verdict", "Gate", "Finding")
    table.columns[2].no_wrap = False
    for result in results:
        table.add_row(_verdict(result), result["gate"], result["summary"])
    console.print(table)
    for result in results:
        for found in result["violations"]:
            head = Text.assemble((result["gate"], "bold"), f"  {found['where']}")
            console.print(head, soft_wrap=True)
            console.print(f"  {found['what']}: {found['how_much']}", markup=False, soft_wrap=True)
            console.print(Text.assemble(("  Way out  ", "green"), found["remedy"]), soft_wrap=True)


def _verdict(result: dict[str, Any]) -> Text:
    from rich.text import Text

    if result["passed"]:
        return Text("passed", style="green")
    return Text("warned", style="yellow") if result["severity"] == "warn" else Text("refused", style="red")
