"""SQL of people's and agents' own over the stored tables, reading only.

DuckDB can do far more in one SELECT than look at a table: read any file of the machine, list folders, ask
web servers, and under EXPLAIN ANALYZE even write files. So a query is read by DuckDB's own parser first, and
runs only if all it selects from is a stored table, a part of the query itself, or a plain series of numbers.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from engine.errors import ConfigurationError

LONGEST_S = 60.0
"""A query that takes longer is ended: it would hold the store against whoever wants to write."""

# What a query may select from beside tables by name: everything else is refused, known or not.
_PARTS = {"SUBQUERY", "JOIN", "EXPRESSION_LIST", "EMPTY", "PIVOT"}
_READING_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SERIES_FUNCTIONS = {"range", "generate_series", "unnest"}
_SHOWN = {"", "tables"}
_WAY_OUT = (
    "the tables are ohlcv, mark_klines, index_klines, funding, open_interest, "
    "instrument_rules, risk_tiers, quarantine, revisions, exchange_holes and journal"
)
# A part of a query with a name like a file's could stand for the file where the part is out of scope.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class QueryAnswer:
    """Column names and rows; `is_cut` says that there were more rows than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    is_cut: bool


def run_query(
    connection: duckdb.DuckDBPyConnection, sql: str, most_rows: int, longest_s: float = LONGEST_S
) -> QueryAnswer:
    """Return the first rows of what `sql` selects.

    Raises
    ------
    ConfigurationError
        If it is not one SELECT over the stored tables, takes longer than `longest_s` seconds, or DuckDB
        refuses it.
    """
    timer = threading.Timer(longest_s, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        _refuse_unless_reading(connection, sql)
        answer = connection.execute(sql)
        rows = answer.fetchmany(most_rows + 1)
        columns = tuple(each[0] for each in answer.description or ())
    except duckdb.InterruptException as error:
        raise ConfigurationError(
            f"the query took longer than {longest_s:g} s", way_out="narrow it to a symbol or a window of time"
        ) from error
    except duckdb.Error as error:
        raise ConfigurationError(f"the query cannot be answered: {error}", way_out=_WAY_OUT) from error
    finally:
        timer.cancel()
    return QueryAnswer(columns, tuple(rows[:most_rows]), len(rows) > most_rows)


def _refuse_unless_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    [(text,)] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    parsed = json.loads(text)
    if parsed["error"]:
        # what is no SELECT has no such form; a slip of the pen has none either and is told as what it is
        if parsed.get("error_type") == "parser":
            raise ConfigurationError(
                f"the query cannot be answered: {parsed['error_message']}", way_out=_WAY_OUT
            )
        raise _not_one_select()
    if len(parsed["statements"]) != 1:
        raise _not_one_select()
    known = {
        name.lower()
        for (name,) in connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        ).fetchall()
    }
    nodes = list(_nodes(parsed))
    if any("cte_map" in node and node.get("type") not in _READING_NODES for node in nodes):
        raise _not_one_select()
    own = {
        each["key"].lower()
        for node in nodes
        for each in (node.get("cte_map") or {}).get("map", ())
        if _PLAIN_NAME.fullmatch(each["key"])
    }
    for node in nodes:
        # every source of rows has an alias and may be sampled; nothing else in the tree has both
        if "alias" in node and "sample" in node and not _is_allowed(node, known | own):
            source = _named(node)
            raise ConfigurationError(
                f"a query reads the stored tables and nothing else, and {source} is none", way_out=_WAY_OUT
            )


def _is_allowed(source: dict[str, Any], tables: set[str]) -> bool:
    match source["type"]:
        case "BASE_TABLE":
            is_bare = not source["schema_name"] and not source["catalog_name"]
            return is_bare and source["table_name"].lower() in tables
        case "TABLE_FUNCTION":
            return source["function"]["function_name"].lower() in _SERIES_FUNCTIONS
        case "SHOW_REF":
            return source["table_name"].strip('"').lower() in tables | _SHOWN
        case kind:
            return kind in _PARTS


def _named(source: dict[str, Any]) -> str:
    match source["type"]:
        case "TABLE_FUNCTION":
            return f"{source['function']['function_name']}()"
        case "BASE_TABLE" | "SHOW_REF":
            parts = (source.get("catalog_name"), source.get("schema_name"), source["table_name"])
            return repr(".".join(part for part in parts if part))
        case kind:
            return str(kind)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a tree of mappings and lists, whatever its depth."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _not_one_select() -> ConfigurationError:
    return ConfigurationError(
        "a query is one SELECT; nothing else is run", way_out="use the other commands to change data"
    )
