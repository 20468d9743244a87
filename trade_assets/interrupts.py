"""Ctrl-C during a run in this process.

Dagster takes the signal over while it runs, and forgets one that comes between two steps or after the last.
So the signals of a run are noted beside it, whoever handles them.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MANY = 4096


@contextmanager
def noting_interrupts() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether an interrupt has come since.

    Only the main thread is sent signals; elsewhere none ever comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield lambda: _came(reader)
        finally:
            signal.set_wakeup_fd(before)


def _came(reader: socket.socket) -> bool:
    try:
        return signal.SIGINT in reader.recv(_MANY)
    except BlockingIOError:
        return False
