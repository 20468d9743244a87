"""`trade validate`: what it shows. No logic of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def validation(console: Console, data: dict[str, Any]) -> None:
    """Show the verdict of every gate, and what was chosen in each window of the walk-forward."""
    from rich.text import Text

    from engine.cli.screen import market_notice
    from engine.cli.tables import new_table, number
    from engine.timeframes import format_utc

    head = f"{data['card_id']} {data['card_version']} on {data['symbol']} {data['timeframe']}"
    console.print(Text(head, style="bold"))
    table = new_table("Verdict", "Gate", "Finding")
    table.columns[2].no_wrap = False
    for gate in data["gates"]:
        shown = Text("passed", style="green") if gate["passed"] else Text("refused", style="red")
        table.add_row(shown, gate["gate"], gate["summary"])
    console.print(table)
    windows = new_table(
        "Outside (UTC)", "Parameters", "Inside %", "Outside %", right=["Inside %", "Outside %"]
    )
    for window in data["walk_forward"]:
        start, end = (format_utc(window[name])[:10] for name in ("outside_start", "outside_end"))
        chosen = " ".join(f"{name}={value}" for name, value in window["parameters"].items()) or "as they are"
        nets = [number(window[where]["net_return_pct"], 2) for where in ("inside", "outside")]
        windows.add_row(f"{start} to {end}", chosen, *nets)
    console.print(windows)
    for gate in data["gates"]:
        for found in gate["violations"][:1]:
            console.print(Text(f"{gate['gate']}: {found['remedy']}", style="dim"))
    refused = data["refused_by"]
    verdict = f"refused: {refused}" if refused else "validated"
    console.print(Text(f"Decision  {verdict}", style="bold"))
    console.print(Text(f"Report    {data['report']}"), soft_wrap=True)
    console.print(market_notice(data["market"]))
