"""The private stream: authentication, and the topics of one account.

Messages and rules as in bybit-exchange/docs, `docs/v5/ws/connect` and `docs/v5/websocket/private`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

from engine.sandbox.connections import OpenConnections
from engine.sandbox.exchange_state import ExchangeState
from engine.sandbox.faults import AUTH_PATH, PRIVATE_STREAM_PATH, RefusedAuth
from engine.sandbox.private.authentication import refuse_forged_stream
from engine.sandbox.private.refusal import Refusal
from engine.sandbox.private.terms import Topic
from engine.sandbox.public_topics import Feed, Message, UnknownTopic
from engine.sandbox.stream import Stream

_WATCHED_TOPICS = ("dcp", "dcp.future", "dcp.linear")


class PrivateFeed:
    """One topic of one connection: what happens to the account from the subscription on.

    Parameters
    ----------
    topic : str
        "order", "execution", "position" or "wallet", or one of them with ".linear".
    """

    def __init__(self, topic: str, state: ExchangeState, key: str) -> None:
        self._topic = topic
        self._kind = Topic(topic.removesuffix(".linear"))
        self._state = state
        self._key = key
        with state.desk.at_now():
            self._told = state.desk.account(key).pushed

    def messages(self, now_ms: int) -> list[Message]:  # noqa: ARG002 - the desk has a clock of its own
        """Return what has happened since the last call, oldest first."""
        with self._state.desk.at_now():
            account = self._state.desk.account(self._key)
            pushes = account.pushes_after(self._told)
            self._told = account.pushed
            return [
                {
                    "id": f"{account.user_id}_{push.sequence}",
                    "topic": self._topic,
                    "creationTime": push.ts_ms,
                    "data": [push.row],
                }
                for push in pushes
                if push.topic is self._kind
            ]


class SilentFeed:
    """A topic that says nothing: subscribing to it is what counts."""

    def messages(self, now_ms: int) -> list[Message]:  # noqa: ARG002 - it is one of the feeds
        """Return nothing."""
        return []


class PrivateStream(Stream):
    """One private connection: nothing but authentication and pings before it is authenticated."""

    def __init__(self, websocket: WebSocket, state: ExchangeState, connections: OpenConnections) -> None:
        super().__init__(websocket, PRIVATE_STREAM_PATH, state, connections, self._open_private)
        self._key: str | None = None
        self._is_watched = False

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        try:
            await super().run()
        finally:
            self._watched(is_there=False)

    async def _operate(self, operation: str, request: dict[str, Any]) -> None:
        match operation:
            case "auth":
                await self._authenticate(request)
            case "ping":
                stamp = str(self._state.clock())
                await self._send(
                    {
                        "req_id": str(request.get("req_id", "")),
                        "op": "pong",
                        "args": [stamp],
                        "conn_id": self._connection_id,
                    }
                )
            case "subscribe" | "unsubscribe" if self._key is None:
                await self._send(self._acknowledgement(request, operation, "Request not authorized"))
            case _:
                await super()._operate(operation, request)

    async def _authenticate(self, request: dict[str, Any]) -> None:
        problem = ""
        args = request.get("args")
        key, expires, signature = args if isinstance(args, list) and len(args) == 3 else ("", None, None)
        try:
            if isinstance(self._state.next_message(AUTH_PATH, str(key)), RefusedAuth):
                raise Refusal(10003, "API key is invalid.")
            secret = self._state.desk.secret_of(str(key))
            refuse_forged_stream(expires, signature, secret, self._state.signing_clocks_ms)
            self._key = str(key)
        except Refusal as refusal:
            problem = refusal.message
        await self._send(self._acknowledgement(request, "auth", problem))

    def _open_private(self, topic: str, now_ms: int) -> Feed:  # noqa: ARG002 - all is told from now on
        if self._key is None:
            raise UnknownTopic(topic)
        if topic in _WATCHED_TOPICS:
            self._watched(is_there=True)
            return SilentFeed()
        if topic.removesuffix(".linear") not in tuple(Topic):
            raise UnknownTopic(topic)
        return PrivateFeed(topic, self._state, self._key)

    def _watched(self, *, is_there: bool) -> None:
        """Note that this connection is watched for its client's absence, or that a watched one is gone."""
        if self._key is None or self._is_watched is is_there:
            return
        self._is_watched = is_there
        self._state.desk.watch(self._key, 1 if is_there else -1)

    def _said(self, feeds: Mapping[str, Feed], now_ms: int) -> list[tuple[Feed, Message]]:
        """Return what has happened in the order in which it did, whatever the topics."""
        with self._state.desk.at_now():
            said = super()._said(feeds, now_ms)
        return sorted(said, key=lambda one: int(str(one[1]["id"]).rpartition("_")[2]))

    def _revision(self) -> int:
        return 0 if self._key is None else self._state.desk.account(self._key).pushed
