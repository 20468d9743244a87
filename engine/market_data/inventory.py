"""What the store holds, in one look: every series with its span, and a mark that changes with the content."""

from __future__ import annotations

import duckdb
import pandas as pd

from engine.hashing import hash_of
from engine.market_data.tables import SeriesKind
from engine.timeframes import Timeframe


def coverage(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return one row per series: kind, symbol, timeframe, rows, first_ts, last_ts, gap_bars.

    `timeframe` is empty for events. `gap_bars` counts the candles missing between the first and the last;
    it is 0 for events, which have no grid that could tell. The counts are those kept with every write
    (`series_counts`): of rows that were removed past the store a sync of the series takes notice.
    """
    lengths = " ".join(f"WHEN '{tf}' THEN {tf.ms}" for tf in Timeframe)
    return connection.execute(
        f"""
        SELECT kind, symbol, timeframe, rows, first_ts, last_ts,
            CASE WHEN timeframe = '' THEN 0
            ELSE (last_ts - first_ts) // CASE timeframe {lengths} END + 1 - rows END AS gap_bars
        FROM series_counts ORDER BY symbol, kind, CASE timeframe {lengths} ELSE 0 END
        """
    ).df()


def watermark(connection: duckdb.DuckDBPyConnection, symbol: str) -> str:
    """Return a hash of everything stored for `symbol`.

    It depends on the rows alone, not on the order or the number of the writes that brought them: a sum of
    hashes per table, which DuckDB takes in one pass.
    """
    per_kind = " UNION ALL ".join(
        f"SELECT {order} AS position, count(*) AS rows, sum(hash({columns})::HUGEINT) AS content"
        f" FROM {kind.value} WHERE symbol = $symbol"
        for order, (kind, columns) in enumerate((kind, _hashed_columns(kind)) for kind in SeriesKind)
    )
    rules = (
        f"SELECT {len(SeriesKind)}, count(*), sum(hash(as_of_ms, fingerprint)::HUGEINT)"
        " FROM instrument_rules WHERE symbol = $symbol"
    )
    rows = connection.execute(
        f"SELECT rows, content::VARCHAR FROM ({per_kind} UNION ALL {rules}) ORDER BY position",
        {"symbol": symbol},
    ).fetchall()
    return hash_of(rows)


def _hashed_columns(kind: SeriesKind) -> str:
    return ", ".join((*(["timeframe"] if kind.has_timeframe else []), *kind.columns))
