"""Put rows of files into a store that holds nothing else, with an entry in the journal for each series."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from engine.errors import ConfigurationError
from engine.hashing import sha256_hex
from engine.market_data.files.reading import Reading
from engine.market_data.journal import Action, record
from engine.market_data.series_write import upsert
from engine.market_data.source import claim_source, source_identity
from engine.market_data.tables import Series

IMPORTED_IDENTITY = "import:files"
"""Whose data a store of imported rows holds: no exchange answers to that name, so no sync can follow."""


@dataclass(frozen=True)
class ImportedSeries:
    """What an import did to one series: rows in the files, new, revised, put into quarantine."""

    series: Series
    rows: int
    new: int
    revised: int
    quarantined: int
    first_ts: int
    last_ts: int
    note: str


def write_reading(
    connection: duckdb.DuckDBPyConnection, reading: Reading, layout: str, at_ms: int
) -> ImportedSeries:
    """Store the rows of a reading, inside the caller's transaction.

    Parameters
    ----------
    layout : str
        How the files are laid out, for the journal, which has their names and hashes too.
    at_ms : int
        The importer's clock.

    Raises
    ------
    ConfigurationError
        If the store holds rows of an exchange.
    """
    held = source_identity(connection)
    if held not in (None, IMPORTED_IDENTITY):
        raise ConfigurationError(
            f"this market database holds data of {held!r}; imported rows are not mixed with them",
            way_out="import into a database of its own",
        )
    claim_source(connection, IMPORTED_IDENTITY)
    series, frame = reading.series, reading.frame
    changed = upsert(connection, series, frame, at_ms)
    times = frame[series.kind.time_column]
    first, last = (int(times.min()), int(times.max())) if len(times) else (0, 0)
    files = ", ".join(f"{path.name} (sha256 {sha256_hex(path.read_bytes())[:12]})" for path in reading.paths)
    note = "; ".join(part for part in (f"{layout}: {files}", reading.note) if part)
    record(
        connection,
        Action.IMPORTED,
        series,
        first_ts=first,
        last_ts=last,
        rows=len(frame),
        at_ms=at_ms,
        note=note,
    )
    return ImportedSeries(series, len(frame), *changed, first, last, reading.note)
