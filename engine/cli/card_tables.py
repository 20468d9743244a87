"""How cards, what is wrong with them and strategies look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from engine.cli.screen import failure
from engine.cli.tables import Row, facts, lines, new_table


def card_list(console: Console, data: Row) -> None:
    """Show the cards of the folder."""
    table = new_table("Card", "Version", "Timeframes", "Symbols", "System hash")
    for card in data["cards"]:
        table.add_row(
            card["id"],
            card["version"],
            " ".join(card["timeframes"].values()),
            " ".join(card["symbols"]),
            card["system_hash"][:12],
        )
    if data["cards"]:
        console.print(table)
    else:
        console.print(f"There is no usable card in {data['folder']}.", soft_wrap=True)
    _unusable(console, data["unusable"])


def card_problems(console: Console, data: Row) -> None:
    """Show which cards are in order and everything that is wrong with the others."""
    for card in data["valid"]:
        console.print(Text.assemble((card, "bold"), (" is valid", "green")))
    _unusable(console, data["unusable"])


def card(console: Console, data: Row) -> None:
    """Show one card in full, as YAML."""
    import yaml

    warmup = ", ".join(f"{role} {bars}" for role, bars in data["warmup_bars"].items())
    free = ", ".join(f"{name} {p['default']} ({p['range']})" for name, p in data["parameters"].items())
    console.print(
        facts(
            [
                ("Card", f"{data['id']} {data['version']}"),
                ("Idea", data["description"]),
                ("System hash", data["system_hash"]),
                ("Warm-up bars", warmup),
                *([("Parameters", free)] if free else []),
                *([("Lineage", _lineage(data["lineage"]))] if data["lineage"] else []),
            ]
        )
    )
    text = yaml.safe_dump(data["card"], sort_keys=False, default_flow_style=None, width=100)
    console.print(Text(text, style="cyan"), soft_wrap=True)


def _lineage(told: Row) -> str:
    parent = f"{told['parent_id']} {told['parent_version']}"
    return f"from {parent}, trial {told['run_id'][:12]} on {told['symbol']}, {told['window']} UTC"


def migration(console: Console, data: Row) -> None:
    """Show what a card has to change, and whether that was written."""
    versions = f"version {data['from_version']} to {data['to_version']} of the card language"
    if not data["diff"]:
        console.print(f"{data['file']} is of version {data['to_version']} already.", soft_wrap=True)
    else:
        console.print(Text(f"{data['file']}: from {versions}", style="bold"), soft_wrap=True)
        for change in data["changes"]:
            console.print(Text(f"  {change['key_path']} {change['problem']}"), soft_wrap=True)
        styles = {"+": "green", "-": "red", "@": "cyan"}
        for line in data["diff"].splitlines():
            console.print(Text(line, style=styles.get(line[:1], "")), soft_wrap=True)
        said = "Written." if data["written"] else "Nothing is written yet: add --write."
        console.print(Text(said, style="bold"))
    _unusable(console, data["left"])


def strategies(console: Console, data: Row) -> None:
    """Show the strategies written in Python."""
    for strategy in data["strategies"]:
        head = Text.assemble((f"{strategy['name']} {strategy['version']}", "bold"))
        console.print(Text.assemble(head, f"  {strategy['description']}"), soft_wrap=True)
        parameters = ", ".join(strategy["parameters"]) or "none"
        lines(console, [("  inputs", ", ".join(strategy["inputs"])), ("  parameters", parameters)])
    for each in data["unusable"]:
        console.print(failure(each["problem"], each["way_out"]), soft_wrap=True)


def _unusable(console: Console, files: Sequence[Row]) -> None:
    for file in files:
        heading = Text.assemble("\n", (file["file"], "bold"), (" is no usable card", "bold red"))
        console.print(heading, soft_wrap=True)
        for problem in file["problems"]:
            value = "" if problem["value"] is None else f" (value: {problem['value']})"
            line = "" if problem["line"] is None else f"line {problem['line']}, "
            where = line + (problem["key_path"] or "the file")
            console.print(Text(f"  {where}: {problem['problem']}{value}"), soft_wrap=True)
            console.print(Text(f"    {problem['way_out']}", style="green"), soft_wrap=True)
