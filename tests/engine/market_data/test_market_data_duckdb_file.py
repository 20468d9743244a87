import os
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import duckdb
import pytest

from engine.errors import ConfigurationError, CorruptData, DataError, DataNotFound
from engine.market_data.duckdb_file import connect


def numbers(path):
    with connect(path, read_only=True) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n").fetchall()]


@pytest.fixture
def filled(tmp_path):
    path = tmp_path / "market.duckdb"
    with connect(path, read_only=False) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t VALUES (1), (2)")
    return path


@contextmanager
def held_by_another_process(path, seconds, *, must_open=True):
    """Another process that holds `path` open for some seconds, or until the block ends by itself."""
    code = (
        f"import duckdb, time; c = duckdb.connect({str(path)!r});"
        f"print('held', flush=True); time.sleep({seconds}); c.close()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == ("held\n" if must_open else "")
        try:
            yield process
        finally:
            process.kill()


def test_a_writer_creates_the_file_and_its_folder_and_nothing_else(tmp_path):
    path = tmp_path / "sandbox" / "market.duckdb"
    with connect(path, read_only=False) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
    # the log holds what was written last, until there is enough of it to be worth folding into the file
    assert sorted(os.listdir(path.parent)) == ["market.duckdb", "market.duckdb.wal"]
    assert numbers(path) == []
    with connect(path, read_only=False) as connection:
        connection.execute("INSERT INTO t FROM range(5000)")
    assert os.listdir(path.parent) == ["market.duckdb"]
    assert numbers(path) == list(range(5000))


def test_a_reader_of_a_missing_file_is_told_what_fills_it(tmp_path):
    path = tmp_path / "market.duckdb"
    with pytest.raises(DataNotFound, match=r"market\.duckdb") as caught, connect(path, read_only=True):
        pass
    assert "trade sync" in caught.value.way_out
    assert not path.exists()


def test_a_reader_cannot_write(filled):
    with connect(filled, read_only=True) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("INSERT INTO t VALUES (3)")


def test_the_connection_is_closed_when_the_block_fails(filled):
    with pytest.raises(duckdb.ConversionException) as caught, connect(filled, read_only=False) as connection:
        connection.execute("INSERT INTO t VALUES ('three')")
    # the traceback lives on, and with it every local variable; the file must be free nevertheless
    assert caught.tb is not None
    with held_by_another_process(filled, 0) as process:
        assert process.wait(10) == 0


def test_a_writer_waits_for_another_process(filled):
    with (
        held_by_another_process(filled, 0.5),
        connect(filled, read_only=False, timeout_s=20, rng=random.Random(1)) as connection,
    ):
        connection.execute("INSERT INTO t VALUES (3)")
    assert numbers(filled) == [1, 2, 3]


def test_a_lock_that_stays_names_its_holder(filled):
    with (
        held_by_another_process(filled, 30) as process,
        pytest.raises(DataError) as caught,
        connect(filled, read_only=False, timeout_s=0.2),
    ):
        pass
    assert f"process {process.pid}" in str(caught.value)
    assert str(filled) in str(caught.value)
    assert "try again" in caught.value.way_out


def test_a_reader_joins_a_writer_of_its_process_and_sees_what_is_committed(filled):
    with connect(filled, read_only=False) as connection:
        connection.begin()
        connection.execute("INSERT INTO t VALUES (3)")
        assert numbers(filled) == [1, 2]
        connection.commit()
        assert numbers(filled) == [1, 2, 3]


def test_a_reader_beside_a_writer_cannot_write(filled):
    with (
        connect(filled, read_only=False),
        connect(filled, read_only=True) as reader,
        pytest.raises(duckdb.Error, match="read-only"),
    ):
        reader.execute("INSERT INTO t VALUES (3)")


def test_a_writer_waits_for_the_readers_of_its_process(filled):
    def write():
        with connect(filled, read_only=False) as connection:
            connection.execute("INSERT INTO t VALUES (3)")

    with connect(filled, read_only=True) as reader:
        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.1)
        assert reader.execute("SELECT count(*) FROM t").fetchall() == [(2,)]
    writer.join(10)
    assert numbers(filled) == [1, 2, 3]


