"""How a portfolio looks on a terminal: a line per member, and the figures of the wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from engine.cli.screen import market_notice
from engine.cli.tables import Row, coloured, facts, lines, metric_value, new_table, number
from engine.timeframes import format_utc

if TYPE_CHECKING:
    from rich.console import Console

# What the wallet as a whole is first asked for; `--json` has every metric.
HEADLINES = (
    "net_return_pct", "buy_and_hold_return_pct", "cagr_pct", "max_drawdown_pct", "sharpe", "sortino",
    "trades", "win_rate_pct", "profit_factor", "fees_usdt", "funding_usdt", "liquidations",
    "time_in_market_pct", "peak_leverage", "peak_margin_use_pct",
)  # fmt: skip


def portfolio(console: Console, data: Row) -> None:
    """Show the members in their order, the wallet, and what was refused to whom."""
    from engine.metrics.catalogue import metric_spec

    start, end = (format_utc(moment)[:16] for moment in data["window"])
    members, most = data["members"], data["max_open_positions"]
    places = f"at most {most} positions at once" if most else "no limit of positions"
    head = f"{len(members)} members on {data['exec_timeframe']}, {places}"
    console.print(Text(head, style="bold"))
    bars = number(data["counters"]["bars"], 0)
    console.print(
        Text(f"{start} to {end} UTC, {bars} bars, {number(data['starting_equity_usdt'])} USDT", style="dim")
    )
    figures = ("Trades", "Win %", "Net USDT", "Part %", "Fees", "Funding", "Refused")
    table = new_table("Card", "Symbol", *figures, right=figures)
    for member in members:
        table.add_row(
            member["card_id"],
            member["symbol"],
            number(member["trades"], 0),
            number(member["win_rate_pct"]),
            coloured(member["net_pnl_usdt"]),
            coloured(member["contribution_pct"]),
            number(member["fees_usdt"], 0),
            coloured(member["funding_usdt"], 0),
            number(sum(member["rejected_orders"].values()), 0),
        )
    console.print(table)
    note = "By priority. Part: of the starting equity; the parts add up to the net return."
    console.print(Text(note, style="dim"))
    rows = [(spec.title, metric_value(spec, data["metrics"])) for spec in map(metric_spec, HEADLINES)]
    console.print(facts([*rows, ("Most positions", number(data["highest_open_positions"], 0))]))
    for member in members:
        if member["rejected_orders"]:
            counts = ", ".join(f"{why} {count:,}" for why, count in member["rejected_orders"].items())
            console.print(
                Text(f"Refused to {member['card_id']} {member['symbol']}: {counts}"), soft_wrap=True
            )
    if stopped := data["counters"]["stopped_early"]:
        when = format_utc(data["counters"]["stopped_at"])[:16]
        console.print(Text(f"The run ended early, at {when}: {stopped}", style="yellow"))
    if shared := _shared_symbols(members):
        console.print(
            Text(
                f"Several cards trade {', '.join(shared)}, each with a position of its own: at the exchange "
                "that takes a subaccount for each card.",
                style="yellow",
            ),
            soft_wrap=True,
        )
    console.print(market_notice(data["market"]))
    lines(console, [("Run", data["run_id"]), ("Artifacts", data["folder"])])


def _shared_symbols(members: Sequence[Row]) -> list[str]:
    symbols = [member["symbol"] for member in members]
    return sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
