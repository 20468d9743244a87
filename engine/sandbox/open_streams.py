"""The open streams of the server, so that who moves the clock can wait until they have told of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_LONGEST_WAIT_S = 5.0


class OpenStreams:
    """Which streams are open, and for which call each has said what it had to. Threads may share it."""

    def __init__(self) -> None:
        self._calls = 0
        self._answered: dict[int, int] = {}
        self._wakers: dict[int, Callable[[], object]] = {}
        self._changed = threading.Condition()

    @property
    def calls(self) -> int:
        """How often the streams were called so far."""
        return self._calls

    def opened(self, stream: int, wake: Callable[[], object]) -> None:
        """Note a stream; `wake`, callable from any thread, makes it look for what it has to say at once."""
        with self._changed:
            self._answered[stream], self._wakers[stream] = 0, wake

    def closed(self, stream: int) -> None:
        """Forget a stream."""
        with self._changed:
            self._answered.pop(stream, None)
            self._wakers.pop(stream, None)
            self._changed.notify_all()

    def told(self, stream: int, calls: int) -> None:
        """Note that a stream has sent all there was to say after so many calls."""
        with self._changed:
            if stream in self._answered:
                self._answered[stream] = calls
                self._changed.notify_all()

    def call(self) -> None:
        """Return when every stream has sent what it has to say now, or is gone; at the latest after 5 s."""
        deadline_s = time.monotonic() + _LONGEST_WAIT_S
        with self._changed:
            self._calls += 1
            call = self._calls
            for wake in self._wakers.values():
                wake()
            while any(answered < call for answered in self._answered.values()):
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(left_s)
