"""From a command to a tool and back: settings in, a table, JSON or a failure out, and the exit code."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from engine.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from engine.tools.registry import ToolFailure, ToolResult

NO_CONSENT = "NoConsent"

type Show = Callable[[Console, Any], None]


def now_ms() -> int:
    """Return the wall clock in UTC epoch milliseconds: the one place the CLI reads it."""
    return time.time_ns() // 1_000_000


def configure_logging() -> None:
    """Keep logs and tracebacks off the terminal unless somebody looks for a fault (TRADE_DEBUG=1)."""
    if os.environ.get("TRADE_DEBUG", "") in ("", "0"):
        logging.basicConfig(level=logging.CRITICAL + 1)
        return
    from engine.redaction import RedactingFormatter, Redactor

    handler = logging.StreamHandler()
    line = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(RedactingFormatter(line, Redactor.from_environment(os.environ)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("engine").setLevel(logging.DEBUG)


def call(
    tool: str,
    arguments: Mapping[str, Any],
    show: Show,
    *,
    as_json: bool,
    well: Callable[[Any], bool] | None = None,
    consent: str | None = None,
    yes: bool = False,
) -> None:
    """Run a tool, show its answer and end the command with the exit code that belongs to it.

    Parameters
    ----------
    tool : str
        What to run.
    arguments : mapping
        With what; those that are None are left out, so that the tool's own defaults hold.
    show : callable
        Draws the data on standard output.
    as_json : bool
        Write the whole result as JSON instead; no progress is shown then.
    well : callable, optional
        Whether data stand for success: a tool can answer that something it was asked about is not in order.
    consent : str, optional
        A question that has to be answered with yes first, as "Cancel every order?".
    yes : bool, optional
        The answer, given on the command line.

    Raises
    ------
    typer.Exit
        With 1 if the tool refused or failed or nobody consented, with 2 if its arguments were wrong.
    """
    if consent is not None and not yes:
        _ask(consent, tool, as_json=as_json)
    given = {name: value for name, value in arguments.items() if value is not None}
    result = _execute(tool, given, watched=not as_json)
    if as_json:
        write_json(result.to_plain())
    elif result.error is None:
        from engine.cli.screen import output

        show(output(), result.data)
    if result.error is not None:
        refuse(result.error, said=as_json)
    if well is not None and not well(result.data):
        raise typer.Exit(ExitCode.REFUSED)


def _ask(question: str, tool: str, *, as_json: bool) -> None:
    """Go on only if somebody at the terminal says yes."""
    from engine.tools.registry import ToolFailure, ToolResult

    if not as_json and sys.stdin.isatty() and sys.stderr.isatty():
        if typer.confirm(question, err=True):
            return
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(ExitCode.REFUSED)
    failure = ToolFailure(NO_CONSENT, f"{question} Nobody is here to say yes", "say --yes if it is meant")
    if as_json:
        write_json(ToolResult(tool, error=failure).to_plain())
    refuse(failure, said=as_json)


def write_json(data: Any) -> None:
    """Write plain data as JSON on standard output."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def refuse(failure: ToolFailure, *, said: bool = False) -> NoReturn:
    """Show a failure, unless that was `said` already, and end the command with the exit code of its kind."""
    from engine.cli import screen
    from engine.tools.registry import BAD_ARGUMENTS

    if not said:
        screen.messages().print(screen.failure(failure.message, failure.way_out), soft_wrap=True)
    raise typer.Exit(ExitCode.USAGE if failure.kind == BAD_ARGUMENTS else ExitCode.REFUSED)


def show_fault(error: Exception) -> None:
    """Show a fault of the program."""
    from engine.cli import screen
    from engine.redaction import Redactor
    from engine.tools.registry import internal_fault

    fault = internal_fault(error)
    message = Redactor.from_environment(os.environ).text(fault.message)
    screen.messages().print(screen.failure(message, fault.way_out), soft_wrap=True)


def _execute(tool: str, arguments: Mapping[str, Any], *, watched: bool) -> ToolResult:
    from engine.errors import TradeError
    from engine.redaction import Redactor
    from engine.settings import TradeSettings
    from engine.tools.catalogue import full_registry
    from engine.tools.file_access import FileAccess
    from engine.tools.registry import ToolContext, ToolFailure, ToolResult

    try:
        registry = full_registry()
        settings = TradeSettings.from_environment(os.environ)
    except TradeError as error:
        return ToolResult(tool, error=ToolFailure.of(error))
    redactor = Redactor.from_environment(os.environ)
    if not watched:
        context = ToolContext(settings, now_ms, files=FileAccess.ANYWHERE, redactor=redactor)
        return registry.execute(tool, arguments, context)

    from engine.cli.screen import messages
    from engine.cli.watching import watch

    with watch(messages()) as progress:
        context = ToolContext(settings, now_ms, progress, FileAccess.ANYWHERE, redactor)
        return registry.execute(tool, arguments, context)
