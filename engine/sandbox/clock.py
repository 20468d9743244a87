"""What time it is on the sandbox: the wall's, a moment that stands still, or a time of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import ConfigurationError
from engine.timeframes import format_utc, parse_utc

_LATEST_MS = parse_utc("9999-01-01")
_FASTEST = 1_000_000

Clock = Callable[[], int]
"""Tells the time in UTC epoch milliseconds."""


def wall_clock_ms() -> int:
    """Return the present time in epoch milliseconds: the one place in the sandbox that reads it."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class FrozenClock:
    """A clock that always tells `ts_ms` (epoch milliseconds)."""

    ts_ms: int

    def __call__(self) -> int:
        """Return the frozen time."""
        return self.ts_ms


class SandboxClock:
    """A clock that can be stepped, stopped and run at any speed; it never goes back. Threads may share it.

    Parameters
    ----------
    ts_ms : int
        The time it starts at, in UTC epoch milliseconds.
    speed : float, optional
        Milliseconds told per millisecond that really passes: 0, the default, stands still, 1 is real time,
        60 makes a one-minute candle a second.
    real_ms : Clock, optional
        What measures the time that really passes; the wall clock by default.

    Raises
    ------
    ConfigurationError
        If the speed is below 0 or above a million.
    """

    def __init__(self, ts_ms: int, *, speed: float = 0.0, real_ms: Clock = wall_clock_ms) -> None:
        _check_speed(speed)
        self._lock = threading.Lock()
        self._real_ms = real_ms
        self._base_ms = ts_ms
        self._since_ms = real_ms()
        self._speed = speed

    def __call__(self) -> int:
        """Return the time."""
        with self._lock:
            return self._now()

    @property
    def speed(self) -> float:
        """How fast it runs."""
        return self._speed

    def step(self, by_ms: int) -> int:
        """Move on by so many milliseconds and return the new time.

        Raises
        ------
        ConfigurationError
            If that would be backwards, or past the year 9998.
        """
        with self._lock:
            return self._move(self._now() + by_ms)

    def set(self, ts_ms: int) -> int:
        """Move on to this moment and return it.

        Raises
        ------
        ConfigurationError
            If that would be backwards, or past the year 9998.
        """
        with self._lock:
            return self._move(ts_ms)

    def run(self, speed: float) -> None:
        """Run at this speed from now on; 0 stops.

        Raises
        ------
        ConfigurationError
            If the speed is below 0 or above a million.
        """
        _check_speed(speed)
        with self._lock:
            self._move(self._now())
            self._speed = speed

    def _now(self) -> int:
        return self._base_ms + int((self._real_ms() - self._since_ms) * self._speed)

    def _move(self, ts_ms: int) -> int:
        now_ms = self._now()
        if ts_ms < now_ms:
            raise ConfigurationError(
                f"the clock stands at {format_utc(now_ms)} and cannot go back to {format_utc(ts_ms)}",
                way_out="step forward, or start another sandbox at the earlier moment",
            )
        if ts_ms > _LATEST_MS:
            raise ConfigurationError(
                f"the clock stands at {format_utc(now_ms)} and cannot go on past the year 9998",
                way_out="give a moment or a step in milliseconds",
            )
        self._base_ms, self._since_ms = ts_ms, self._real_ms()
        return ts_ms


def _check_speed(speed: float) -> None:
    if not 0 <= speed <= _FASTEST:
        raise ConfigurationError(
            f"the sandbox's clock cannot run at speed {speed}",
            way_out="give 0 to stop it, 1 for real time, 60 for a minute per second, up to a million",
        )
