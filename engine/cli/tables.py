"""How the answers of the tools look on a terminal: one function per tool, from its data to the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from engine.cli.screen import failure, market_notice
from engine.timeframes import format_utc

if TYPE_CHECKING:
    from engine.metrics.described import MetricSpec

type Row = Mapping[str, Any]

# The metrics a backtest is first asked for; the report has them all.
HEADLINES = (
    "net_return_pct", "buy_and_hold_return_pct", "cagr_pct", "max_drawdown_pct", "sharpe", "sortino",
    "trades", "win_rate_pct", "profit_factor", "expectancy_usdt", "fees_usdt", "slippage_usdt",
    "funding_usdt", "liquidations", "time_in_market_pct", "ambiguous_share_pct", "filled_share_pct",
)  # fmt: skip

# What tells the sets of a sweep apart at a glance; the file has the rest.
SWEEP_HEADLINES = ("net_return_pct", "max_drawdown_pct", "sharpe", "profit_factor", "trades")


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    """Return a number as people read it; an undefined one is a dash."""
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def coloured(value: float | None, digits: int = 2, unit: str = "") -> Text:
    """Return a number in green above zero and red below."""
    style = "" if not value else "green" if value > 0 else "red"
    return Text(number(value, digits, unit), style=style)


def verdict(decision: str | None, refused_by: str | None = None) -> Text:
    """Return a promotion verdict with the gate that refused."""
    if decision is None:
        return Text("–")
    if decision == "promoted":
        return Text("promoted", style="bold green")
    return Text(f"refused: {refused_by}" if refused_by else decision, style="red")


def detail_told(detail: Row) -> str:
    """Return what finer bars changed in a run, on one line."""
    ambiguous = f"{number(detail['ambiguous_without'], 0)} to {number(detail['ambiguous_with'], 0)}"
    return (
        f"{number(detail['covered_pct'], 1)} % of bars; ambiguous {ambiguous}, "
        f"changed {number(detail['changed_trades'], 0)}, "
        f"net PnL {detail['net_pnl_difference_usdt']:+,.2f} USDT"
    )


def new_table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    """Return an empty table as all of them look."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def facts(rows: Sequence[tuple[str, str | Text]]) -> Table:
    """Return names and values below each other."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="dim"), value)
    return table


def lines(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values below each other, to be copied."""
    # Not wrapped and not cut.
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        console.print(Text.assemble((f"{name:<{width}}  ", "dim"), value), soft_wrap=True)


def project(console: Console, data: Row) -> None:
    """Show what `trade init` found or made."""
    made = "created" if data["created"] else "was there"
    console.print(
        facts(
            [
                ("Exchange", f"{data['exchange']} at {data['exchange_url']}"),
                ("Data", data["data_dir"]),
                ("Cards", data["cards_dir"]),
                ("Market database", f"{data['market_database']} ({made})"),
            ]
        )
    )
    console.print(market_notice(data["market"]))


def sync(console: Console, data: Row) -> None:
    """Show what a sync brought: new rows of each kind, and the candles there are now."""
    with_index = any(report["index_klines"] for report in data["synced"])
    counts = ("Candles", *(("Index",) if with_index else ()), "Funding", "OI", "Gaps")
    table = new_table("Symbol", "TF", *counts, "First candle", "Last candle", right=counts)
    for report in data["synced"]:
        table.add_row(
            report["symbol"],
            report["timeframe"],
            number(report["new_candles"], 0),
            *((number(report["index_klines"], 0),) if with_index else ()),
            number(report["funding_events"], 0),
            number(report["open_interest_rows"], 0),
            number(report["gap_bars"], 0),
            moment(report["first_ts_open"]),
            moment(report["last_ts_open"]),
        )
    console.print(table)
    console.print(Text("New candles, funding events and open interest; bars missing.", style="dim"))
    for failed in data["failed"]:
        what = f"{failed['symbol']} {failed['timeframe']}: {failed['error']}"
        console.print(failure(what), soft_wrap=True)
    console.print(market_notice(data["market"]))


def backtest(console: Console, data: Row) -> None:
    """Show the result of one backtest."""
    from engine.cli.tag_table import tags
    from engine.metrics.catalogue import metric_spec

    metrics = data["metrics"]
    start, end = data["window"]
    head = f"{data['card_id']} {data['card_version']} on {data['symbol']} {data['exec_timeframe']}"
    console.print(Text(head, style="bold"))
    console.print(
        Text(f"{moment(start)} to {moment(end)} UTC, {number(data['counters']['bars'], 0)} bars", style="dim")
    )
    rows: list[tuple[str, str | Text]] = [
        (spec.title, metric_value(spec, metrics)) for spec in map(metric_spec, HEADLINES)
    ]
    if detail := data.get("detail"):
        rows.append((f"Filled on {detail['timeframe']}", detail_told(detail)))
    console.print(facts([*rows, ("Decision", verdict(data["decision"], data["refused_by"]))]))
    tags(console, data["tags"])
    if stopped := data["counters"]["stopped_early"]:
        when = moment(data["counters"]["stopped_at"])
        console.print(Text(f"The run ended early, at {when}: {stopped}", style="yellow"))
    console.print(market_notice(data["market"]))
    lines(console, [("Run", data["run_id"]), ("Artifacts", data["folder"]), ("Report", data["report"])])


