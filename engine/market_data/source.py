"""Which exchange the data of a database are from, over an open connection."""

from __future__ import annotations

import duckdb

from engine.errors import ConfigurationError
from engine.market_data.duckdb_file import first_row


def source_identity(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return who the data are from, or None if nobody has claimed the database."""
    row = first_row(connection, "SELECT identity FROM source")
    return row[0] if row else None


def check_source(connection: duckdb.DuckDBPyConnection, identity: str) -> bool:
    """Return whether the data are those of `identity`; False if nobody has claimed the database.

    Raises
    ------
    ConfigurationError
        If they are another exchange's.
    """
    held = source_identity(connection)
    if held is not None and held != identity:
        raise ConfigurationError(
            f"this market database holds data of {held!r}, and the exchange says it is {identity!r}",
            way_out="keep the two apart: set TRADE_DATA to another folder for the other exchange",
        )
    return held is not None


def claim_source(connection: duckdb.DuckDBPyConnection, identity: str) -> None:
    """Record that the data are those of `identity`, or refuse as `check_source` does."""
    if not check_source(connection, identity):
        connection.execute("INSERT INTO source (identity) VALUES (?)", (identity,))
