"""Bybit's request limit, kept before the exchange has to: by all processes of the machine together.

Bybit counts the requests of an IP address over a rolling window. The times of the last requests stand in
a small file, a ring; whoever wants to send takes the oldest place, writes into it the moment at which it
may send, lets go of the file and waits until then. So nobody waits while holding the lock, places are
handed out in order, and who is killed while waiting has used up a place and nothing else. The lock is the
operating system's (filelock): it falls with its holder.
"""

from __future__ import annotations

import os
import struct
import threading
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from engine.errors import ExchangeUnavailable
from engine.exchange.timing import Timing

_LOCK_TIMEOUT_S = 10.0
_LOCK_POLL_S = 0.002
# A place further away than this was taken before the machine started anew, when its clock began again.
_LONGEST_WAIT_S = 120.0

_HEADER = struct.Struct("<8sqqd")  # format, places, next place, paused until
_FORMAT = b"ratelim1"
_PLACE = struct.Struct("<d")


@dataclass(frozen=True)
class RequestLimit:
    """At most `requests` in any `period_s` seconds."""

    requests: int
    period_s: float


# Bybit: 600 in 5 s for an IP address, the only limit on market endpoints. What is on its way while the window
# moves on may arrive in the next one, so a few places are left free.
MARKET_LIMIT = RequestLimit(requests=580, period_s=5.0)


class SharedRequestLimiter:
    """Hands out the moments at which requests may be sent, to every process that names the same file.

    Parameters
    ----------
    path : Path
        The state file; it and its folder are made if need be. What cannot be read in it is begun anew.
    limit : RequestLimit, optional
        How many in how long; Bybit's for market data by default.
    timing : Timing, optional
        The clock and the way to wait.
    """

    def __init__(self, path: Path, limit: RequestLimit = MARKET_LIMIT, timing: Timing | None = None) -> None:
        self._path = path
        self._limit = limit
        self._timing = timing or Timing()
        self._thread_lock = threading.Lock()

    def acquire(self) -> None:
        """Wait until one request may be sent.

        Raises
        ------
        ExchangeUnavailable
            If another process does not let go of the state file.
        """
        with self._state() as state:
            now_s = self._timing.monotonic_s()
            may_send_s = max(now_s, state.oldest_s() + self._limit.period_s, state.paused_until_s)
            if may_send_s - now_s > _LONGEST_WAIT_S:
                state.clear()
                may_send_s = now_s
            state.take(may_send_s)
        if may_send_s > now_s:
            self._timing.sleep(may_send_s - now_s)

    def pause(self, seconds: float) -> None:
        """Let nobody send for `seconds`: the exchange says that the limit is reached."""
        with self._state() as state:
            until_s = self._timing.monotonic_s() + min(seconds, _LONGEST_WAIT_S)
            if until_s > state.paused_until_s:
                state.pause(until_s)

    def _state(self) -> _State:
        return _State(self._path, self._limit.requests, self._thread_lock)


class _State:
    """The state file, open and locked for the length of a `with` block."""

    def __init__(self, path: Path, places: int, thread_lock: threading.Lock) -> None:
        self._path = path
        self._places = places
        self._thread_lock = thread_lock
        self._lock = FileLock(
            f"{path}.lock", timeout=_LOCK_TIMEOUT_S, poll_interval=_LOCK_POLL_S, thread_local=False
        )
        self._file = -1
        self._next = 0
        self.paused_until_s = 0.0

    def oldest_s(self) -> float:
        """Return when the request was sent whose place is the next one."""
        (at_s,) = _PLACE.unpack(os.pread(self._file, _PLACE.size, self._offset()))
        return float(at_s) if isfinite(at_s) else 0.0

    def take(self, at_s: float) -> None:
        """Write `at_s` into the next place."""
        os.pwrite(self._file, _PLACE.pack(at_s), self._offset())
        self._next = (self._next + 1) % self._places
        self._write_header()

    def pause(self, until_s: float) -> None:
        """Write until when nobody may send."""
        self.paused_until_s = until_s
        self._write_header()

    def clear(self) -> None:
        """Forget everything."""
        os.pwrite(self._file, bytes(_HEADER.size + self._places * _PLACE.size), 0)
        self._next, self.paused_until_s = 0, 0.0
        self._write_header()

    def __enter__(self) -> _State:
        self._thread_lock.acquire()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            self._read_header()
        except Timeout:
            self._release()
            raise ExchangeUnavailable(
                f"another process has held {self._path}.lock for {_LOCK_TIMEOUT_S:.0f} seconds",
                way_out="end the process that is stopped; the file itself may be removed then",
            ) from None
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._lock.release()
        self._thread_lock.release()

    def _offset(self) -> int:
        return _HEADER.size + self._next * _PLACE.size

    def _read_header(self) -> None:
        size = _HEADER.size + self._places * _PLACE.size
        raw = os.pread(self._file, _HEADER.size, 0)
        if os.fstat(self._file).st_size == size:
            form, places, following, paused_until_s = _HEADER.unpack(raw)
            if (
                (form, places) == (_FORMAT, self._places)
                and 0 <= following < places
                and isfinite(paused_until_s)
            ):
                self._next, self.paused_until_s = following, paused_until_s
                return
        os.ftruncate(self._file, size)
        self.clear()

    def _write_header(self) -> None:
        os.pwrite(self._file, _HEADER.pack(_FORMAT, self._places, self._next, self.paused_until_s), 0)
