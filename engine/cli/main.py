"""`trade`: a Typer shell over the tools, with no logic of its own.

Without a command it opens a menu where there is a terminal, and shows its help where there is none.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.arguments import (
    AsJson,
    CardName,
    End,
    OptionalCard,
    OptionalSymbol,
    Start,
    Symbol,
    Symbols,
    Timeframes,
)
from engine.cli.breakdown import breakdown
from engine.cli.calling import call, configure_logging, show_fault
from engine.cli.cards import cards_app, strategies_app
from engine.cli.comparison import compare
from engine.cli.data import data_app
from engine.cli.exit_codes import ExitCode, told
from engine.cli.features import docs, features_app
from engine.cli.gates import gate, gates
from engine.cli.live import live_app
from engine.cli.promotions import promote, promotions_app, why
from engine.cli.risk import journal_app, notifications_app, risk_app
from engine.cli.sweeps import sweeps_app
from engine.cli.tools import mcp_app, tools_app
from engine.cli.trading import account_app, orders_app, positions_app
from engine.cli.universe import universe_app

log = logging.getLogger(__name__)

EPILOG = (
    f"{told()} "
    "Settings come from the environment (TRADE_EXCHANGE, TRADE_DATA, …: see README.md). "
    "TRADE_DEBUG=1 shows logs and tracebacks."
)

# Under what the help lists the commands.
GRAPH, RESEARCH = "From candles to a decision", "Research"
EVIDENCE, TRADING = "Evidence and promotion", "Trading"
DATA, TOOLS = "Market data", "Tools and agents"

app = typer.Typer(
    name="trade",
    help="Research to promotion for Bybit USDT perpetuals: IdeaCards in, promotion decisions out.",
    epilog=EPILOG,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cards_app, name="cards", rich_help_panel=RESEARCH)
app.add_typer(strategies_app, name="strategies", rich_help_panel=RESEARCH)
portfolio_app = typer.Typer(help="Several cards and symbols on one wallet.", no_args_is_help=True)
app.add_typer(portfolio_app, name="portfolio", rich_help_panel=RESEARCH)
app.add_typer(sweeps_app, name="sweeps", rich_help_panel=RESEARCH)
app.add_typer(universe_app, name="universe", rich_help_panel=DATA)
app.add_typer(features_app, name="features", rich_help_panel=RESEARCH)
app.command(rich_help_panel=RESEARCH)(docs)
app.command(rich_help_panel=RESEARCH)(breakdown)
app.command(rich_help_panel=RESEARCH)(compare)
app.command(rich_help_panel=EVIDENCE)(gate)
app.command(rich_help_panel=EVIDENCE)(gates)
app.add_typer(data_app, name="data", rich_help_panel=DATA)
app.add_typer(promotions_app, name="promotions", rich_help_panel=EVIDENCE)
app.command(rich_help_panel=EVIDENCE)(promote)
app.command(rich_help_panel=EVIDENCE)(why)
app.add_typer(live_app, name="live", rich_help_panel=TRADING)
app.add_typer(account_app, name="account", rich_help_panel=TRADING)
app.add_typer(orders_app, name="orders", rich_help_panel=TRADING)
app.add_typer(positions_app, name="positions", rich_help_panel=TRADING)
app.add_typer(risk_app, name="risk", rich_help_panel=TRADING)
app.add_typer(journal_app, name="journal", rich_help_panel=TRADING)
app.add_typer(notifications_app, name="notifications", rich_help_panel=TRADING)
app.add_typer(tools_app, name="tools", rich_help_panel=TOOLS)
app.add_typer(mcp_app, name="mcp", rich_help_panel=TOOLS)

Replay = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Recorded candles (Parquet files) instead of a generated market."),
]


@app.callback()
def start(context: typer.Context) -> None:
    """Open the menu if no command was given and there is a terminal."""
    if context.invoked_subcommand is None:
        from engine.cli.menu import open_menu

        open_menu(context)


@app.command(rich_help_panel=GRAPH)
def init(as_json: AsJson = False) -> None:
    """Create the data folder and its databases. Safe to repeat."""
    from engine.cli import tables

    call("project.init", {}, tables.project, as_json=as_json)


@app.command(rich_help_panel=GRAPH)
def sync(symbol: Symbols = None, timeframe: Timeframes = None, as_json: AsJson = False) -> None:
    """Fetch closed candles, funding, open interest and rules from the exchange into the store."""
    from engine.cli import tables

    arguments = {"symbols": symbol, "timeframes": timeframe}
    call("data.sync", arguments, tables.sync, as_json=as_json, well=lambda data: not data["failed"])


@app.command(rich_help_panel=GRAPH)
def run(
    card: CardName,
    symbol: Symbols = None,
    as_json: AsJson = False,
) -> None:
    """Carry a card through the whole asset graph: raw candles to a promotion decision, in Dagster."""
    from engine.cli import tables

    arguments = {"cards": [card], "symbols": symbol}
    call("pipeline.run", arguments, tables.pipeline, as_json=as_json, well=lambda data: not data["failed"])


@app.command(rich_help_panel=GRAPH)
def demo(
    replay: Replay = None,
    as_json: AsJson = False,
) -> None:
    """Show the whole job: start the sandbox exchange and run every card on every symbol."""
    from engine.cli import tables

    call("demo.run", {"replay": replay}, tables.demo, as_json=as_json, well=lambda data: not data["failed"])


@app.command(rich_help_panel=RESEARCH)
def backtest(
    card: CardName,
    symbol: Symbol,
    start: Start = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Backtest a card on stored candles, without Dagster, and write its artifacts and report."""
    from engine.cli import tables

    arguments = {"card": card, "symbol": symbol, "start": start, "end": end}
    call("backtest.run", arguments, tables.backtest, as_json=as_json)


