"""`trade tools` and `trade mcp`: the tools behind every command, for people, scripts and agents."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import completing
from engine.cli.arguments import AsJson, Yes
from engine.cli.calling import call, now_ms, refuse, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from engine.tools.mcp.permissions import Permissions

tools_app = typer.Typer(
    help="The tools behind every command: find them, look at one, call one.", no_args_is_help=True
)
mcp_app = typer.Typer(help="The same tools for agents (Model Context Protocol).", no_args_is_help=True)

ToolName = Annotated[
    str, typer.Argument(metavar="NAME", help="As cards.list.", autocompletion=completing.tools)
]


@tools_app.command("list")
def tools_list(
    category: Annotated[
        str | None,
        typer.Argument(
            metavar="[CATEGORY]", help="Only these, as data.", autocompletion=completing.tool_categories
        ),
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Only those with all these words.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tools: what they do, change and cost."""
    call("tools.list", {"category": category, "search": search}, _show_list, as_json=as_json)


@tools_app.command("show")
def tools_show(name: ToolName, as_json: AsJson = False) -> None:
    """Show one tool with its arguments."""
    call("tools.show", {"name": name}, _show_tool, as_json=as_json)


@tools_app.command("call")
def tools_call(
    name: ToolName,
    json_args: Annotated[
        str, typer.Option("--json-args", metavar="JSON", help='Its arguments, as {"card": "trend_pullback"}.')
    ] = "{}",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Call a tool with arguments in JSON. What changes something or trades asks first."""
    arguments = _arguments(json_args)
    call(name, arguments, _show_data, as_json=as_json, consent=_question(name), yes=yes)


@mcp_app.command("serve")
def mcp_serve(
    http: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="On loopback at this port; 0 picks a free one.", min=0, max=65535),
    ] = None,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Enable the tools that change stored data and cards.")
    ] = False,
    allow_trading: Annotated[
        bool, typer.Option("--allow-trading", help="Enable the tools that send orders.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the tools to an agent: over standard input and output, or over HTTP on loopback. Ctrl-C ends it.

    Reading and computing is always possible; what writes or trades only if it is enabled here.
    """
    from engine.errors import TradeError
    from engine.redaction import Redactor
    from engine.settings import TradeSettings
    from engine.tools.catalogue import full_registry
    from engine.tools.mcp.permissions import Permissions
    from engine.tools.mcp.server import McpFace, build_server
    from engine.tools.mcp.serving import serve_http, serve_stdio
    from engine.tools.registry import ToolContext, ToolFailure

    try:
        redactor = Redactor.from_environment(os.environ)
        context = ToolContext(TradeSettings.from_environment(os.environ), now_ms, redactor=redactor)
        face = McpFace(full_registry(), context, Permissions(allow_writes, allow_trading))
        if http is None:
            serve_stdio(build_server(face))
        else:
            serve_http(build_server(face), http, lambda url: _say_where(url, face.permissions, as_json))
    except TradeError as error:
        refuse(ToolFailure.of(error))


def _say_where(url: str, permissions: Permissions, as_json: bool) -> None:
    if as_json:
        write_json({"url": url, **asdict(permissions)})
        return
    from engine.cli.screen import output

    enabled = [
        *(["writing"] if permissions.allow_writes else []),
        *(["trading"] if permissions.allow_trading else []),
    ]
    console = output()
    console.print(f"The tools are served to agents at {url}   (Ctrl-C ends it)")
    console.print(f"Enabled: reading, computing{''.join(f', {each}' for each in enabled)}")


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"this is no JSON: {error}", param_hint="--json-args") from None
    if not isinstance(arguments, dict):
        raise typer.BadParameter(
            'arguments are an object, as {"card": "trend_pullback"}', param_hint="--json-args"
        )
    return arguments


def _question(name: str) -> str | None:
    from engine.errors import ConfigurationError
    from engine.tools.catalogue import full_registry

    try:
        spec = full_registry().get(name)
    except ConfigurationError:  # the call will say so
        return None
    return f"{name}: {spec.description} Do it?" if spec.needs_consent else None


def _show_list(console: Console, data: dict[str, Any]) -> None:
    from engine.cli.tables import new_table

    table = new_table("Tool", "Changes", "Takes", "What it does")
    table.columns[3].no_wrap = False
    for tool in data["tools"]:
        table.add_row(tool["name"], _changes(tool), tool["cost"], tool["description"])
    console.print(table)


def _show_tool(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    from engine.cli.tables import facts, new_table

    console.print(Text(data["name"], style="bold"))
    grows = f", grows with {data['grows_with']}" if data["grows_with"] else ""
    console.print(
        facts(
            [("Does", data["description"]), ("Changes", _changes(data)), ("Takes", f"{data['cost']}{grows}")]
        )
    )
    schema = data["input_schema"]
    table = new_table("Argument", "Needed", "Default", "What it is")
    table.columns[3].no_wrap = False
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in schema.get("required", ()) else ""
        default = json.dumps(field["default"]) if field.get("default") not in (None, [], {}) else ""
        table.add_row(name, needed, default, field.get("description", ""))
    if schema.get("properties"):
        console.print(table)


def _show_data(console: Console, data: Any) -> None:
    console.print_json(data=data)


def _changes(tool: dict[str, Any]) -> str:
    return f"{tool['side_effect']}, destructive" if tool["is_destructive"] else tool["side_effect"]
