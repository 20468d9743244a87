"""`trade live`: run cards in shadow, on demo and live; look at runs, end them, compare with the backtest."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import typer

from engine.cli import completing
from engine.cli.arguments import AsJson, Symbols
from engine.cli.calling import call

live_app = typer.Typer(
    help="Run cards on candles as they close: in shadow, on a demo account, live.", no_args_is_help=True
)

RunName = Annotated[str, typer.Argument(metavar="RUN", help="The run's name, as trade live list shows it.")]
CardFiles = Annotated[
    list[str] | None,
    typer.Option("--card", help="YAML file of a card that is in no folder; may be repeated."),
]


@live_app.command("start")
def start(
    cards: Annotated[
        list[str],
        typer.Argument(metavar="CARD…", help="Ids or YAML files.", autocompletion=completing.cards),
    ],
    mode: Annotated[
        str, typer.Option(metavar="shadow|demo|live", help="Simulated fills, or an account at the exchange.")
    ] = "shadow",
    symbol: Symbols = None,
    minutes: Annotated[
        float | None, typer.Option("--for", metavar="MINUTES", help="End after so long; if left out, Ctrl-C.")
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(help="Live only: the phrase that is asked for otherwise.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run cards until Ctrl-C; goes on where the run was left. Shows how it stands while it runs."""
    from engine.cli import live_tables

    if mode == "live" and confirm is None and sys.stdin.isatty():
        confirm = typer.prompt("Real money is traded. Type: trade CARD-ID… live")
    arguments = {
        "cards": cards, "mode": mode, "symbols": symbol, "for_minutes": minutes, "confirmation": confirm,
    }  # fmt: skip
    with _ended_by_signal(), _screen(shown=not as_json and sys.stdout.isatty()):
        call("live.run", arguments, live_tables.ended, as_json=as_json)


@live_app.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """List the runs there are, and which of them are going on."""
    from engine.cli import live_tables

    call("live.list", {}, live_tables.runs, as_json=as_json)


@live_app.command("status")
def status(run: RunName, as_json: AsJson = False) -> None:
    """Say how a run stands: positions, PnL, next close, how near each rule is, limits used."""
    from engine.cli import live_tables

    call("live.status", {"run": run}, live_tables.status, as_json=as_json)


@live_app.command("stop")
def stop(run: RunName, as_json: AsJson = False) -> None:
    """Ask a run to end. Positions stay, with their brackets at the exchange."""
    from engine.cli import live_tables

    call("live.stop", {"run": run}, live_tables.stopping, as_json=as_json)


@live_app.command("parity")
def parity(run: RunName, card: CardFiles = None, as_json: AsJson = False) -> None:
    """Replay what a run has seen through the backtest, and say where they differ."""
    from engine.cli import live_tables

    call(
        "live.parity",
        {"run": run, "cards": card},
        live_tables.parity,
        as_json=as_json,
        well=lambda data: all(leg["agrees"] for leg in data["legs"]),
    )


@live_app.command("evidence")
def evidence(run: RunName, card: CardFiles = None, as_json: AsJson = False) -> None:
    """Write what a shadow run shows, for promotion to read."""
    from engine.cli import live_tables

    call("live.evidence", {"run": run, "cards": card}, live_tables.evidence, as_json=as_json)


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Let SIGTERM end a run the way Ctrl-C does: in order."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _screen(*, shown: bool) -> Iterator[None]:
    """Draw the status of the run of this process, once a second, while it goes on."""
    if not shown:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_draw, args=(done,), name="screen", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=2.0)


def _draw(done: threading.Event) -> None:
    from rich.live import Live

    from engine.cli import live_tables
    from engine.cli.screen import output
    from engine.live.run_folder import run_folders, runs_root
    from engine.live.status import read_status
    from engine.settings import TradeSettings

    root = runs_root(TradeSettings.from_environment(os.environ))
    with Live(console=output(), refresh_per_second=2, transient=True) as live:
        while not done.wait(1.0):
            for folder in run_folders(root):
                known: dict[str, Any] | None = read_status(folder.path)
                if known is not None and known["process_id"] == os.getpid():
                    live.update(live_tables.standing({"run": folder.path.name, **known}))
