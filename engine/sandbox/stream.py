"""A WebSocket of Bybit's: operations, subscriptions and pushed messages of one connection.

What the topics say is given as a function from a topic to its feed, so that the private stream is another
function and one more operation.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.sandbox.connections import OpenConnections
from engine.sandbox.exchange_state import ExchangeState
from engine.sandbox.faults import (
    ClosedStream,
    DroppedStream,
    LateMessage,
    RepeatedMessage,
    StalledStream,
)
from engine.sandbox.public_topics import Feed, Message, UnknownTopic

OpenFeed = Callable[[str, int], Feed]
"""Gives the feed of a topic subscribed to at a moment; raises UnknownTopic."""

_LONGEST_ARGS = 21_000  # characters
_TICK_S = 0.01  # how often the clock is looked at
# A subscription is acknowledged no sooner than over any network: pybit notes its id after it has sent it, and
# a thread of it dies of an acknowledgement that comes before
_TURNAROUND_S = 0.005


class Stream:
    """One connection, from its opening to its end.

    Parameters
    ----------
    websocket : WebSocket
        The connection, not accepted yet.
    path : str
        The path it came over; faults and the log go by it.
    state : ExchangeState
        The exchange.
    connections : OpenConnections
        Where connections are dropped.
    open_feed : OpenFeed
        What can be subscribed to.
    """

    def __init__(
        self,
        websocket: WebSocket,
        path: str,
        state: ExchangeState,
        connections: OpenConnections,
        open_feed: OpenFeed,
    ) -> None:
        self._websocket = websocket
        self._path = path
        self._state = state
        self._connections = connections
        self._open_feed = open_feed
        self._feeds: dict[str, Feed] = {}
        self._connection_id = uuid4().hex
        self._is_stalled = False
        self._stalling: asyncio.Task[None] | None = None
        self._late: Message | None = None
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        await self._websocket.accept()
        loop = asyncio.get_running_loop()
        self._state.streams.opened(id(self), lambda: loop.call_soon_threadsafe(self._moved.set))
        pushing = asyncio.create_task(self._push())
        try:
            while True:
                await self._answer(await self._websocket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            # gone, or ended by this side: nothing more can be received
            pass
        finally:
            self._state.streams.closed(id(self))
            for task in (pushing, self._stalling):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _answer(self, text: str) -> None:
        try:
            request = json.loads(text)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            await self._send(self._acknowledgement({}, "", "the request is not a JSON object"))
            return
        await self._operate(str(request.get("op", "")), request)

    async def _operate(self, operation: str, request: dict[str, Any]) -> None:
        """Do what a request asks for, and answer it."""
        match operation:
            case "ping":
                await self._send(self._acknowledgement(request, operation, "", said="pong"))
            case "subscribe":
                await self._subscribe(request)
            case "unsubscribe":
                for topic in _topics(request):
                    self._feeds.pop(topic, None)
                await self._send(self._acknowledgement(request, operation, ""))
            case _:
                await self._send(self._acknowledgement(request, operation, f"unknown op: {operation}"))

    async def _subscribe(self, request: dict[str, Any]) -> None:
        """Open the feeds of a request, all or none, and acknowledge it before any of them speaks."""
        topics = _topics(request)
        now_ms = self._state.clock()
        opened: dict[str, Feed] = {}
        problem = "" if topics else "args is empty"
        if len(json.dumps(topics)) > _LONGEST_ARGS:
            problem = f"args is longer than {_LONGEST_ARGS} characters"
        for topic in topics:
            if problem:
                break
            if topic in self._feeds:
                problem = f"error:already subscribed,topic:{topic}"
                break
            try:
                opened[topic] = self._open_feed(topic, now_ms)
            except UnknownTopic:
                problem = f"Invalid topic: {topic}"
        await asyncio.sleep(_TURNAROUND_S)
        await self._send(self._acknowledgement(request, "subscribe", problem))
        if not problem:
            self._feeds |= opened

    def _acknowledgement(
        self, request: dict[str, Any], operation: str, problem: str, *, said: str = ""
    ) -> Message:
        """Return the answer to an operation: it failed if there is a problem, which it then names."""
        return {
            "success": not problem,
            "ret_msg": problem or said,
            "conn_id": self._connection_id,
            "req_id": str(request.get("req_id", "")),
            "op": operation,
        }

    async def _push(self) -> None:
        """Say what the feeds have to say whenever the clock has moved on or a feed is new."""
        seen: tuple[int, int, frozenset[str]] | None = None
        while True:
            calls = self._state.streams.calls
            now_ms, feeds = self._state.clock(), dict(self._feeds)
            due = (now_ms, self._revision(), frozenset(feeds))
            if seen != due:
                seen = due
                for feed, message in await run_in_threadpool(self._said, feeds, now_ms):
                    if self._feeds.get(str(message["topic"])) is feed:
                        await self._deliver(message)
            self._state.streams.told(id(self), calls)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), _TICK_S)
            self._moved.clear()

    def _said(self, feeds: Mapping[str, Feed], now_ms: int) -> list[tuple[Feed, Message]]:
        """Return what the feeds have to say, in the order in which it is sent."""
        return [(feed, message) for feed in feeds.values() for message in feed.messages(now_ms)]

    def _revision(self) -> int:
        """Return a number that changes when feeds have something to say though the clock stands still."""
        return 0

    async def _deliver(self, message: Message) -> None:
        """Send a message as the fault it meets lets it through; what falls into a stall is lost."""
        if self._is_stalled:
            return
        fault = self._state.next_message(self._path, str(message["topic"]))
        match fault:
            case DroppedStream():
                self._connections.drop(self._websocket.scope)
                return
            case ClosedStream(code=code):
                self._feeds.clear()
                await self._websocket.close(code)
                return
            case StalledStream(seconds=seconds):
                self._stalling = asyncio.create_task(self._stall(seconds))
                return
            case LateMessage() if self._late is None:
                self._late = message
                return
        await self._send(message)
        if isinstance(fault, RepeatedMessage):
            await self._send(message)
        if self._late is not None:
            late, self._late = self._late, None
            await self._send(late)

    async def _stall(self, seconds: float) -> None:
        """Say and hear nothing for a while: not even the pings of the client are answered."""
        self._is_stalled = True
        self._connections.pause(self._websocket.scope)
        await asyncio.sleep(seconds)
        self._connections.resume(self._websocket.scope)
        self._is_stalled = False

    async def _send(self, message: Message) -> None:
        if not self._is_stalled:
            await self._websocket.send_text(json.dumps(message, separators=(",", ":")))


def _topics(request: dict[str, Any]) -> list[str]:
    topics = request.get("args")
    return [str(topic) for topic in topics] if isinstance(topics, list) else []
