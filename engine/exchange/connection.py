"""One connection to Bybit's public stream, which is dead when nothing has been heard for a while.

Not pybit's: its reconnecting uses up its attempts within a moment, or loops without a pause, in a thread
of its own that dies without a word; `is_connected` is then false for ever and nobody is told. Here
whoever reads notices.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from engine.exchange.session import is_loopback
from engine.exchange.timing import Timing

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 1.0
# Bybit wants to hear a ping every 20 seconds, and answers it.
_PING_EVERY_S = 15.0
_PUBLIC_PATH = "/v5/public/linear"


class StreamLost(Exception):
    """The connection is gone, or silent for too long, or says what cannot be. Never leaves the package."""


class TopicRefused(Exception):
    """The exchange does not have a topic. Never leaves the package."""


def stream_url(base_url: str) -> str:
    """Return the address of the public stream of the exchange whose API is at `base_url`."""
    parts = urlsplit(base_url)
    if is_loopback(base_url):
        return f"ws://{parts.netloc}{_PUBLIC_PATH}"
    # api.bybit.com has its stream at stream.bybit.com; the demo's public data are the live ones
    host = (parts.hostname or "").replace("api-demo", "api").replace("api", "stream", 1)
    return f"wss://{host}{_PUBLIC_PATH}"


class StreamConnection:
    """An open connection with its subscriptions, as a context manager.

    Parameters
    ----------
    url : str
        As of `stream_url`.
    topics : sequence of str
        For example "kline.15.BTCUSDT".
    silence_s : float
        After so many seconds without any message the connection counts as lost; a ping is sent before.
    timing : Timing
        The clock.

    Raises
    ------
    StreamLost
        On entering, if there is no connection.
    """

    def __init__(self, url: str, topics: Sequence[str], *, silence_s: float, timing: Timing) -> None:
        self._url = url
        self._topics = list(topics)
        self._silence_s = silence_s
        self._ping_every_s = min(_PING_EVERY_S, silence_s / 2)
        self._timing = timing
        self._heard_s = self._pinged_s = timing.monotonic_s()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._socket = self._open.enter_context(
                connect(
                    self._url,
                    open_timeout=_OPEN_TIMEOUT_S,
                    close_timeout=_CLOSE_TIMEOUT_S,
                    ping_interval=None,
                    proxy=None if is_loopback(self._url) else True,
                )
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise StreamLost(f"no connection: {error}") from None
        self._heard_s = self._pinged_s = self._timing.monotonic_s()
        with ExitStack() as on_failure:
            on_failure.callback(self._open.close)
            self._greet()
            on_failure.pop_all()
        return self

    def _greet(self) -> None:
        """Say what is wanted, on a connection that has just been opened."""
        self._send({"op": "subscribe", "args": self._topics})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message with a topic; None if there is none within `timeout_s`.

        Raises
        ------
        StreamLost
            If the connection is gone or was silent for too long, or the message is none of Bybit's.
        TopicRefused
            If the exchange has refused the subscription.
        """
        message = self._next(timeout_s)
        if message is None:
            return None
        if message.get("op") == "subscribe" and not message.get("success"):
            raise TopicRefused(str(message.get("ret_msg")))
        return message if "topic" in message else None

    def _next(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message of any kind; None if there is none within `timeout_s`."""
        try:
            text = self._socket.recv(timeout=timeout_s)
        except TimeoutError:
            self._keep_alive()
            return None
        except (OSError, WebSocketException) as error:
            raise StreamLost(f"the connection is gone: {error}") from None
        self._heard_s = self._timing.monotonic_s()
        self._keep_alive()
        try:
            message = json.loads(text)
        except ValueError:
            raise StreamLost("a message is not JSON") from None
        if not isinstance(message, dict):
            raise StreamLost("a message is not an object")
        return message

    def _keep_alive(self) -> None:
        now_s = self._timing.monotonic_s()
        if now_s - self._heard_s > self._silence_s:
            raise StreamLost(f"nothing was heard for {now_s - self._heard_s:.0f} seconds")
        if now_s - self._pinged_s > self._ping_every_s:
            self._pinged_s = now_s
            self._send({"op": "ping"})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._socket.send(json.dumps(message))
        except (OSError, WebSocketException) as error:
            raise StreamLost(f"the connection is gone: {error}") from None
