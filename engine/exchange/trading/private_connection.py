"""One connection to Bybit's private stream: signed in, subscribed, watched."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from engine.exchange.connection import StreamConnection, StreamLost
from engine.exchange.timing import Timing
from engine.exchange.trading.environment import ApiCredentials

# Until when the signature counts, from now; Bybit compares it with its own clock.
_EXPIRES_IN_MS = 10_000
_ANSWER_S = 10.0


class SignInRefused(Exception):
    """The exchange does not let this key in. Never leaves the package."""


class PrivateConnection(StreamConnection):
    """An open connection to the private stream, as a context manager; on entering it is subscribed for sure.

    Parameters
    ----------
    url : str
        As of `environment.private_stream_url`.
    topics : sequence of str
        For example "order", "execution".
    credentials : ApiCredentials
        The account's key.
    server_ms : callable
        The exchange's clock, epoch milliseconds.
    silence_s : float
        After so many seconds without any message the connection counts as lost; a ping is sent before.
    timing : Timing
        The clock.

    Raises
    ------
    StreamLost
        On entering, if there is no connection or no answer.
    SignInRefused
        On entering, if the exchange refuses the key or a topic.
    """

    def __init__(
        self,
        url: str,
        topics: Sequence[str],
        *,
        credentials: ApiCredentials,
        server_ms: Callable[[], int],
        silence_s: float,
        timing: Timing,
    ) -> None:
        super().__init__(url, topics, silence_s=silence_s, timing=timing)
        self._credentials = credentials
        self._server_ms = server_ms
        self._early: deque[dict[str, Any]] = deque()

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message with a topic; None if there is none within `timeout_s`.

        Raises
        ------
        StreamLost
            If the connection is gone or was silent for too long, or the message is none of Bybit's.
        """
        return self._early.popleft() if self._early else super().receive(timeout_s)

    def _greet(self) -> None:
        expires_ms = self._server_ms() + _EXPIRES_IN_MS
        signature = hmac.new(
            self._credentials.api_secret.encode(), f"GET/realtime{expires_ms}".encode(), hashlib.sha256
        ).hexdigest()
        self._send({"op": "auth", "args": [self._credentials.api_key, expires_ms, signature]})
        self._await("auth")
        super()._greet()
        self._await("subscribe")

    def _await(self, operation: str) -> None:
        """Wait until the exchange has taken what was asked; keep what it tells meanwhile."""
        until_s = self._timing.monotonic_s() + _ANSWER_S
        while (left_s := until_s - self._timing.monotonic_s()) > 0:
            message = self._next(left_s)
            if message is None:
                continue
            if "topic" in message:
                self._early.append(message)
            elif message.get("op") == operation:
                if message.get("success") is not True:
                    said = message.get("ret_msg") or message.get("retMsg") or "no reason is given"
                    raise SignInRefused(f"{operation}: {said}")
                return
        raise StreamLost(f"no answer to {operation}")
