"""The menu of `trade` without arguments: the same commands by number, each shown as what one would type.

The menu knows no command: it reads them, their arguments and what the shell would complete from the CLI
itself, puts the line together, shows it, and runs it as if it had been typed.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.prompt import Prompt
from rich.table import Table
from rich.text import Text
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from engine.cli.exit_codes import ExitCode
from engine.cli.screen import output

PROGRAM = "trade"
_MOST_SUGGESTED = 30
# Asked by the command itself, or of no use to somebody who looks at a screen.
_LEFT_OUT = {"help", "as_json", "yes"}


class _Back(Exception):
    """Somebody wants to go one step back."""


def open_menu(context: typer.Context) -> None:
    """Show the menu until somebody leaves it, or the help where there is no terminal to show it on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        typer.echo(context.get_help())
        return
    console = output()
    console.print(Text("TRADE", style="bold"), "Choose by number or name; b goes back, q leaves.")
    try:
        _group(console, context, [])
    except (EOFError, KeyboardInterrupt):
        console.print()


def _group(console: Console, context: typer.Context, path: Sequence[str]) -> None:
    """Show the commands of a group, again and again, until somebody goes back."""
    group = context.command
    assert isinstance(group, TyperGroup)
    commands = group.commands
    names = [name for name in group.list_commands(context) if not commands[name].hidden]
    while True:
        console.print(_listing(path, [(name, commands[name].get_short_help_str(80)) for name in names]))
        try:
            name = _chosen(console, names)
        except _Back:
            return
        command = commands[name]
        inner = typer.Context(command, info_name=name, parent=context)
        try:
            if isinstance(command, TyperGroup):
                _group(console, inner, [*path, name])
            elif isinstance(command, TyperCommand):
                _command(console, context, command, inner, [*path, name])
        except _Back:
            continue


def _command(
    console: Console, context: typer.Context, command: TyperCommand, inner: typer.Context, path: Sequence[str]
) -> None:
    """Ask for what a command needs, show the line it makes, and run it."""
    console.print()
    console.print(Text(" ".join([PROGRAM, *path]), style="bold"))
    console.print(Text((command.help or "").strip()))
    given = _needed(console, command, inner)
    while True:
        arguments = [*path, *_written(command, given)]
        line = shlex.join([PROGRAM, *arguments])
        console.print(Text.assemble(("\n$ ", "dim"), (line, "bold cyan")))
        answer = Prompt.ask(
            "Enter runs it, o sets options, b goes back", console=console, default="", show_default=False
        )
        match answer.strip().lower():
            case "":
                break
            case "o":
                given = _options(console, command, inner, given)
            case "b" | "q":
                raise _Back
    code = _run(context, arguments)
    if code != ExitCode.DONE:
        console.print(Text(f"It ended with exit code {code}.", style="yellow"))
    Prompt.ask("Enter goes on", console=console, default="", show_default=False)


def _run(context: typer.Context, arguments: Sequence[str]) -> int:
    """Run a line as if it had been typed, and return its exit code."""
    root = context.find_root().command
    try:
        root.main(args=list(arguments), prog_name=PROGRAM)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else ExitCode.REFUSED
    return ExitCode.DONE


def _needed(console: Console, command: TyperCommand, inner: typer.Context) -> dict[str, list[str]]:
    """Ask for every argument and option a command does not run without."""
    given: dict[str, list[str]] = {}
    for parameter in _parameters(command):
        if parameter.required:
            while not given.get(_key(parameter)):
                given[_key(parameter)] = _values(console, parameter, inner)
    return given


def _options(
    console: Console, command: TyperCommand, inner: typer.Context, given: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Let somebody set or clear any argument or option, and return what is given then."""
    parameters = {_label(parameter): parameter for parameter in _parameters(command)}
    console.print(
        _listing(
            (), [(name, getattr(parameter, "help", None) or "") for name, parameter in parameters.items()]
        )
    )
    try:
        parameter = parameters[_chosen(console, list(parameters))]
    except _Back:
        return given
    if _is_flag(parameter):
        values = [] if given.get(_key(parameter)) else ["yes"]
    else:
        values = _values(console, parameter, inner)
    return {**given, _key(parameter): values}


def _values(console: Console, parameter: Any, inner: typer.Context) -> list[str]:
    """Ask for the value of a parameter, or its values; what can be completed is offered by number."""
    suggested = [item.value for item in parameter.shell_complete(inner, "")][:_MOST_SUGGESTED]
    console.print(Text.assemble((_label(parameter), "bold"), f"  {getattr(parameter, 'help', None) or ''}"))
    if suggested:
        console.print(_listing((), [(value, "") for value in suggested]))
    takes_many = (
        parameter.multiple or parameter.nargs == -1 if _is_option(parameter) else parameter.nargs == -1
    )
    hint = "values, with spaces between them" if takes_many else "value"
    text = Prompt.ask(hint, console=console, default="", show_default=False).strip()
    words = text.split() if takes_many else [text] if text else []
    return [_numbered(word, suggested) for word in words]


def _numbered(word: str, suggested: Sequence[str]) -> str:
    return suggested[int(word) - 1] if word.isdigit() and 0 < int(word) <= len(suggested) else word


def _written(command: TyperCommand, given: dict[str, list[str]]) -> list[str]:
    """Return the words of the command line: options first, then arguments."""
    options: list[str] = []
    arguments: list[str] = []
    for parameter in _parameters(command):
        values = given.get(_key(parameter), [])
        if not _is_option(parameter):
            arguments += values
        elif _is_flag(parameter):
            options += [parameter.opts[0]] if values else []
        else:
            for value in values:
                options += [parameter.opts[0], value]
    # an argument that begins with a dash would be taken for an option
    ahead = ["--"] if any(value.startswith("-") for value in arguments) else []
    return [*options, *ahead, *arguments] if ahead else [*arguments, *options]


def _chosen(console: Console, names: Sequence[str]) -> str:
    """Ask until a number or a name is one of `names`."""
    while True:
        answer = Prompt.ask("Which", console=console, default="b", show_default=False).strip()
        if answer == "b":
            raise _Back
        if answer == "q":
            raise EOFError
        if answer.isdigit() and 0 < int(answer) <= len(names):
            return names[int(answer) - 1]
        if answer in names:
            return answer
        console.print(f"[red]{escape(answer)}[/red] is none of them: give a number, or b to go back.")


def _listing(path: Sequence[str], rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.title = " ".join([PROGRAM, *path]) if path else None
    table.title_justify = "left"
    for number, (name, text) in enumerate(rows, start=1):
        table.add_row(Text(str(number), style="dim"), Text(name, style="bold"), Text(text))
    return table


def _parameters(command: TyperCommand) -> list[Any]:
    return [
        parameter
        for parameter in command.params
        if parameter.name not in _LEFT_OUT and not getattr(parameter, "hidden", False)
    ]


def _is_option(parameter: Any) -> bool:
    return isinstance(parameter, TyperOption)


def _is_flag(parameter: Any) -> bool:
    return isinstance(parameter, TyperOption) and bool(parameter.is_flag)


def _key(parameter: Any) -> str:
    return str(parameter.name)


def _label(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return str(parameter.metavar or parameter.name).strip("[]…")
    return str(parameter.opts[0])
