"""Arguments that many commands share, with what the shell completes for them."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import completing

AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON, for machines.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]

CardName = Annotated[
    str,
    typer.Argument(metavar="CARD", help="The card's id, or a YAML file.", autocompletion=completing.cards),
]
CardNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CARD]…", help="Ids or YAML files; none: all.", autocompletion=completing.cards),
]
OptionalCard = Annotated[
    str | None,
    typer.Argument(metavar="[CARD]", help="Only this card's.", autocompletion=completing.cards),
]
Symbol = Annotated[
    str,
    typer.Option("--symbol", "-s", help="The symbol, as BTCUSDT.", autocompletion=completing.symbols),
]
OptionalSymbol = Annotated[
    str | None,
    typer.Option("--symbol", "-s", help="Only this symbol's.", autocompletion=completing.symbols),
]
Symbols = Annotated[
    list[str] | None,
    typer.Option(
        "--symbol", "-s", help="Only this symbol; may be repeated.", autocompletion=completing.symbols
    ),
]
SymbolNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SYMBOL]…", help="Only these symbols.", autocompletion=completing.symbols),
]
Timeframes = Annotated[
    list[str] | None,
    typer.Option(
        "--timeframe",
        "-t",
        help="Only this timeframe; may be repeated.",
        autocompletion=completing.timeframes,
    ),
]
Start = Annotated[str | None, typer.Option(help="First moment (UTC), as 2025-01-31 or 2025-01-31T12:00.")]
End = Annotated[str | None, typer.Option(help="End of the window (UTC), not included.")]
