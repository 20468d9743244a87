"""`trade features` and `trade docs`: pictures of features, what is stored of them, their reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import completing
from engine.cli.arguments import AsJson, Symbol, Yes
from engine.cli.calling import call

if TYPE_CHECKING:
    from rich.console import Console

features_app = typer.Typer(
    help="The indicators and market structures: draw them on candles, prune what is stored.",
    no_args_is_help=True,
)


@features_app.command("draw")
def draw(
    indicator: Annotated[
        str | None,
        typer.Argument(
            metavar="[INDICATOR]",
            help="As ema; every market structure if left out.",
            autocompletion=completing.indicators,
        ),
    ] = None,
    symbol: Symbol = "BTCUSDT",
    timeframe: Annotated[
        str,
        typer.Option(
            "--timeframe", "-t", help="Length of the candles.", autocompletion=completing.timeframes
        ),
    ] = "1h",
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="A parameter, as length=14; may be repeated.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="What it is computed on, as close.")] = None,
    bars: Annotated[int, typer.Option(help="How many of the last candles are shown.")] = 160,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the PNG files.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw an indicator, or every market structure, on stored candles, to look at."""
    arguments = {
        "symbol": symbol,
        "timeframe": timeframe,
        "indicator": indicator,
        "params": dict(map(_pair, param or [])),
        "source": source,
        "bars": bars,
        "out": None if out is None else str(out),
    }
    call("features.draw", arguments, _show_files, as_json=as_json)


@features_app.command("prune")
def prune(
    keep_mb: Annotated[int, typer.Option(help="Megabytes of the newest to keep.")] = 500,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove stored features, the oldest first; what is asked for again is computed again."""
    call(
        "features.prune",
        {"keep_mb": keep_mb},
        _show_pruned,
        as_json=as_json,
        consent=f"Remove stored features beyond the newest {keep_mb} MB?",
        yes=yes,
    )


def docs(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Another file than REFERENCE.md.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the reference of every name, operator, indicator and structure a card can use."""
    arguments = {"out": None if out is None else str(out)}
    call("features.reference", arguments, _show_reference, as_json=as_json)


def _pair(text: str) -> tuple[str, str | int | float]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is no parameter: write it as length=14", param_hint="--param")
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    return name, value


def _show_files(console: Console, data: dict[str, Any]) -> None:
    from engine.cli.tables import lines

    lines(console, [("Drawn", file) for file in data["files"]])


def _show_pruned(console: Console, data: dict[str, Any]) -> None:
    from engine.cli.tables import facts

    console.print(
        facts(
            [
                (title, f"{data[f'{kind}_files']} files, {data[f'{kind}_bytes'] / 1e6:.1f} MB")
                for title, kind in (("Removed", "removed"), ("Kept", "kept"))
            ]
        )
    )


def _show_reference(console: Console, data: dict[str, Any]) -> None:
    from engine.cli.tables import lines

    lines(console, [("Written" if data["changed"] else "In step", data["file"])])
