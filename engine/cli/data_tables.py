"""How the answers of the tools on stored data look on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from engine.cli.screen import failure, market_notice
from engine.cli.tables import Row, lines, moment, new_table, number
from engine.timeframes import format_utc


def status(console: Console, data: Row) -> None:
    """Show every stored series."""
    counts = ("Rows", "Missing", "Behind")
    table = new_table("Symbol", "Series", "TF", *counts, "First (UTC)", "Last (UTC)", right=counts)
    for row in data["series"]:
        table.add_row(
            row["symbol"],
            row["kind"],
            row["timeframe"],
            number(row["rows"], 0),
            number(row["gap_bars"], 0) if row["timeframe"] else "",
            number(row["behind_bars"], 0) if row["timeframe"] else "",
            moment(row["first_ts"]),
            moment(row["last_ts"]),
        )
    if data["series"]:
        console.print(table)
        told = "Missing: candles between the first and the last. Behind: closed candles since the last."
        console.print(Text(told, style="dim"))
    console.print(market_notice(data["market"]))


def check(console: Console, data: Row) -> None:
    """Show the verdict of every gate, and what was found, with the remedy."""
    for symbol in data["checked"]:
        console.print(Text(symbol["symbol"], style="bold"))
        for gate in symbol["gates"]:
            console.print(
                Text.assemble("  ", _verdict(gate), f" {gate['gate']}: {gate['summary']}"), soft_wrap=True
            )
            for found in gate["violations"]:
                told = f"      {found['where']}: {found['what']} ({found['how_much']})"
                console.print(Text(told), soft_wrap=True)
            if gate["violations"]:
                console.print(Text(f"      {gate['violations'][0]['remedy']}", style="green"), soft_wrap=True)
    console.print(market_notice(data["market"]))


def journal(console: Console, data: Row) -> None:
    """Show entries of the journal."""
    for entry in data["entries"]:
        what = f"{entry['sequence']:>5}  {moment(entry['at_ms'])}  {entry['action']:<11}"
        span = f"{moment(entry['first_ts'])} to {moment(entry['last_ts'])}"
        told = Text.assemble(f"{what}  ", (_series(entry), "bold"), f"  {entry['rows']:,} row(s), {span}")
        console.print(told, soft_wrap=True)
        if entry["note"]:
            console.print(Text(f"       {entry['note']}", style="dim"), soft_wrap=True)
    if not data["entries"]:
        console.print("Nothing was done to the data beside adding new rows.")
    console.print(market_notice(data["market"]))


def quarantine(console: Console, data: Row) -> None:
    """Show rows that were put aside."""
    for row in data["rows"]:
        since = Text(" (a good one is stored since)", style="green") if row["stored_since"] else Text()
        console.print(
            Text.assemble((f"{_series(row)} at {moment(row['ts'])}", "bold"), since), soft_wrap=True
        )
        values = ", ".join(f"{name} {value}" for name, value in row["values"].items())
        console.print(Text(f"  {row['reason']}\n  {values}"), soft_wrap=True)
    if not data["rows"]:
        console.print("No row is in quarantine.")
    console.print(market_notice(data["market"]))


def imported(console: Console, data: Row) -> None:
    """Show what an import brought."""
    counts = ("Rows", "New", "Revised", "Quarantined")
    table = new_table("Symbol", "Series", "TF", *counts, "First (UTC)", "Last (UTC)", right=counts)
    for row in data["imported"]:
        table.add_row(
            row["symbol"],
            row["kind"],
            row["timeframe"],
            *(number(row[name], 0) for name in ("rows", "new", "revised", "quarantined")),
            moment(row["first_ts"]),
            moment(row["last_ts"]),
        )
    console.print(table)
    for note in dict.fromkeys(row["note"] for row in data["imported"] if row["note"]):
        console.print(Text(f"Note: {note}.", style="dim"), soft_wrap=True)
    console.print(market_notice(data["market"]))
    lines(
        console, [("Database", data["database"]), ("Look at it", "TRADE_EXCHANGE=imported trade data check")]
    )


def exported(console: Console, data: Row) -> None:
    """Show what was written."""
    lines(console, [(f"{_series(row)}, {row['rows']} rows", row["path"]) for row in data["exported"]])
    for row in data["left_out"]:
        why = "no row in the window" if not row["rows"] else "the format has no place for it"
        console.print(Text(f"left out: {_series(row)} ({why})", style="yellow"), soft_wrap=True)
    if data["loses_turnover"]:
        console.print(Text("Turnover is not in the files: freqtrade has no column for it.", style="yellow"))
    console.print(market_notice(data["market"]))


def healed(console: Console, data: Row) -> None:
    """Show what became of the holes."""
    counts = ("Missing before", "Not at the exchange", "Still open")
    table = new_table("Symbol", "Series", "TF", *counts, right=counts)
    for row in data["healed"]:
        names = ("missing_before", "absent_at_exchange", "still_open")
        table.add_row(row["symbol"], row["kind"], row["timeframe"], *(number(row[name], 0) for name in names))
    console.print(table if data["healed"] else "There is no hole between stored candles.")
    for failed in data["failed"]:
        told = f"{failed['symbol']} {failed['timeframe']}: {failed['error']}"
        console.print(failure(told), soft_wrap=True)
    console.print(market_notice(data["market"]))


def answered(console: Console, data: Row) -> None:
    """Show the rows of a query."""
    table = new_table(*data["columns"])
    for row in data["rows"]:
        table.add_row(*("–" if value is None else str(value) for value in row))
    console.print(table)
    if data["is_cut"]:
        console.print(Text("There are more rows: --limit shows them.", style="yellow"))
    console.print(market_notice(data["market"]))


def rules(console: Console, data: Row) -> None:
    """Show whose rules imported symbols trade by now."""
    counts = ("Tick", "Lot", "Least notional", "Most leverage", "Tiers")
    table = new_table("Symbol", "As of (UTC)", *counts, right=counts)
    for row in data["rules"]:
        figures = (row[name] for name in ("tick_size", "qty_step", "min_notional_usdt", "max_leverage"))
        shown = (f"{value:g}" for value in figures)
        table.add_row(row["symbol"], format_utc(row["as_of_ms"])[:16], *shown, number(len(row["tiers"]), 0))
    console.print(table)
    console.print(Text(f"Copied from {data['source']}.", style="dim"))
    console.print(market_notice(data["market"]))


def _verdict(gate: Row) -> Text:
    if gate["passed"]:
        return Text("passed ", style="green")
    return (
        Text("REFUSED", style="bold red") if gate["severity"] == "error" else Text("warning", style="yellow")
    )


def _series(row: Any) -> str:
    return " ".join(part for part in (row["kind"], row["symbol"], row["timeframe"]) if part)
