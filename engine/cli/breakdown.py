"""`trade breakdown`: what it shows. No logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.arguments import AsJson, CardName, End, Start, Symbol
from engine.cli.calling import call

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_TITLES = {
    "ts_start": "From (UTC)", "trades": "Trades", "won": "Won", "win_rate_pct": "Won %",
    "return_pct": "Return %", "net_pnl_usdt": "Net PnL", "expectancy_usdt": "Expectancy",
    "profit_factor": "Profit factor",
    "ts_peak": "Peak (UTC)", "ts_trough": "Trough (UTC)", "ts_recovered": "Recovered (UTC)",
    "depth_pct": "Depth %", "depth_usdt": "Depth", "bars": "Bars", "bars_to_trough": "To the trough",
    "bars_to_recovery": "To recovery",
}  # fmt: skip
_SIGNED = ("return_pct", "net_pnl_usdt", "expectancy_usdt")
_NEVER = -1


def breakdown(
    card: CardName,
    symbol: Symbol,
    by: Annotated[
        str,
        typer.Option(
            metavar="day|week|month|hour|weekday|exit_reason|entry_tag|ended_by|direction|drawdown",
            help="What the rows are.",
        ),
    ] = "month",
    most: Annotated[int | None, typer.Option(help="So many rows at most; 1,000.", min=1)] = None,
    start: Start = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Backtest a card and list its returns by period, its trades by group, or its drawdowns."""
    arguments = {"card": card, "symbol": symbol, "by": by, "most": most, "start": start, "end": end}
    call("backtest.breakdown", arguments, _shown, as_json=as_json)


def _shown(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.screen import market_notice
    from engine.cli.tables import new_table

    head = f"{data['card_id']} {data['card_version']} on {data['symbol']} {data['timeframe']}"
    console.print(Text(f"{head}, by {data['by'].replace('_', ' ')}", style="bold"))
    if not data["rows"]:
        console.print(Text("There is nothing to list: no trade, or no drawdown.", style="dim"))
    else:
        names = list(data["rows"][0])
        titles = [_TITLES.get(name, name.replace("_", " ").capitalize()) for name in names]
        numbers = [
            title for name, title in zip(names, titles, strict=True)
            if name in _TITLES and not name.startswith("ts_")
        ]  # fmt: skip
        table = new_table(*titles, right=numbers)
        for row in data["rows"]:
            table.add_row(*(_cell(name, row[name]) for name in names))
        console.print(table)
    if data["left_out"]:
        console.print(Text(f"{data['left_out']:,} more rows: --most, or --json", style="dim"))
    console.print(market_notice(data["market"]))


def _cell(name: str, value: Any) -> str | Text:
    from engine.cli.tables import coloured, number
    from engine.timeframes import format_utc

    if name.startswith("ts_"):
        return "not yet" if value == _NEVER else format_utc(value)[:16]
    if name == "bars_to_recovery" and value == _NEVER:
        return "–"
    if name in _SIGNED:
        return coloured(value)
    if isinstance(value, str) or name == "hour":
        return str(value)
    return number(value, 0 if isinstance(value, int) else 2)
