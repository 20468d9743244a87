"""The server: tools and documents of the registry, in the words of the Model Context Protocol."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import anyio
from anyio.from_thread import run_sync as run_in_loop
from anyio.lowlevel import current_token
from anyio.streams.memory import MemoryObjectSendStream
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)

from engine.errors import TradeError
from engine.tools.cost import CostScale
from engine.tools.mcp.guide import guide
from engine.tools.mcp.permissions import Permissions, by_wire_name, wire_name
from engine.tools.mcp.progress import RemoteProgress, Step
from engine.tools.mcp.resources import Document, documents
from engine.tools.registry import (
    UNKNOWN_TOOL,
    SideEffect,
    ToolContext,
    ToolFailure,
    ToolRegistry,
    ToolResult,
    ToolSpec,
)

log = logging.getLogger(__name__)

NOT_ENABLED = "NotEnabled"
TOO_LONG = "AnswerTooLong"

MOST_CHARACTERS = 400_000
"""Of one answer as JSON: more would fill an agent's context and be of no use to it."""

_READERS = 4
_STEPS_WAITING = 64


@dataclass(frozen=True)
class McpFace:
    """The registry as agents see it.

    Parameters
    ----------
    registry : ToolRegistry
        The tools.
    context : ToolContext
        Settings, clock and redactor of every call.
    permissions : Permissions
        What may be called.
    """

    registry: ToolRegistry
    context: ToolContext
    permissions: Permissions

    def tools(self) -> list[Tool]:
        """Return the tools that may be called, as the protocol describes them."""
        return [_described(spec) for spec in self.registry.list() if self.permissions.admits(spec)]

    def call(self, name: str, arguments: dict[str, Any], progress: RemoteProgress) -> ToolResult:
        """Run a tool by the name agents call it. Never raises."""
        spec = by_wire_name(self.registry).get(wire_name(name))
        if spec is None:
            way_out = "tools_list finds tools by category and by words"
            failure = ToolFailure(UNKNOWN_TOOL, f"there is no tool called {name!r}", way_out)
            return ToolResult(name, error=failure)
        option = self.permissions.missing_for(spec)
        if option is not None:
            failure = ToolFailure(
                NOT_ENABLED,
                f"{name} can {'trade' if spec.side_effect is SideEffect.TRADE else 'change things'}, which "
                "nobody enabled here",
                f"a person has to start the server with {option}",
            )
            return ToolResult(name, error=failure)
        inside = replace(self.context, progress=progress, files=self.permissions.files)
        return self.registry.execute(spec.name, arguments, inside)

    def documents(self) -> dict[str, Document]:
        """Return what can be read now, by its address."""
        settings = self.context.settings
        return documents(settings, guide(self.permissions, settings))

    def read(self, uri: str) -> tuple[Document, str]:
        """Return a document and its text, without secrets.

        Raises
        ------
        MCPError
            If there is no such document, or it cannot be read.
        """
        document = self.documents().get(uri)
        if document is None:
            raise MCPError(INVALID_PARAMS, f"there is no document {uri!r}: list the resources")
        try:
            return document, self.context.redactor.text(document.read())
        except (OSError, TradeError) as error:
            log.debug("%s cannot be read", uri, exc_info=True)
            raise MCPError(INVALID_PARAMS, f"{uri} cannot be read: {type(error).__name__}") from None


