"""`trade compare`: what it shows. No logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.arguments import AsJson, End, Start, Symbol
from engine.cli.calling import call
from engine.cli.completing import cards

if TYPE_CHECKING:
    from rich.console import Console

Compared = Annotated[
    list[str],
    typer.Argument(metavar="CARD CARD…", help="Two or more: ids, or YAML files.", autocompletion=cards),
]


def compare(
    cards: Compared, symbol: Symbol, start: Start = None, end: End = None, as_json: AsJson = False
) -> None:
    """Backtest several cards over the same stretch, and write a report that sets them side by side."""
    arguments = {"cards": cards, "symbol": symbol, "start": start, "end": end}
    call("backtest.compare", arguments, _shown, as_json=as_json)


def _shown(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.screen import market_notice
    from engine.cli.tables import HEADLINES, metric_value, new_table
    from engine.metrics.catalogue import metric_spec

    names = [f"{run['card_id']} {run['timeframe']}" for run in data["runs"]]
    table = new_table(data["symbol"], *names, right=names)
    for spec in map(metric_spec, HEADLINES):
        table.add_row(spec.title, *(metric_value(spec, run["metrics"]) for run in data["runs"]))
    console.print(table)
    correlation = new_table("Correlation of daily returns", *names, right=names)
    for name, row in zip(names, data["daily_correlation"], strict=True):
        correlation.add_row(name, *("–" if value is None else f"{value:.2f}" for value in row))
    console.print(correlation)
    console.print(Text(f"Report  {data['report']}"), soft_wrap=True)
    console.print(market_notice(data["market"]))
