"""Risk and journals on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from engine.timeframes import format_utc

if TYPE_CHECKING:
    from rich.console import Console

type Row = dict[str, Any]

_STYLES = {"active": "bold green", "reducing": "bold yellow", "halted": "bold red"}
_MEANS = {
    "active": "orders pass that keep to all limits",
    "reducing": "only what makes positions smaller passes",
    "halted": "nothing passes until somebody resumes: trade risk resume",
}
_NEAR = 0.8


def limits(console: Console, data: Row) -> None:
    """Show the limits."""
    from rich.table import Table

    table = Table(
        "limit", "value", "default", "why", title=f"{data['environment']}: limits", show_lines=False
    )
    for row in data["limits"]:
        value, default = _value(row["value"]), _value(row["default"])
        table.add_row(row["name"], value, default if default != value else "", row["why"])
    console.print(table)
    if data["file_exists"]:
        console.print(f"Read from {data['file']}", soft_wrap=True)
    else:
        console.print(f"Defaults: there is no {data['file']} (trade risk write-limits)", soft_wrap=True)


def written(console: Console, data: Row) -> None:
    """Say where the limits were written."""
    console.print(f"Written: {data['file']}", soft_wrap=True)


def status(console: Console, data: Row) -> None:
    """Show the state and how much of each limit is used."""
    from rich.table import Table
    from rich.text import Text

    state(console, data)
    if data["account_problem"]:
        console.print(Text(f"The account cannot be read: {data['account_problem']}", style="yellow"))
    table = Table("limit", "used", "of", "", "")
    for name in ("used", "of"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for row in data["usage"]:
        share = None if row["share"] is None else float(row["share"])
        style = "" if share is None or share < _NEAR else "yellow" if share < 1 else "red"
        used = "?" if row["used"] is None else f"{float(row['used']):,.6g}"
        bound = f"{'at least ' if row['is_floor'] else ''}{float(row['limit']):,g}"
        table.add_row(row["name"], used, bound, row["unit"], _bar(share), style=style)
    console.print(table)


def state(console: Console, data: Row) -> None:
    """Show whether trading is free, and why not."""
    from rich.text import Text

    now = data["state"]
    console.print(
        Text.assemble(f"{data['environment']}: ", (now, _STYLES[now]), f"   {_MEANS[now]}"), soft_wrap=True
    )
    for reason in data["reasons"]:
        until = reason["until_ms"]
        ends = "until somebody resumes" if until is None else f"until {format_utc(until)} UTC"
        since = format_utc(reason["since_ms"])
        console.print(f"  {reason['code']}: {reason['message']} (since {since} UTC, {ends})", soft_wrap=True)


def panic(console: Console, data: Row) -> None:
    """Show what a panic came to."""
    from rich.text import Text

    report = data["report"]
    if report["is_flat"]:
        console.print(Text("The account is flat.", style="bold green"))
    else:
        console.print(Text("The account is NOT known to be flat.", style="bold red"))
    console.print(
        f"{report['cancelled']} orders cancelled, {len(report['sent'])} closing orders taken, "
        f"looked at {report['rounds']} times; trading is {'halted' if report['is_halted'] else 'NOT halted'}."
    )
    for what in ("positions", "orders"):
        for each in report[what] or ():
            console.print(f"  left: {each['side']} {each['size']} {each['symbol']}", style="red")
    for problem in report["problems"]:
        console.print(f"  on the way: {problem}", soft_wrap=True, style="dim")
    if report["is_halted"]:
        console.print("To trade on: trade risk resume")


def journal(console: Console, data: Row) -> None:
    """Show lines of a journal."""
    from rich.table import Table
    from rich.text import Text

    if not data["entries"]:
        console.print(f"No such line in {data['file']}", soft_wrap=True)
        return
    table = Table("when (UTC)", "what", "card", "symbol", "")
    for entry in data["entries"]:
        said = json.dumps(entry["data"], ensure_ascii=False) if entry["data"] else ""
        table.add_row(
            format_utc(entry["ts_ms"]),
            entry["kind"],
            entry["card_id"],
            entry["symbol"],
            Text(said, overflow="fold"),
        )
    console.print(table)
    if data["unreadable_lines"]:
        console.print(f"{data['unreadable_lines']} lines are torn and left out", style="yellow")


def delivered(console: Console, data: Row) -> None:
    """Show which channels have taken a message."""
    if not data["channels"]:
        console.print(
            "Nobody is told anything: set TRADE_TELEGRAM_TOKEN and TRADE_TELEGRAM_CHAT, "
            "TRADE_DISCORD_WEBHOOK_URL or TRADE_WEBHOOK_URL"
        )
    for channel in data["channels"]:
        console.print(f"{channel['name']}: {channel['problem'] or 'delivered'}", soft_wrap=True)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "; ".join(
                f"{name}: {' '.join(group['symbols'])} ≤ {group['max_notional_usdt']:g}"
                for name, group in value.items()
            )
            or "none"
        )
    if isinstance(value, list):
        sessions = (f"{each['start']}-{each['end']} {' '.join(each['weekdays'])}" for each in value)
        return "; ".join(sessions) or "always"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    full = round(min(max(share, 0.0), 1.0) * 10)
    return "█" * full + "·" * (10 - full)