def build_server(face: McpFace) -> Server[dict[str, Any]]:
    """Return a server over `face`; what runs it decides how it is reached.

    Calls run in threads, so that a long one leaves the server free.
    """
    lanes = _Lanes()

    async def list_tools(
        _context: ServerRequestContext[dict[str, Any]], _asked: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=face.tools(), ttl_ms=0, cache_scope="private")

    async def call_tool(
        context: ServerRequestContext[dict[str, Any]], asked: CallToolRequestParams
    ) -> CallToolResult:

        def run(progress: RemoteProgress) -> ToolResult:
            return face.call(asked.name, asked.arguments or {}, progress)

        lane = lanes.of(by_wire_name(face.registry).get(wire_name(asked.name)))
        return _answer(await _watched(run, context.session.report_progress, lane))

    async def list_resources(
        _context: ServerRequestContext[dict[str, Any]], _asked: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        found = await anyio.to_thread.run_sync(face.documents)
        resources = [
            Resource(uri=each.uri, name=each.name, description=each.description, mime_type=each.mime_type)
            for each in found.values()
        ]
        return ListResourcesResult(resources=resources, ttl_ms=0, cache_scope="private")

    async def read_resource(
        _context: ServerRequestContext[dict[str, Any]], asked: ReadResourceRequestParams
    ) -> ReadResourceResult:
        document, text = await anyio.to_thread.run_sync(face.read, str(asked.uri))
        contents = TextResourceContents(uri=document.uri, mime_type=document.mime_type, text=text)
        return ReadResourceResult(contents=[contents], ttl_ms=0, cache_scope="private")

    return Server(
        "trade",
        title="TRADE",
        instructions=guide(face.permissions, face.context.settings),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


class _Lanes:
    """Who waits for whom: what writes goes one by one, some that read go side by side.

    What trades goes one by one within its category: orders wait for orders, and a panic waits for no order.
    What runs until it is stopped keeps nobody waiting.
    """

    def __init__(self) -> None:
        self._reading = anyio.CapacityLimiter(_READERS)
        self._changing: dict[str, anyio.CapacityLimiter] = {}

    def of(self, spec: ToolSpec[Any] | None) -> anyio.CapacityLimiter:
        """Return the lane of a tool; of one that is not there, that of those that read."""
        if spec is None or not spec.needs_consent:
            return self._reading
        if spec.cost.scale is CostScale.UNTIL_STOPPED:
            return anyio.CapacityLimiter(1)
        lane = spec.category if spec.side_effect is SideEffect.TRADE else spec.side_effect.value
        return self._changing.setdefault(lane, anyio.CapacityLimiter(1))


async def _watched(
    run: Callable[[RemoteProgress], ToolResult],
    report: Callable[..., Any],
    lane: anyio.CapacityLimiter,
) -> ToolResult:
    """Run a call in a thread, pass its steps on as they come, and stop it if nobody waits any more."""
    cancelled = threading.Event()
    token = current_token()
    steps, waiting = anyio.create_memory_object_stream[Step](_STEPS_WAITING)

    def send(step: Step) -> None:
        run_in_loop(_put, steps, step, token=token)

    async def note_the_end() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async def pass_on() -> None:
        async for step in waiting:
            await report(step.done, step.total, step.message)

    async with waiting, anyio.create_task_group() as group:
        group.start_soon(note_the_end)
        group.start_soon(pass_on)
        # the thread cannot be stopped from outside: it is waited for, and stops itself at its next step
        result = await anyio.to_thread.run_sync(run, RemoteProgress(send, cancelled), limiter=lane)
        steps.close()
        group.cancel_scope.cancel()
    return result


def _put(steps: MemoryObjectSendStream[Step], step: Step) -> None:
    """Leave a step to be passed on; whoever reads too slowly misses some."""
    try:
        steps.send_nowait(step)
    except (anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
        log.debug("a step of progress was dropped")


def _answer(result: ToolResult) -> CallToolResult:
    plain = result.to_plain()
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    if len(text) > MOST_CHARACTERS:
        failure = ToolFailure(
            TOO_LONG,
            f"{result.tool} answers with {len(text):,} characters, more than the {MOST_CHARACTERS:,} of one "
            "answer",
            "ask for less: a window of time, one symbol, fewer rows",
        )
        return _answer(ToolResult(result.tool, error=failure, elapsed_ms=result.elapsed_ms))
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=plain, is_error=not result.ok
    )


def _described(spec: ToolSpec[Any]) -> Tool:
    changes = spec.side_effect in (SideEffect.WRITE, SideEffect.TRADE)
    return Tool(
        name=wire_name(spec.name),
        title=spec.name,
        description=f"{spec.description} Takes: {spec.cost}.",
        input_schema=spec.input_schema(),
        annotations=ToolAnnotations(
            title=spec.name,
            read_only_hint=spec.side_effect is SideEffect.READ,
            destructive_hint=changes and (spec.is_destructive or spec.side_effect is SideEffect.TRADE),
        ),
    )
