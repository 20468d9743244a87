"""The Dagster instance of the driver: the UI's own, its SQLite files written in fewer trips to the disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from engine.errors import ConfigurationError
from engine.settings import PROJECT_ROOT


@contextmanager
def persistent_instance(environment: Mapping[str, str] = os.environ) -> Iterator[dg.DagsterInstance]:
    """Give the instance of `DAGSTER_HOME`, or of the project's own `dagster_home` where that is not set.

    Raises
    ------
    ConfigurationError
        If the folder is not there, or not named by its whole path.
    """
    home = Path(environment.get("DAGSTER_HOME") or PROJECT_ROOT / "dagster_home")
    if not (home.is_absolute() and home.is_dir()):
        raise ConfigurationError(
            f"DAGSTER_HOME is {str(home)!r}", way_out="set it to the whole path of a folder that is there"
        )
    with _fewer_disk_syncs(), dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@contextmanager
def _fewer_disk_syncs() -> Iterator[None]:
    """Let SQLite databases that are opened inside skip the disk sync of each commit.

    Dagster opens a connection for every event it records, and SQLite syncs at each commit and again at each
    close: two thirds of what Dagster takes of a demo run (28 s became 10 s). In WAL mode `synchronous=NORMAL`
    needs no sync at a commit, and while another connection is open a close needs none. What can be lost that
    way is the last moments before a power cut, never the database:
    https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    with ExitStack() as kept_open:
        files: set[str] = set()

        def relax(connection: Any, _record: Any) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            connection.execute("PRAGMA synchronous=NORMAL")
            file = next(
                (row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main"), ""
            )
            if file and file not in files:
                files.add(file)
                keeper = kept_open.enter_context(closing(sqlite3.connect(file, check_same_thread=False)))
                keeper.execute("PRAGMA journal_mode=WAL")
                keeper.execute("SELECT count(*) FROM sqlite_master").fetchone()

        event.listen(Engine, "connect", relax)
        try:
            yield
        finally:
            event.remove(Engine, "connect", relax)