@app.command(rich_help_panel=RESEARCH)
def explain(
    card: CardName,
    symbol: Symbol,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="The rules at a moment (UTC), as 2025-01-31T12:00.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="With --at: only this rule, as entry_long.")] = None,
    trade: Annotated[int | None, typer.Option(metavar="N", help="Why trade N came and went.", min=0)] = None,
    trades: Annotated[bool, typer.Option("--trades", help="What opened and closed each trade.")] = False,
    most: Annotated[
        int | None, typer.Option(help="With --trades: so many at most, 100 if not given.", min=1, max=1000)
    ] = None,
    start: Start = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Say why: a card's rules at a moment, or what opened and closed the trades of its backtest."""
    from engine.cli import explain_tree

    if [at is not None, trade is not None, trades].count(True) != 1:
        raise typer.BadParameter("give one of the three", param_hint="--at, --trade or --trades")
    if rule is not None and at is None:
        raise typer.BadParameter("it is a rule at a moment: give --at too", param_hint="--rule")
    run = {"card": card, "symbol": symbol, "start": start, "end": end}
    if at is not None:
        call("explain.moment", run | {"at": at, "rule": rule}, explain_tree.moment, as_json=as_json)
    elif trade is not None:
        call("explain.trade", run | {"trade": trade}, explain_tree.trade, as_json=as_json)
    else:
        call("explain.trades", run | {"most": most}, explain_tree.trades, as_json=as_json)


@app.command(rich_help_panel=RESEARCH)
def sweep(
    card: CardName,
    symbol: Symbol,
    search: Annotated[
        str | None, typer.Option(metavar="grid|random|bayesian", help="How sets are chosen; grid: all.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many sets, of random and bayesian.", min=1)] = None,
    seed: Annotated[
        int, typer.Option(help="Of random and bayesian: the same seed, the same sets.", min=0)
    ] = 0,
    objective: Annotated[
        str | None, typer.Option(metavar="METRIC", help="What a Bayesian search is after, as sharpe.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; one per core if not given.", min=1)] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="local:N|ADDRESS", help="Processes, or a Dask scheduler, instead.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet file of the results.")] = None,
    by: Annotated[str | None, typer.Option(metavar="METRIC", help="Which sets are best.")] = None,
    start: Start = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Backtest many sets of a card's parameters, and list the best. Goes on where it was interrupted."""
    from engine.cli import tables

    arguments = {
        "card": card, "symbol": symbol, "search": search, "trials": trials, "seed": seed,
        "objective": objective, "workers": workers, "cluster": cluster, "out": out, "by": by,
        "start": start, "end": end,
    }  # fmt: skip
    call("backtest.sweep", arguments, tables.sweep, as_json=as_json)


