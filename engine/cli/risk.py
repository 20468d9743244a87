"""`trade risk`, `trade journal`, `trade notifications`: what limits trading, and what is told of it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.cli import risk_tables as tables
from engine.cli.arguments import AsJson, Yes
from engine.cli.calling import call

risk_app = typer.Typer(
    help="What every order has to keep to: limits, state, halt, resume, the panic button.",
    no_args_is_help=True,
)
journal_app = typer.Typer(help="What was decided, sent, filled and refused.", no_args_is_help=True)
notifications_app = typer.Typer(
    help="Who is told what happens: TRADE_TELEGRAM_TOKEN and _CHAT, TRADE_DISCORD_WEBHOOK_URL, "
    "TRADE_WEBHOOK_URL.",
    no_args_is_help=True,
)

Reason = Annotated[str, typer.Option(help="Why, for whoever finds it halted.")]


@risk_app.command("limits")
def limits(as_json: AsJson = False) -> None:
    """List the limits with their defaults and reasons, and the file to change them in."""
    call("risk.limits", {}, tables.limits, as_json=as_json)


@risk_app.command("write-limits")
def write_limits(as_json: AsJson = False) -> None:
    """Write risk.yaml with every default and its reason, to be changed; one that is there stays."""
    call("risk.write_limits", {}, tables.written, as_json=as_json)


@risk_app.command("status")
def status(as_json: AsJson = False) -> None:
    """Say whether trading is free, why not, and how much of each limit is used."""
    call("risk.status", {}, tables.status, as_json=as_json)


@risk_app.command("halt")
def halt(reason: Reason = "by hand", yes: Yes = False, as_json: AsJson = False) -> None:
    """Let no order through any more, neither in nor out, in every process. Closes nothing."""
    call(
        "risk.halt",
        {"reason": reason},
        tables.state,
        as_json=as_json,
        consent="Let no order through any more, exits of cards included? Stops at the exchange stay.",
        yes=yes,
    )


@risk_app.command("resume")
def resume(
    confirm: Annotated[
        str | None, typer.Option(metavar="WORDS", help='"resume trading"; asked for if left out.')
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Trade on after a halt, a panic, a drawdown, a liquidation or a losing streak."""
    if confirm is None and not as_json and sys.stdin.isatty():
        confirm = typer.prompt("To trade on, type: resume trading", err=True)
    call("risk.resume", {"confirmation": confirm or ""}, tables.state, as_json=as_json)


@risk_app.command("panic")
def panic(
    reason: Reason = "by hand",
    patience: Annotated[float, typer.Option(metavar="SECONDS", help="How long it is tried.")] = 120,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Halt trading, cancel all orders and close all positions at market, until the account is flat."""
    call(
        "risk.panic",
        {"reason": reason, "patience_s": patience},
        tables.panic,
        as_json=as_json,
        well=lambda data: data["report"]["is_flat"],
        consent="Cancel every order and close every position of the account at market, now?",
        yes=yes,
    )


@journal_app.command("tail")
def tail(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run; if left out, what was done by hand.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="How many lines at most.")] = 20,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="decision, order, fill, refusal, error, state, reconciled or candle; may be repeated.",
        ),
    ] = None,
    card: Annotated[str | None, typer.Option(help="Only this card's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the last lines of a journal; all kinds but candles, unless asked for."""
    arguments = {"run": run, "count": count, "kinds": kind, "card": card}
    call("journal.tail", arguments, tables.journal, as_json=as_json)


@notifications_app.command("test")
def send_test(as_json: AsJson = False) -> None:
    """Send a test message to every channel of the environment, and say which have taken it."""
    call(
        "notifications.test",
        {},
        tables.delivered,
        as_json=as_json,
        well=lambda data: all(channel["problem"] is None for channel in data["channels"]),
    )
