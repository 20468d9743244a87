"""`trade data`: what is stored, whether it is right, files in and out. No logic of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.arguments import AsJson, SymbolNames, Symbols, Timeframes
from engine.cli.calling import call

data_app = typer.Typer(
    help="The stored market data: what there is, whether it is right, files in and out.", no_args_is_help=True
)

Newest = Annotated[int, typer.Option("--limit", "-n", help="The newest so many.", min=1)]


@data_app.command("status")
def data_status(symbols: SymbolNames = None, timeframe: Timeframes = None, as_json: AsJson = False) -> None:
    """Say what is stored: every series with its span, rows and missing candles. Asks no exchange."""
    from engine.cli import data_tables

    call("data.status", {"symbols": symbols, "timeframes": timeframe}, data_tables.status, as_json=as_json)


@data_app.command("check")
def data_check(symbols: SymbolNames = None, timeframe: Timeframes = None, as_json: AsJson = False) -> None:
    """Hold stored data against the gates and name every defect with its remedy. Asks no exchange."""
    from engine.cli import data_tables

    arguments = {"symbols": symbols, "timeframes": timeframe}
    call("data.check", arguments, data_tables.check, as_json=as_json, well=lambda data: data["passed"])


@data_app.command("heal")
def data_heal(
    symbols: SymbolNames = None,
    timeframe: Timeframes = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also for holes the exchange had nothing for before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find holes between stored candles and ask the exchange for them."""
    from engine.cli import data_tables

    arguments = {"symbols": symbols, "timeframes": timeframe, "again": again}
    call("data.heal", arguments, data_tables.healed, as_json=as_json, well=lambda data: not data["failed"])


@data_app.command("query")
def data_query(
    sql: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT over the stored tables.")],
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many rows.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """Answer a question in SQL over the stored tables; nothing can be changed by it."""
    from engine.cli import data_tables

    call("data.query", {"sql": sql, "limit": limit}, data_tables.answered, as_json=as_json)


@data_app.command("sync")
def data_sync(
    symbols: SymbolNames = None,
    timeframe: Timeframes = None,
    index: Annotated[bool, typer.Option("--index", help="Index klines too, which no card reads.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch what is missing from the exchange, as `trade sync` does."""
    from engine.cli import tables

    arguments = {"symbols": symbols, "timeframes": timeframe, "index": index}
    call("data.sync", arguments, tables.sync, as_json=as_json, well=lambda data: not data["failed"])


@data_app.command("rules")
def data_rules(
    source: Annotated[
        str, typer.Option("--from", metavar="bybit|sandbox|demo", help="Whose database they are copied from.")
    ],
    symbols: SymbolNames = None,
    as_json: AsJson = False,
) -> None:
    """Copy ticks, lots and risk tiers of imported symbols from an exchange's database: files have none."""
    from engine.cli import data_tables

    call("data.rules", {"source": source, "symbols": symbols}, data_tables.rules, as_json=as_json)


@data_app.command("journal")
def data_journal(
    symbols: SymbolNames = None,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", "-a", help="Only this: refetched, absent, reopened, revised, …"),
    ] = None,
    limit: Newest = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was done to stored data beside adding new rows."""
    from engine.cli import data_tables

    arguments = {"symbols": symbols, "actions": action, "limit": limit}
    call("data.journal", arguments, data_tables.journal, as_json=as_json)


@data_app.command("quarantine")
def data_quarantine(symbols: SymbolNames = None, limit: Newest = 50, as_json: AsJson = False) -> None:
    """Show rows that were not stored because they cannot be, with their reasons."""
    from engine.cli import data_tables

    arguments = {"symbols": symbols, "limit": limit}
    call("data.quarantine", arguments, data_tables.quarantine, as_json=as_json)


@data_app.command("import")
def data_import(
    layout: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="bybit-trades, bybit-mt4, freqtrade, layout or plain."),
    ],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files, or folders of them.")],
    timeframe: Annotated[
        list[str] | None,
        typer.Option("--timeframe", "-t", help="bybit-trades: candles to make; plain: the one there is."),
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", "-s", help="plain: whose rows.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="plain: ohlcv, mark_klines, index_klines, funding or open_interest."),
    ] = None,
    time_unit: Annotated[str | None, typer.Option(help="plain: s, ms, us, ns or iso.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="plain: the clock of the times, as UTC.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="plain: a column of another name; may be repeated."),
    ] = None,
    utc_offset: Annotated[
        float | None, typer.Option(help="bybit-mt4: hours its clock is ahead of UTC, if not 3.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import files into a database of their own (TRADE_EXCHANGE=imported), never among an exchange's rows."""
    from engine.cli import data_tables

    arguments = {
        "format": layout, "files": files, "timeframes": timeframe, "symbol": symbol, "kind": kind,
        "time_unit": time_unit, "time_zone": time_zone, "columns": _pairs(column),
        "utc_offset_hours": utc_offset,
    }  # fmt: skip
    call("data.import", arguments, data_tables.imported, as_json=as_json)


@data_app.command("export")
def data_export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")],
    layout: Annotated[
        str, typer.Option("--format", "-f", help="layout (Parquet, exact) or freqtrade.")
    ] = "layout",
    symbol: Symbols = None,
    timeframe: Timeframes = None,
    start: Annotated[str | None, typer.Option(help="First moment (UTC), as 2025-01-31.")] = None,
    end: Annotated[str | None, typer.Option(help="End (UTC), not included.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write stored series as files, one for each."""
    from engine.cli import data_tables

    arguments = {
        "folder": folder, "format": layout, "symbols": symbol, "timeframes": timeframe, "start": start,
        "end": end,
    }  # fmt: skip
    call("data.export", arguments, data_tables.exported, as_json=as_json)


def _pairs(given: list[str] | None) -> dict[str, str] | None:
    if given is None:
        return None
    pairs = [each.partition("=") for each in given]
    for ours, equals, theirs in pairs:
        if not (ours and equals and theirs):
            raise typer.BadParameter(f"{ours!r} is not OURS=THEIRS, as open=Open", param_hint="--column")
    return {ours: theirs for ours, _, theirs in pairs}
