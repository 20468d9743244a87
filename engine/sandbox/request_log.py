"""What the sandbox was asked and what it pushed, for whoever tests a client."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_REMEMBERED = 10_000


@dataclass(frozen=True)
class LoggedRequest:
    """One request, in the order in which they came.

    Attributes
    ----------
    path, query : str
        What was asked.
    fault : str
        The kind of fault it met; empty if none.
    """

    path: str
    query: str
    fault: str

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class RequestLog:
    """Counts by path since the start, and the last 10,000 requests one by one. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._last: deque[LoggedRequest] = deque(maxlen=_REMEMBERED)

    def add(self, path: str, query: str, fault: str) -> None:
        """Note a request, or a message pushed over a stream's path."""
        with self._lock:
            self._counts[path] += 1
            if fault:
                self._faults[fault] += 1
            self._last.append(LoggedRequest(path, query, fault))

    def counts(self) -> Counter[str]:
        """Return how often each path was asked for."""
        with self._lock:
            return self._counts.copy()

    def faults(self) -> Counter[str]:
        """Return how often each kind of fault came true."""
        with self._lock:
            return self._faults.copy()

    def last(self) -> tuple[LoggedRequest, ...]:
        """Return the last 10,000 requests, oldest first."""
        with self._lock:
            return tuple(self._last)
