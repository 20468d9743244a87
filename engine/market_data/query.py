"""SQL of people's own over the stored tables, reading only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from engine.errors import ConfigurationError

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


@dataclass(frozen=True)
class QueryAnswer:
    """Column names and rows; `is_cut` says that there were more rows than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    is_cut: bool


def run_query(connection: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> QueryAnswer:
    """Return the first rows of what `sql` selects.

    Raises
    ------
    ConfigurationError
        If it is not one SELECT, or DuckDB refuses it.
    """
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _READING:
            raise ConfigurationError(
                "a query is one SELECT; nothing else is run", way_out="use the other commands to change data"
            )
        answer = connection.execute(statements[0])
        rows = answer.fetchmany(most_rows + 1)
        columns = tuple(each[0] for each in answer.description or ())
    except duckdb.Error as error:
        raise ConfigurationError(
            f"the query cannot be answered: {error}",
            way_out="the tables are ohlcv, mark_klines, index_klines, funding, open_interest, "
            "instrument_rules, risk_tiers, quarantine, revisions, exchange_holes and journal",
        ) from error
    return QueryAnswer(columns, tuple(rows[:most_rows]), len(rows) > most_rows)