def sweep(console: Console, data: Row) -> None:
    """Show the best sets of a sweep."""
    from engine.metrics.catalogue import metric_spec

    by = metric_spec(data["by"])
    head = f"{data['card_id']} {data['card_version']} on {data['symbol']} {data['timeframe']}"
    console.print(Text(head, style="bold"))
    start, end = data["window"]
    reused = f", {number(data['reused'], 0)} of them known before" if data["reused"] else ""
    chosen = {"grid": "", "random": " at random", "bayesian": " of a Bayesian search"}[data["search"]]
    sets = f"{number(data['sets'], 0)} sets{chosen}{reused}; the best by {by.title.lower()}"
    console.print(Text(f"{moment(start)} to {moment(end)} UTC, {sets}", style="dim"))
    shown = tuple(dict.fromkeys((by.name, *SWEEP_HEADLINES)))
    names = tuple(data["best"][0]["parameters"])
    specs = tuple(map(metric_spec, shown))
    titles = [f"{spec.title} {spec.unit.suffix}".rstrip() for spec in specs]
    table = new_table(*names, *titles, "Run id", right=(*names, *titles))
    for row in data["best"]:
        values = [str(value) for value in row["parameters"].values()]
        digits = [0 if spec.unit.name == "COUNT" else 2 for spec in specs]
        metrics = [number(row["metrics"][spec.name], d) for spec, d in zip(specs, digits, strict=True)]
        table.add_row(*values, *metrics, row["run_id"][:12])
    console.print(table)
    told = f"{number(data['new_trials'], 0)} new trials are in the ledger of {data['family']}. "
    luck = "Best of many is partly luck: the gates judge one card, not the sweep."
    console.print(Text(told + luck, style="dim"))
    console.print(market_notice(data["market"]))
    lines(console, [("Results", data["out"])])


def reports(console: Console, data: Row) -> None:
    """Show where the reports are."""
    names = [f"{report['card']} {report['symbol']} {report['timeframe']}" for report in data["reports"]]
    lines(console, [(name, report["path"]) for name, report in zip(names, data["reports"], strict=True)])
    console.print(market_notice(data["market"]))


def summary(rows: Sequence[Row]) -> Group:
    """Return a table per card of a pipeline run, with a line per symbol; they fit into 80 columns."""
    numbers = ("Trades", "Net %", "Max DD %", "Sharpe", "Fees", "Funding")
    tables: list[Table | Text] = []
    for (name, version, timeframe), of_card in groupby(rows, itemgetter("card", "card_version", "timeframe")):
        table = new_table(title=f"{name} {version} on {timeframe} candles")
        table.padding = (0, 1, 0, 0)
        table.add_column("Symbol", min_width=9, no_wrap=True)
        for column in numbers:
            table.add_column(column, min_width=7, justify="right", no_wrap=True)
        table.add_column("Decision")
        filled_finer = []
        for row in of_card:
            if detail := row["detail"]:
                filled_finer.append((row, f"filled on {detail['timeframe']}, {detail_told(detail)}"))
            table.add_row(
                row["symbol"],
                number(row["trades"], 0),
                coloured(row["net_return_pct"]),
                number(row["max_drawdown_pct"]),
                coloured(row["sharpe"]),
                number(row["fees_usdt"], 0),
                coloured(row["funding_usdt"], 0),
                verdict(row["decision"], row["refused_by"]),
            )
        tables.append(table)
        tables += [Text(f"{each['symbol']}: {line}", style="dim") for each, line in filled_finer]
    note = Text("Fees and funding in USDT; funding + is received. DD: drawdown.", style="dim")
    return Group(*tables, note)


def pipeline(console: Console, data: Row) -> None:
    """Show what became of a pipeline run."""
    console.print(market_notice(data["market"]))
    if data["rows"]:
        console.print(summary(data["rows"]))
    for failed in data["failed"]:
        console.print(failure(f"{failed['what']}: {failed['error']}"), soft_wrap=True)


def demo(console: Console, data: Row) -> None:
    """Show what the demo did, what it took, where the reports are and how to go on."""
    pipeline(console, data)
    console.print()
    lines(console, [(f"{row['card']} {row['symbol']}", row["report"]) for row in data["rows"]])
    console.print()
    console.print(_costs(data))
    console.print(market_notice(data["market"]))
    lines(console, [("Data", data["data_dir"]), ("Look at the graph", data["ui_command"])])


def _costs(data: Row) -> Table:
    numbers = ("Steps", "Seconds", "Peak MB")
    table = new_table("Stage", *numbers, right=numbers)
    for stage in data["stages"]:
        memory = number(stage["peak_memory_mb"], 0)
        table.add_row(stage["name"], number(stage["steps"], 0), number(stage["seconds"], 1), memory)
    table.add_row("all", "", number(data["seconds"], 1), "", end_section=True)
    for asset in data["assets"]:
        table.add_row(f"asset {asset['asset']}", number(asset["partitions"], 0), number(asset["seconds"], 1))
    if data["dagster_runs"]:
        seconds = number(data["dagster_seconds"], 1)
        table.add_row("Dagster's own, in runs", number(data["dagster_runs"], 0), seconds)
    return table


def metric_value(spec: MetricSpec, metrics: Row) -> str:
    """Return a metric as people read it, with its unit."""
    digits = 0 if spec.unit.name == "COUNT" else 2
    return number(metrics[spec.name], digits, f" {spec.unit.suffix}" if spec.unit.suffix else "")


def moment(ts_ms: int | None) -> str:
    """Return a moment to the minute, or a dash."""
    return "–" if ts_ms is None else format_utc(ts_ms)[:16]
