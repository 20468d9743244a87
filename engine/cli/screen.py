"""The two streams of the terminal, and what looks the same everywhere: failures and whose market it is."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

# Wide enough for every table; a pipe has no width of its own.
PIPE_WIDTH = 120


def _console(stream: TextIO) -> Console:
    width = PIPE_WIDTH if not stream.isatty() and "COLUMNS" not in os.environ else None
    return Console(file=stream, width=width, highlight=False)


def output() -> Console:
    """Return the console of results (standard output)."""
    return _console(sys.stdout)


def messages() -> Console:
    """Return the console of progress and errors (standard error)."""
    return _console(sys.stderr)


def failure(message: str, way_out: str = "") -> Text:
    """Return what went wrong and the way out, a line each; print it with `soft_wrap`."""
    text = Text.assemble(("Refused  ", "bold red"), message)
    if way_out:
        text.append_text(Text.assemble(("\nWay out  ", "bold green"), way_out))
    return text


def market_notice(market: dict[str, Any]) -> Panel | Text:
    """Return the line that says whose market the figures come from; unmistakable where it is no real one."""
    identity = market["identity"]
    match market["kind"]:
        case "generated":
            return Panel(
                Text.assemble(
                    ("GENERATED MARKET  ", "bold"),
                    f"Prices made up by the sandbox ({identity}), not a real market.",
                ),
                border_style="yellow",
                style="yellow",
            )
        case "recorded":
            return Panel(
                Text.assemble(
                    ("RECORDED MARKET  ", "bold"),
                    f"Candles from files, replayed by the sandbox ({identity}).",
                ),
                border_style="cyan",
                style="cyan",
            )
        case "imported":
            return Panel(
                Text.assemble(("IMPORTED DATA  ", "bold"), f"From files, not from an exchange ({identity})."),
                border_style="cyan",
                style="cyan",
            )
        case "exchange":
            return Text(f"Market: {identity}", style="dim")
        case _:
            return Text("No market data are stored yet.", style="dim")