@app.command(rich_help_panel=EVIDENCE)
def validate(
    card: CardName,
    symbol: Symbol,
    windows: Annotated[int | None, typer.Option(help="Windows of the walk-forward; 12.", min=1)] = None,
    sets: Annotated[int | None, typer.Option(help="Sets of parameters tried; 200.", min=1)] = None,
    paths: Annotated[int | None, typer.Option(help="Monte Carlo paths; 1,000.", min=10)] = None,
    earlier_trials: Annotated[int | None, typer.Option(help="Sets of it tried elsewhere.", min=0)] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is drawn; 0.", min=0)] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; one per core if not given.", min=1)] = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether a card's result was luck: walk-forward, overfitting, stress, Monte Carlo and more."""
    from engine.cli import evidence

    arguments = {
        "card": card, "symbol": symbol, "windows": windows, "sets": sets, "paths": paths,
        "earlier_trials": earlier_trials, "seed": seed, "workers": workers, "end": end,
    }  # fmt: skip
    call("promotion.validate", arguments, evidence.validation, as_json=as_json)


@app.command(rich_help_panel=RESEARCH)
def report(
    card: OptionalCard = None,
    symbol: OptionalSymbol = None,
    as_json: AsJson = False,
) -> None:
    """Say where the HTML reports are."""
    from engine.cli import tables

    call("report.show", {"card": card, "symbol": symbol}, tables.reports, as_json=as_json)


@app.command(rich_help_panel=DATA)
def sandbox(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 picks a free one.", min=0, max=65535)] = 8765,
    seed: Annotated[int | None, typer.Option(help="Of the generated market; 7 if not given.", min=0)] = None,
    now: Annotated[str | None, typer.Option(help="Stop the clock there (UTC), as 2026-01-01.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="Of the clock: 1 is real time, 60 a minute per second, 0 stops it.")
    ] = None,
    replay: Replay = None,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML plan of what goes wrong, and when.")
    ] = None,
    fault_seed: Annotated[
        int | None, typer.Option(help="Of the plan's chances; without --faults, of a storm of faults.")
    ] = None,
    enforce_limit: Annotated[
        bool, typer.Option("--enforce-limit", help="600 requests in 5 s, then HTTP 403 for ten minutes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a stand-in for Bybit on loopback: market data by HTTP and WebSocket. Ctrl-C ends it.

    It answers Bybit's v5 market endpoints and streams kline and tickers topics, of a generated market or of
    recorded candles, exactly by Bybit's rules. Point pybit's `endpoint` or ccxt's `urls` at it.

    While it runs, /sandbox/faults takes a fault plan (PUT), /sandbox/clock steps the clock (POST), and
    /sandbox/requests tells what was asked (GET).
    """
    from engine.cli.serving import serve_sandbox

    if replay is not None and seed is not None:
        raise typer.BadParameter(
            "recorded candles have no seed: give --seed or --replay", param_hint="--seed"
        )
    serve_sandbox(
        port=port,
        seed=seed,
        now=now,
        speed=speed,
        replay=replay,
        faults=faults,
        fault_seed=fault_seed,
        enforce_limit=enforce_limit,
        as_json=as_json,
    )


@portfolio_app.command("run")
def portfolio_run(
    cards: Annotated[
        list[str], typer.Argument(metavar="CARD…", help="Ids or YAML files, the first before all others.")
    ],
    starting_equity: Annotated[float, typer.Option(help="Of the wallet they share, USDT.")],
    symbol: Annotated[
        list[str] | None,
        typer.Option("--symbol", "-s", help="Traded by each card, in this order; may be repeated."),
    ] = None,
    max_open_positions: Annotated[
        int | None, typer.Option(help="Positions there may be at once.", min=1)
    ] = None,
    start: Start = None,
    end: End = None,
    as_json: AsJson = False,
) -> None:
    """Backtest cards on one wallet. Who is named first gets margin and places first: by card, then symbol."""
    from engine.cli.portfolio_table import portfolio

    arguments = {
        "cards": cards, "symbols": symbol, "starting_equity_usdt": starting_equity,
        "max_open_positions": max_open_positions, "start": start, "end": end,
    }  # fmt: skip
    call("portfolio.run", arguments, portfolio, as_json=as_json)


def main() -> None:
    """Run `trade`. Whatever happens, what is shown is a message and a way out, never a traceback."""
    configure_logging()
    try:
        app(prog_name="trade")
    except Exception as error:  # the last resort of a program that people look at
        log.exception("the command failed in a way nobody foresaw")
        show_fault(error)
        sys.exit(ExitCode.REFUSED)
