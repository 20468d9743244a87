"""The trades of a backtest by tag, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

_TITLES = (("entries", "Entered by"), ("exits", "Ended by"))
_NUMBERS = ("Trades", "Won %", "Net PnL", "Expectancy")


def tags(console: Console, data: Mapping[str, Any]) -> None:
    """Show the trades by entry tag and by what ended them; nothing where no rule has tags."""
    from engine.cli.tables import coloured, new_table, number

    for key, title in _TITLES:
        rows = data[key]
        if not rows:
            continue
        table: Table = new_table(title, *_NUMBERS, right=_NUMBERS)
        for row in rows:
            table.add_row(
                row["tag"],
                number(row["trades"], 0),
                number(row["win_rate_pct"], 1),
                coloured(row["net_pnl_usdt"]),
                coloured(row["expectancy_usdt"]),
            )
        console.print(table)
