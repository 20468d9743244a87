"""Bybit's limit on requests, enforced: so many in any window of so many seconds, over all endpoints."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import ConfigurationError

BYBIT_REQUESTS = 600
BYBIT_WINDOW_S = 5.0
BYBIT_BAN_S = 600.0


@dataclass(frozen=True)
class RateLimit:
    """How many requests are answered, and what follows one too many.

    Attributes
    ----------
    requests : int
        How many in any `window_s` seconds. The defaults are Bybit's, per IP (bybit-exchange/docs,
        `docs/v5/rate-limit`).
    window_s : float
        Length of the window.
    ban_s : float
        After one request too many every request gets HTTP 403 for so long. 0: there is no ban, and what is
        too much gets retCode 10006 with the stamp at which there is room again.
    """

    requests: int = BYBIT_REQUESTS
    window_s: float = BYBIT_WINDOW_S
    ban_s: float = BYBIT_BAN_S

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        if self.requests < 1 or self.window_s <= 0 or self.ban_s < 0:
            raise ConfigurationError(
                f"a limit of {self.requests} requests in {self.window_s} s with a ban of {self.ban_s} s",
                way_out="give at least one request, a window above 0 and a ban of 0 or more seconds",
            )


@dataclass(frozen=True)
class Admission:
    """What the limiter says of one request.

    Attributes
    ----------
    is_admitted : bool
        Whether it is within the limit.
    is_banned : bool
        Whether the sender is banned.
    remaining : int
        How many more requests there is room for now.
    reset_in_ms : int
        In how many milliseconds there is room again; 0 when there is.
    """

    is_admitted: bool
    is_banned: bool
    remaining: int
    reset_in_ms: int


class Limiter:
    """Counts requests in a sliding window of real time. Threads may share it.

    Parameters
    ----------
    limit : RateLimit, optional
        Without one everything is admitted, and Bybit's limit is shown untouched.
    monotonic_s : Callable[[], float]
        What measures real time, in seconds.
    """

    def __init__(self, limit: RateLimit | None, monotonic_s: Callable[[], float]) -> None:
        self._limit = limit
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._admitted_s: deque[float] = deque()
        self._banned_until_s = float("-inf")

    @property
    def requests(self) -> int:
        """How many requests a window holds."""
        return BYBIT_REQUESTS if self._limit is None else self._limit.requests

    def admit(self) -> Admission:
        """Count a request and say whether it is within the limit."""
        if self._limit is None:
            return Admission(True, False, BYBIT_REQUESTS, 0)
        with self._lock:
            now_s = self._monotonic_s()
            if now_s < self._banned_until_s:
                return Admission(False, True, 0, _ms(self._banned_until_s - now_s))
            while self._admitted_s and self._admitted_s[0] <= now_s - self._limit.window_s:
                self._admitted_s.popleft()
            if len(self._admitted_s) >= self._limit.requests:
                self._banned_until_s = now_s + self._limit.ban_s
                room_s = self._admitted_s[0] + self._limit.window_s - now_s
                is_banned = self._limit.ban_s > 0
                return Admission(False, is_banned, 0, _ms(self._limit.ban_s if is_banned else room_s))
            self._admitted_s.append(now_s)
            remaining = self._limit.requests - len(self._admitted_s)
            reset_s = 0.0 if remaining else self._admitted_s[0] + self._limit.window_s - now_s
            return Admission(True, False, remaining, _ms(reset_s))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
