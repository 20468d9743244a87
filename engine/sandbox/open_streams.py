"""The open streams of the server, so that who moves the clock can wait until they have told of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LONGEST_WAIT_S = 5.0


class OpenStreams:
    """Which streams are open, and up to which moment each has said what it had to. Threads may share it."""

    def __init__(self) -> None:
        self._told_ms: dict[int, int] = {}
        self._wakers: dict[int, Callable[[], object]] = {}
        self._changed = threading.Condition()

    def opened(self, stream: int, wake: Callable[[], object]) -> None:
        """Note a stream; `wake`, callable from any thread, makes it look at the clock at once."""
        with self._changed:
            self._told_ms[stream], self._wakers[stream] = 0, wake

    def closed(self, stream: int) -> None:
        """Forget a stream."""
        with self._changed:
            self._told_ms.pop(stream, None)
            self._wakers.pop(stream, None)
            self._changed.notify_all()

    def told(self, stream: int, now_ms: int) -> None:
        """Note that a stream has sent all it had to say at `now_ms`."""
        with self._changed:
            if stream in self._told_ms:
                self._told_ms[stream] = now_ms
                self._changed.notify_all()

    def wait_until_told(self, now_ms: int) -> None:
        """Return when every stream has told of `now_ms`, or is gone; at the latest after five seconds."""
        deadline_s = time.monotonic() + _LONGEST_WAIT_S
        with self._changed:
            for wake in self._wakers.values():
                wake()
            while any(told_ms < now_ms for told_ms in self._told_ms.values()):
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(left_s)
