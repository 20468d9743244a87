"""The DuckDB resource: read-only beside other readers, closed whatever happens, patient with a lock."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from dagster_duckdb import DuckDBResource

from engine.errors import DataError, DataNotFound
from trade_assets.resources import FrozenClock, MarketDatabase

HOLDER = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def database(tmp_path: Path) -> MarketDatabase:
    """A database with one table of one row."""
    made = MarketDatabase(database=str(tmp_path / "market.duckdb"), lock_timeout_s=20.0)
    with made.get_connection() as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 1 AS number")
    return made


def read(database: MarketDatabase) -> list[tuple[int]]:
    with database.get_connection(read_only=True) as connection:
        return connection.execute("SELECT number FROM numbers").fetchall()


def held_by_another_process(database: MarketDatabase, seconds: float) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database.database, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_it_is_dagsters_own_resource(database: MarketDatabase):
    assert isinstance(database, DuckDBResource)


def test_a_reader_cannot_write(database: MarketDatabase):
    with (
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
        database.get_connection(read_only=True) as connection,
    ):
        connection.execute("INSERT INTO numbers VALUES (2)")
    assert read(database) == [(1,)]


def test_an_error_in_the_body_leaves_the_file_free(database: MarketDatabase):
    with pytest.raises(ZeroDivisionError) as kept, database.get_connection():
        raise ZeroDivisionError
    assert kept.traceback
    other = [sys.executable, "-c", HOLDER, database.database, "0"]
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "held\n"


def test_it_waits_for_another_process(database: MarketDatabase):
    holder = held_by_another_process(database, 0.5)
    began = time.monotonic()
    assert read(database) == [(1,)]
    assert time.monotonic() - began > 0.1
    holder.communicate()


def test_a_killed_holder_does_not_block_for_ever(database: MarketDatabase):
    holder = held_by_another_process(database, 60)
    holder.kill()
    holder.communicate()
    assert read(database) == [(1,)]


def test_who_holds_it_for_too_long_is_named(database: MarketDatabase):
    impatient = MarketDatabase(database=database.database, lock_timeout_s=0.2)
    holder = held_by_another_process(database, 60)
    with pytest.raises(DataError, match=f"process {holder.pid}"):
        read(impatient)
    holder.kill()
    holder.communicate()


def test_a_database_that_is_not_there_is_not_made_by_a_reader(tmp_path: Path):
    missing = MarketDatabase(database=str(tmp_path / "none.duckdb"))
    with pytest.raises(DataNotFound):
        missing.store().source_identity()
    assert not (tmp_path / "none.duckdb").exists()


def test_a_frozen_clock_stands():
    assert FrozenClock(at_ms=5).now_ms() == 5
