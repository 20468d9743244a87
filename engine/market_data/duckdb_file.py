"""Short-lived connections to one DuckDB file that several processes use.

DuckDB lets one process write a file, or many read it; everybody else fails at once. So a file is held for
milliseconds, waited for with jitter, and let go whatever happens in between. The network, or anything else
that is slow, stays outside of it. Threads of one process share what it holds (see `duckdb_process`).
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from engine.errors import ConfigurationError, CorruptData, DataError, DataNotFound
from engine.market_data.duckdb_process import (
    HeldHere,
    ProcessDatabase,
    forget_process_database,
    process_database,
)

ConnectionFactory = Callable[[bool], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""Opens a connection for the length of a `with` block; the argument says whether it is read-only."""

LOCK_TIMEOUT_S = 30.0

_FIRST_WAIT_S = 0.01
_LONGEST_WAIT_S = 0.2

_LOCK_HOLDER = re.compile(r"lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
# DuckDB has no exception type for a damaged file; these are its words for one.
_SIGNS_OF_DAMAGE = (
    "not a valid DuckDB database file",
    "Corrupt database file",
    "Could not read enough bytes",
    "replaying WAL",
    "Failed to deserialize",
)
# Another process has it; somebody in this one has opened it past `process_database`.
_SIGNS_OF_BEING_HELD = ("Could not set lock", "Unique file handle conflict")
_SIGNS_OF_A_WRONG_PATH = ("Permission denied", "Is a directory", "Not a directory")


@contextmanager
def connect(
    path: Path,
    *,
    read_only: bool,
    timeout_s: float = LOCK_TIMEOUT_S,
    rng: random.Random | None = None,
    filled_by: str = "trade sync",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the database at `path` for the length of the `with` block.

    Parameters
    ----------
    path : Path
        The database file. A writer creates it, with its folder, where there is none.
    read_only : bool
        Readers share the file with each other, and with writers of their own process only. What they see
        is one moment, from the first to the last query.
    timeout_s : float, optional
        How long to wait for the file, in seconds.
    rng : random.Random, optional
        Draws the waiting times; they decide when the file is reached and nothing else.
    filled_by : str, optional
        The command that writes this database, for the way out of a message.

    Raises
    ------
    DataNotFound
        If a reader asks for a file that is not there.
    CorruptData
        If the file is not a readable database, on opening or later.
    DataError
        If somebody else held the file all the time; the message names the holder if DuckDB knows it.
    ConfigurationError
        If the file cannot be reached or created.
    """
    if not path.exists():
        if read_only:
            raise DataNotFound(f"there is no database {path}", way_out=f"run `{filled_by}` first")
        _create(path)
    path = path.resolve()
    database = process_database()
    try:
        connection = _open(database, path, read_only, timeout_s, rng or random.Random())
        try:
            yield connection
        finally:
            database.close(path, connection)
    except duckdb.Error as error:
        if isinstance(error, duckdb.FatalException):
            forget_process_database()
        if _is_damage(error):
            raise CorruptData(
                f"{path} is not a readable database: {_first_line(error)}",
                way_out=f"move it away, with {path.name}.wal if that is there, and run `{filled_by}` again",
            ) from error
        raise


def connection_factory(
    path: Path, *, timeout_s: float = LOCK_TIMEOUT_S, filled_by: str = "trade sync"
) -> ConnectionFactory:
    """Return the factory of connections to `path`; the arguments are those of `connect`."""
    opened = partial(connect, path, timeout_s=timeout_s, filled_by=filled_by)
    return lambda read_only: opened(read_only=read_only)


def first_row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """Return the first row of `query`, or None.

    The result is read to its end: DuckDB does no other work on a connection with an unread one.
    """
    rows = connection.execute(query, parameters).fetchall()
    return rows[0] if rows else None


def _create(path: Path) -> None:
    # DuckDB refuses an empty file, which is what a killed creator would leave. So the database is made
    # aside and linked into place whole; a link, unlike a rename, never replaces another process's file.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            draft = Path(folder) / path.name
            duckdb.connect(str(draft)).close()
            os.link(draft, path)
    except FileExistsError:
        if not path.exists():  # it was the folder whose name a file already has
            raise ConfigurationError(
                f"{path.parent} is not a folder", way_out="set TRADE_DATA to another folder"
            ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the database {path} cannot be created: {error.strerror}",
            way_out="set TRADE_DATA to a folder that can be written",
        ) from error


def _open(
    database: ProcessDatabase, path: Path, read_only: bool, timeout_s: float, rng: random.Random
) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + timeout_s
    longest_wait_s = _FIRST_WAIT_S
    while True:
        try:
            return database.open(path, read_only=read_only)
        except (duckdb.Error, HeldHere) as error:
            _refuse_unless_held(path, error)
            if time.monotonic() > deadline:
                raise DataError(
                    f"{path} stayed locked for {timeout_s:g} s by {_holder(str(error))}",
                    way_out="wait for it to end, or stop it, and try again",
                ) from error
        time.sleep(rng.uniform(0, longest_wait_s))
        longest_wait_s = min(2 * longest_wait_s, _LONGEST_WAIT_S)


def _refuse_unless_held(path: Path, error: duckdb.Error | HeldHere) -> None:
    if isinstance(error, HeldHere) or any(sign in str(error) for sign in _SIGNS_OF_BEING_HELD):
        return
    if any(sign in str(error) for sign in _SIGNS_OF_A_WRONG_PATH):
        raise ConfigurationError(
            f"{path} cannot be opened: {_first_line(error)}",
            way_out="make it a file that can be read and written, or set TRADE_DATA elsewhere",
        ) from error
    raise error


def _holder(text: str) -> str:
    found = _LOCK_HOLDER.search(text)
    if found:
        return f"process {found['pid']} ({found['program']})"
    return "another process" if "lock" in text else "another connection of this process"


def _is_damage(error: duckdb.Error) -> bool:
    if isinstance(error, duckdb.SerializationException | duckdb.FatalException | duckdb.InternalException):
        return True
    return any(sign in str(error) for sign in _SIGNS_OF_DAMAGE)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
