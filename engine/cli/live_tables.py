"""Runs as tables: how they stand, how they ended, how they compare."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.timeframes import format_utc


def runs(console: Console, data: dict[str, Any]) -> None:
    """Show the runs there are."""
    if not data["runs"]:
        console.print("There is no run. Start one: trade live start CARD")
        return
    table = Table("run", "mode", "cards", "symbols", "since (UTC)", "going on")
    for run in data["runs"]:
        symbols = dict.fromkeys(symbol for card in run["cards"] for symbol in card["symbols"])
        table.add_row(
            Text(run["run"], overflow="fold"),
            run["mode"],
            ", ".join(card["card_id"] for card in run["cards"]),
            " ".join(symbols),
            _moment(run["began_ms"]),
            "yes" if run["is_running"] else "no",
        )
    console.print(table)


def status(console: Console, data: dict[str, Any]) -> None:
    """Show how a run stands."""
    console.print(standing(data))
    if not data["is_running"]:
        console.print(f"It is not running; this is how it stood at {_moment(data['now_ms'])} UTC.")


def standing(data: dict[str, Any]) -> RenderableType:
    """Return the status screen of a run."""
    identity, session = data["identity"], data["session"]
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{data['run']}", "bold"),
            f"   {identity['mode']}   {identity['exchange']}   {_moment(data['now_ms'])} UTC   ",
            ("connected", "green") if session["connected"] else ("waiting for a candle", "yellow"),
            f"   outages {session['outages']}   errors {session['errors']}",
        ),
        _legs(data),
        _rules(data),
    ]
    if data["limits"]:
        parts.append(_limits(data))
    if session["last_error"]:
        parts.append(Text(f"last error: {session['last_error']}", style="red"))
    return Group(*parts)


def _legs(data: dict[str, Any]) -> Table:
    table = Table("card", "symbol", "position", "entry", "stop", "target", "PnL", "equity", "next close")
    for name in ("entry", "stop", "target", "PnL", "equity"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for leg in data["legs"]:
        stands = leg["standing"]
        held, order = stands["position"], stands["order"]
        shown = "flat" if held is None else f"{held['direction']} {held['size']:g}"
        if order is not None:
            shown += f" (order {order['side']} {order['size']:g} @ {order['price']:g})"
        if stands["stopped"]:
            shown = f"stopped: {stands['stopped']}"
        table.add_row(
            leg["card_id"],
            f"{leg['symbol']} {leg['timeframe']}",
            shown,
            _price(held, "entry_price"),
            _price(held, "stop_price"),
            _price(held, "target_price"),
            f"{stands['pnl_usdt']:+,.2f}",
            f"{stands['equity_usdt']:,.2f}",
            f"{_clock(leg['next_close'])} in {_left(leg['next_close'] - data['now_ms'])}",
        )
    return table


def _rules(data: dict[str, Any]) -> Table:
    table = Table("card", "symbol", "rule", "holds", "what is missing")
    for leg in data["legs"]:
        for rule in leg["rules"]:
            table.add_row(
                leg["card_id"],
                leg["symbol"],
                rule["rule"],
                Text("yes", style="green") if rule["holds"] else f"{rule['met']} of {rule['parts']}",
                rule["missing"],
            )
    return table


def _limits(data: dict[str, Any]) -> Table:
    table = Table("limit", "used", "of", "", title=f"risk: {data['trading_state']}", title_justify="left")
    for usage in data["limits"]:
        used = "?" if usage["used"] is None else f"{usage['used']:,.6g}"
        table.add_row(usage["name"], used, f"{usage['limit']:,g}", usage["unit"])
    return table


def ended(console: Console, data: dict[str, Any]) -> None:
    """Show how a run ended."""
    how = "interrupted" if data["interrupted"] else "ended"
    console.print(
        f"{data['run']} ({data['mode']}) {how}; outages {data['outages']}, errors {data['errors']}."
    )
    table = Table("card", "symbol", "decided until (UTC)", "fills", "PnL", "equity")
    for leg in data["legs"]:
        table.add_row(
            leg["card_id"],
            leg["symbol"],
            _moment(leg["decided_until"]),
            str(leg["fills"]),
            f"{leg['pnl_usdt']:+,.2f}",
            f"{leg['equity_usdt']:,.2f}",
        )
    console.print(table)
    console.print(f"It goes on from there when it is started again. Its journal is in {data['folder']}")


def stopping(console: Console, data: dict[str, Any]) -> None:
    """Show that a run was asked to end."""
    console.print(f"{data['run']} was asked to end.")


def parity(console: Console, data: dict[str, Any]) -> None:
    """Show how a run and its replay agree."""
    table = Table("card", "symbol", "from (UTC)", "to", "bars", "late", "trades", "agree")
    for leg in data["legs"]:
        table.add_row(
            leg["card_id"],
            f"{leg['symbol']} {leg['timeframe']}",
            _moment(leg["first_open"]),
            _moment(leg["last_close"]),
            str(leg["bars"]),
            str(leg["late_bars"]),
            str(leg["trades"]),
            Text("yes", style="green")
            if leg["agrees"]
            else Text(f"{leg['difference_count']} differences", style="red"),
        )
    console.print(table)
    for leg in data["legs"]:
        for difference in leg["differences"]:
            console.print(f"{leg['card_id']} {leg['symbol']}: {difference}", soft_wrap=True)
        if leg["fills"] is not None:
            _fills(console, leg)


def _fills(console: Console, leg: dict[str, Any]) -> None:
    fills = leg["fills"]

    def figure(name: str, unit: str) -> str:
        return "-" if fills[name] is None else f"{fills[name]:+.2f} {unit}"

    console.print(
        f"{leg['card_id']} {leg['symbol']}: {fills['matched']} trades in both; the run's entries are "
        f"worse by {figure('mean_entry_bps', 'bps')}, its exits by {figure('mean_exit_bps', 'bps')}; "
        f"latency {figure('median_latency_ms', 'ms')} (median); {fills['left_otherwise']} left otherwise",
        soft_wrap=True,
    )
    for which, name in (("run", "only_run_trades"), ("replay", "only_replay_trades")):
        for trade in fills[name]:
            console.print(f"  only the {which} has an {trade}", soft_wrap=True)


def evidence(console: Console, data: dict[str, Any]) -> None:
    """Show what was written for promotion."""
    table = Table("card", "symbol", "days", "closes", "compared", "differences", "trades", "return %")
    for each in data["evidence"]:
        table.add_row(
            each["card_id"],
            f"{each['symbol']} {each['timeframe']}",
            f"{(each['end_ms'] - each['start_ms']) / 86_400_000:.1f}",
            str(each["closes"]),
            str(each["decisions_compared"]),
            str(each["decision_differences"] + each["fill_differences"]),
            str(each["trades"]),
            f"{each['net_return_pct']:+.2f}",
        )
    console.print(table)


def _price(held: dict[str, Any] | None, name: str) -> str:
    return "" if held is None or held[name] is None else f"{held[name]:g}"


def _moment(ts_ms: int) -> str:
    return format_utc(ts_ms // 1000 * 1000)


def _clock(ts_ms: int) -> str:
    return format_utc(ts_ms)[11:16]


def _left(milliseconds: int) -> str:
    seconds = max(0, milliseconds // 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"
