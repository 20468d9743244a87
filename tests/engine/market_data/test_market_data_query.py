"""A query of an agent's own reads the stored tables: no file, no folder, no server, and changes nothing."""

from __future__ import annotations

import pytest

from engine.errors import ConfigurationError
from engine.market_data.duckdb_file import connect
from engine.market_data.query import run_query


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "market.duckdb"
    with connect(made, read_only=False) as connection:
        connection.execute(
            "CREATE TABLE ohlcv AS SELECT 'BTCUSDT' AS symbol, range AS ts_open, 1.5::DOUBLE AS close"
            " FROM range(5)"
        )
        connection.execute("CREATE TABLE funding AS SELECT 'BTCUSDT' AS symbol, 0.0001::DOUBLE AS rate")
    return made


def ask(path, sql, **limits):
    with connect(path, read_only=True) as connection:
        return run_query(connection, sql, 10, **limits).rows


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) FROM ohlcv", ((5,),)),
        ("FROM OHLCV SELECT max(ts_open)", ((4,),)),
        ("SELECT o.close, f.rate FROM ohlcv o JOIN funding f USING (symbol) LIMIT 1", ((1.5, 0.0001),)),
        ("WITH late AS (FROM ohlcv WHERE ts_open > 2) SELECT count(*) FROM late, range(2)", ((4,),)),
        ("SELECT 1 UNION ALL SELECT 2 ORDER BY 1", ((1,), (2,))),
        ("WITH RECURSIVE t AS (SELECT 1 n UNION ALL SELECT n + 1 FROM t WHERE n < 2) FROM t", ((1,), (2,))),
        ("SHOW TABLES", (("funding",), ("ohlcv",))),
        ("SELECT column_name FROM (DESCRIBE funding)", (("symbol",), ("rate",))),
        ("SELECT (SELECT count(*) FROM ohlcv) / 5", ((1.0,),)),
    ],
)  # fmt: skip
def test_what_reads_tables_is_answered(path, sql, rows):
    assert ask(path, sql) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_csv('{secret}', header = false)",
        "SELECT * FROM read_blob('{secret}')",
        "FROM '{secret}'",
        'FROM "{secret}"',
        "SELECT (SELECT content FROM read_text('{secret}')) FROM ohlcv",
        "SELECT * FROM ohlcv WHERE symbol IN (SELECT content FROM read_text('{secret}'))",
        "WITH stolen AS (FROM read_text('{secret}')) SELECT * FROM stolen",
        "WITH \"{secret}\" AS (SELECT 1) FROM \"{secret}\"",
        "DESCRIBE SELECT * FROM read_csv('{secret}')",
        "SUMMARIZE FROM read_csv('{secret}')",
        'FROM (SHOW "{secret}")',
        "SELECT * FROM glob('/*')",
        "SELECT * FROM sniff_csv('{secret}')",
        "SELECT * FROM ohlcv POSITIONAL JOIN read_text('{secret}')",
        "SELECT * FROM query('FROM read_text(''{secret}'')')",
        "SELECT * FROM query_table('{secret}')",
        "SELECT * FROM 'https://example.com/x.csv'",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_databases()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM other.ohlcv",
    ],
)  # fmt: skip
def test_nothing_beside_the_tables_can_be_read(path, tmp_path, sql):
    secret = tmp_path / "secret.csv"
    secret.write_text("planted\n")
    with pytest.raises(ConfigurationError, match="reads the stored tables and nothing else"):
        ask(path, sql.replace("{secret}", str(secret)))


@pytest.mark.parametrize(
    "sql",
    [
        "COPY ohlcv TO '{target}'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'",
        "EXPLAIN ANALYZE DELETE FROM ohlcv",
        "WITH gone AS (DELETE FROM ohlcv RETURNING *) SELECT * FROM gone",
        "WITH gone AS (COPY ohlcv TO '{target}') SELECT 1",
        "EXPORT DATABASE '{target}'",
        "ATTACH '{target}'",
        "DELETE FROM ohlcv",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "SELECT 1; DROP TABLE ohlcv",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "SELEC 1",
        "SELECT 1; COPY ohlcv TO '{target}'",
        "SELECT \x00",
    ],
)
def test_nothing_but_one_select_is_run(path, tmp_path, sql):
    target = tmp_path / "target"
    with pytest.raises(ConfigurationError):
        ask(path, sql.replace("{target}", str(target)))
    assert not target.exists()
    assert ask(path, "SELECT count(*) FROM ohlcv") == ((5,),)


def test_a_query_without_an_end_is_ended(path):
    with pytest.raises(ConfigurationError, match=r"longer than 0\.2 s"):
        ask(path, "SELECT count(*) FROM range(1000000000) a, range(1000000) b", longest_s=0.2)