def test_a_writer_inside_a_reader_ends_in_an_error_and_not_in_a_wait_for_ever(filled):
    with (
        connect(filled, read_only=True),
        pytest.raises(DataError, match="another connection of this process"),
        connect(filled, read_only=False, timeout_s=0.1),
    ):
        pass


def test_a_reader_sees_one_moment_from_its_first_query_to_its_last(filled):
    with connect(filled, read_only=False) as writer, connect(filled, read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM t").fetchall() == [(2,)]
        writer.execute("INSERT INTO t VALUES (3)")
        assert reader.execute("SELECT count(*) FROM t").fetchall() == [(2,)]


def test_a_file_is_let_go_by_its_last_user_of_the_process(filled):
    with connect(filled, read_only=True):
        with connect(filled, read_only=True):
            pass
        with held_by_another_process(filled, 0, must_open=False) as process:
            assert process.wait(10) != 0
    with held_by_another_process(filled, 0) as process:
        assert process.wait(10) == 0


def test_a_forked_child_has_a_database_of_its_own(filled):
    code = f"""
import os
from pathlib import Path
from engine.market_data.duckdb_file import connect
def rows():
    with connect(Path({str(filled)!r}), read_only=True) as connection:
        return connection.execute("SELECT count(*) FROM t").fetchall()
assert rows() == [(2,)]
child = os.fork()
if child == 0:
    os._exit(0 if rows() == [(2,)] else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    assert (
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False, timeout=60).returncode == 0
    )


def test_what_a_killed_writer_had_committed_is_there(filled):
    code = (
        f"import duckdb, os; c = duckdb.connect({str(filled)!r}); c.execute('INSERT INTO t VALUES (3)');"
        "c.begin(); c.execute('INSERT INTO t VALUES (4)'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert numbers(filled) == [1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"not a database " * 1000], ids=["empty", "garbage"])
@pytest.mark.parametrize("read_only", [True, False], ids=["reader", "writer"])
def test_a_file_that_is_no_database_is_named_with_the_way_out(tmp_path, content, read_only):
    path = tmp_path / "market.duckdb"
    path.write_bytes(content)
    with pytest.raises(CorruptData) as caught, connect(path, read_only=read_only):
        pass
    assert str(path) in str(caught.value)
    assert "move it away" in caught.value.way_out
    assert path.read_bytes() == content


def test_damage_found_while_reading_is_named_too(tmp_path):
    path = tmp_path / "market.duckdb"
    with connect(path, read_only=False) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n, random() AS x FROM range(300000)")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300_000] = os.urandom(300_000)
    path.write_bytes(content)
    with pytest.raises(CorruptData, match=r"market\.duckdb"), connect(path, read_only=True) as connection:
        connection.execute("SELECT sum(n), sum(x) FROM t").fetchall()


def test_a_truncated_file_is_corrupt(filled):
    filled.write_bytes(filled.read_bytes()[:5000])
    with pytest.raises(CorruptData), connect(filled, read_only=True) as connection:
        connection.execute("SELECT * FROM t").fetchall()


def test_a_folder_in_the_place_of_the_file_is_a_wrong_setting(tmp_path):
    (tmp_path / "market.duckdb").mkdir()
    with pytest.raises(ConfigurationError), connect(tmp_path / "market.duckdb", read_only=False):
        pass


def test_a_file_in_the_place_of_the_folder_is_a_wrong_setting(tmp_path):
    (tmp_path / "data").write_text("")
    with (
        pytest.raises(ConfigurationError, match="data") as caught,
        connect(tmp_path / "data" / "market.duckdb", read_only=False),
    ):
        pass
    assert "TRADE_DATA" in caught.value.way_out


def test_many_threads_that_create_the_same_file_share_one(tmp_path):
    path = tmp_path / "market.duckdb"
    barrier = threading.Barrier(8)

    def write(n):
        barrier.wait()
        with connect(path, read_only=False) as connection:
            for _ in range(50):
                try:
                    connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
                    connection.execute("INSERT INTO t VALUES (?)", [n])
                except duckdb.TransactionException:
                    continue
                return

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert numbers(path) == list(range(8))
    assert {file.removesuffix(".wal") for file in os.listdir(tmp_path)} == {"market.duckdb"}
