"""Why, on a terminal: rules as trees with the value of every leaf, and what opened and closed trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from engine.cli.screen import market_notice
from engine.cli.tables import coloured, facts, new_table, number
from engine.cli.tag_table import tags
from engine.timeframes import format_utc

type Row = Mapping[str, Any]

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
_VERDICTS = {True: "holds", False: "does not hold", None: "is unknown"}
_LEVELS = (
    ("stop_price", "Stop"),
    ("target_price", "Target"),
    ("liquidation_price", "Liquidation"),
)


def moment(console: Console, data: Row) -> None:
    """Show the rules at a moment."""
    _head(console, data)
    console.print(Text(f"Bar {data['bar']:,}, which closed at {_time(data['ts_close'])} UTC"))
    if (held := data["position"]) is not None:
        console.print(Text(_held(held)))
    for rule in data["rules"]:
        console.print(_rule(rule))
    if not data["entries_admitted"]:
        why = "An entry rule holds, and nothing comes of it: warm-up, or outside the trading session."
        console.print(Text(why, style="yellow"))
    console.print(market_notice(data["market"]))


def trade(console: Console, data: Row) -> None:
    """Show why a trade was entered and left."""
    _head(console, data)
    row, why = data["trade"], data["reasons"]
    console.print(Text(f"Trade {row['trade_id']}, {row['direction']}", style="bold"))
    first_stop = data["first_stop_price"]
    entered = [
        ("Decided at", f"{_time(why['entered_at'])} UTC"),
        ("Entered", f"{_time(row['ts_entry'])} UTC at {_price(row['entry_price'])}, {_price(row['size'])}"),
        ("Entered by", row["entry_tag"] or "entry rule"),
        ("First stop", "–" if first_stop is None else _price(first_stop)),
    ]
    console.print(facts(entered))
    if why["entry"] is not None:
        console.print(_rule(why["entry"]))
    by = f"{why['left_by']}: {row['exit_tag']}" if row["exit_tag"] else why["left_by"].replace("_", " ")
    left: list[tuple[str, str | Text]] = [
        ("Left", f"{_time(row['ts_exit'])} UTC at {_price(row['exit_price'])}"),
        ("Left by", by),
    ]
    if why["left_at"] is not None:
        left.insert(0, ("Decided at", f"{_time(why['left_at'])} UTC"))
    left += [(title, _price(row[name])) for name, title in _LEVELS if row[name] is not None]
    left += [
        ("Gross PnL", coloured(row["gross_pnl_usdt"], 2, " USDT")),
        ("Fees", number(row["fees_usdt"], 2, " USDT")),
        ("Funding", _funding(row["funding_usdt"], len(data["funding"]))),
        ("Net PnL", coloured(row["net_pnl_usdt"], 2, " USDT")),
        ("R", number(row["r_multiple"])),
    ]
    if row["ambiguous"]:
        left.append(("Ambiguous", "stop and target were in range of one bar, and the bad end was taken"))
    console.print(facts(left))
    if why["exit"] is not None:
        console.print(_rule(why["exit"]))
    table = new_table("Fill (UTC)", "Side", "Price", "Size", "Fee", "Reason", right=("Price", "Size", "Fee"))
    for fill in data["fills"]:
        said = f"{fill['reason']}: {fill['tag']}" if fill["tag"] else fill["reason"]
        table.add_row(
            _time(fill["ts"]),
            fill["side"],
            _price(fill["price"]),
            _price(fill["size"]),
            number(fill["fee_usdt"]),
            said,
        )
    console.print(table)
    console.print(market_notice(data["market"]))


def trades(console: Console, data: Row) -> None:
    """List trades with what opened and closed each."""
    _head(console, data)
    right = ("No", "Net PnL", "R", "Bars")
    table = new_table(
        "No", "Side", "Entered (UTC)", "By", "Left (UTC)", "By", "Net PnL", "R", "Bars", right=right
    )
    for row in data["trades"]:
        left_by = f"{row['exit_reason']}: {row['exit_tag']}" if row["exit_tag"] else row["exit_reason"]
        table.add_row(
            str(row["trade_id"]),
            row["direction"],
            _time(row["ts_entry"]),
            row["entry_tag"] or "–",
            _time(row["ts_exit"]),
            left_by,
            coloured(row["net_pnl_usdt"]),
            number(row["r_multiple"]),
            str(row["bars_held"]),
        )
    if data["trades"]:
        console.print(table)
    left_out = data["count"] - len(data["trades"])
    if left_out or not data["count"]:
        console.print(Text(f"{left_out:,} later trades are left out." if left_out else "No trades."))
    tags(console, data["tags"])
    console.print(market_notice(data["market"]))


def _head(console: Console, data: Row) -> None:
    name = f"{data['card_id']} {data['card_version']} on {data['symbol']} {data['exec_timeframe']}"
    console.print(Text(name, style="bold"))


def _rule(rule: Row) -> Tree:
    explanation = rule["explanation"]
    truth = explanation["truth"]
    said = _VERDICTS[truth] + (f" ({rule['tag']})" if rule["tag"] else "")
    tree = Tree(Text.assemble((rule["rule"], "bold"), " ", (said, _MARKS[truth][1])))
    _grow(tree, explanation, explanation["ts_close"])
    return tree


def _grow(tree: Tree, node: Row, ts_close: int) -> None:
    """Add a condition that is part of one at `ts_close`; dim where it did not decide that one's verdict."""
    mark, colour = _MARKS[node["truth"]]
    notes = [f"{name} = {_value(value)}" for name, value in node["values"] if name != _value(value)]
    if node["remark"]:
        notes.append(node["remark"])
    if node["ts_close"] != ts_close:
        notes.append(f"at {_time(node['ts_close'])}")
    told = f"   {'; '.join(notes)}" if notes else ""
    line = Text.assemble((f"{mark} ", colour), node["text"], (told, "cyan"))
    if not node["decided"]:
        line.stylize("dim")
    branch = tree.add(line)
    for part in node["parts"]:
        _grow(branch, part, node["ts_close"])


def _held(held: Row) -> str:
    levels = [f"{title.lower()} {_price(held[name])}" for name, title in _LEVELS if held[name] is not None]
    known = {"direction", "trade_id", *(name for name, _ in _LEVELS)}
    state = [f"{name} {_value(value)}" for name, value in held.items() if name not in known]
    return f"Open: {held['direction']} of trade {held['trade_id']}; {', '.join([*state, *levels])}"


def _funding(amount: float, events: int) -> Text:
    paid = coloured(amount, 2, " USDT")
    return paid.append(f" in {events} event{'s' if events != 1 else ''}", style="dim")


def _value(value: float | None) -> str:
    return "missing" if value is None else f"{value:.10g}"


def _price(value: float | None) -> str:
    return "–" if value is None else f"{value:,.10f}".rstrip("0").rstrip(".")


def _time(ts_ms: int) -> str:
    return format_utc(ts_ms)[:16]
