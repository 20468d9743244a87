"""Progress of a tool that runs in a thread, passed on to whoever called it, and its end passed back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import TradeError

_NOT_MORE_OFTEN_THAN_S = 0.2


class CallCancelled(TradeError):
    """Whoever called a tool no longer waits for it."""


@dataclass(frozen=True)
class Step:
    """How far a call is: steps done of those known so far, and what is being done."""

    done: int
    total: int
    message: str


class RemoteProgress:
    """A watcher that sends steps away, and ends the tool at its next step once the call was cancelled.

    Parameters
    ----------
    send : callable
        Takes a step; called from whatever thread the tool works in.
    cancelled : threading.Event
        Set when nobody waits for the tool any more.
    """

    def __init__(self, send: Callable[[Step], None], cancelled: threading.Event) -> None:
        self._send = send
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        # of tasks that were started again; what was counted never goes down
        self._before = 0
        self._last_s, self._told = 0.0, -1

    def start(self, task: str, total: int) -> None:
        """Begin to count."""
        with self._lock:
            self._before += self._done.get(task, 0)
            self._done[task], self._total[task] = 0, total
        self._tell(task, "", at_once=True)

    def advance(self, task: str, steps: int = 1, *, note: str = "") -> None:
        """Count."""
        with self._lock:
            self._done[task] += steps
        self._tell(task, note, at_once=False)

    def finish(self, task: str) -> None:
        """Tell the last count."""
        self._tell(task, "", at_once=True)

    def _tell(self, task: str, note: str, *, at_once: bool) -> None:
        if self._cancelled.is_set():
            raise CallCancelled("the call was cancelled", way_out="call it again; what was stored is kept")
        now_s = time.monotonic()
        with self._lock:
            counted = self._before + sum(self._done.values())
            # the protocol wants each step to be further than the one before
            if counted <= self._told or (not at_once and now_s - self._last_s < _NOT_MORE_OFTEN_THAN_S):
                return
            self._last_s, self._told = now_s, counted
            done, total = self._done[task], self._total[task]
            message = f"{task}: {done} of {total} {note}".rstrip()
            known = self._before + sum(self._total.values())
        self._send(Step(counted, max(counted, known), message))
