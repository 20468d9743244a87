"""The one DuckDB of a process, to which database files are attached for as long as somebody uses them.

Making a DuckDB takes 15 to 20 ms, attaching a file to one that is there takes 1 ms. So a process makes one,
without a file, and keeps it; a file is attached by its first user and detached by its last.

Nothing else in the process may open such a file, not even to read its bytes: the lock by which processes
keep out of each other's way is POSIX's, which a process loses on a file when it closes any handle of it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

# A writer that leaves a write-ahead log up to this size does not fold it into the file: that takes longer
# than writing a candle, and reading a log of this size takes every later user about 1 ms. Some fifteen
# candles, each stored by itself.
_SMALL_LOG_BYTES = 8192


class HeldHere(Exception):
    """This process has the file open to read, and somebody in it wants to write."""


@dataclass
class _Attached:
    """A file that is attached: under which name, how, and how many use it."""

    name: str
    read_only: bool
    users: int = 0


class ProcessDatabase:
    """A DuckDB without a file of its own, to which files are attached. Safe to share between threads."""

    def __init__(self) -> None:
        self._duckdb = duckdb.connect(":memory:")
        self._duckdb.execute("SET checkpoint_on_detach = 'DISABLED'")
        self._lock = threading.Lock()
        self._attached: dict[Path, _Attached] = {}
        self._names = 0

    def open(self, path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Return a connection whose default database is the file at `path`; give it back with `close`.

        A reader joins a writer of the same process: it sees what is committed and can write nothing.

        Raises
        ------
        HeldHere
            If a writer finds readers of this process.
        duckdb.Error
            As DuckDB says it: the file is locked, damaged, not to be reached.
        """
        with self._lock:
            attached = self._attached.get(path) or self._attach(path, read_only)
            if attached.read_only and not read_only:
                raise HeldHere(str(path))
            attached.users += 1
        try:
            connection = self._duckdb.cursor()
            connection.execute(f"USE {attached.name}")
            if read_only:
                connection.execute("BEGIN TRANSACTION READ ONLY")
        except BaseException:
            self._leave(path)
            raise
        return connection

    def close(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Close a connection that `open` gave; what it has not committed is rolled back."""
        try:
            connection.close()
        finally:
            self._leave(path)

    def _attach(self, path: Path, read_only: bool) -> _Attached:
        self._names += 1
        attached = _Attached(f"file_{self._names}", read_only)
        quoted = str(path).replace("'", "''")
        self._duckdb.execute(f"ATTACH '{quoted}' AS {attached.name}{' (READ_ONLY)' if read_only else ''}")
        self._attached[path] = attached
        return attached

    def _leave(self, path: Path) -> None:
        with self._lock:
            attached = self._attached[path]
            attached.users -= 1
            if attached.users:
                return
            del self._attached[path]
            try:
                if not attached.read_only and _log_bytes(path) > _SMALL_LOG_BYTES:
                    self._duckdb.execute(f"CHECKPOINT {attached.name}")
            finally:
                self._duckdb.execute(f"DETACH {attached.name}")


def process_database() -> ProcessDatabase:
    """Return the DuckDB of this process; a forked child gets its own, for threads are not forked."""
    return _of_process(os.getpid())


def forget_process_database() -> None:
    """Let the next call make a new one, after an error that DuckDB does not go on from."""
    _of_process.cache_clear()


@cache
def _of_process(pid: int) -> ProcessDatabase:  # noqa: ARG001 - the argument is the cache's key
    return ProcessDatabase()


def _log_bytes(path: Path) -> int:
    try:
        return path.with_name(f"{path.name}.wal").stat().st_size
    except FileNotFoundError:
        return 0
