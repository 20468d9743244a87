"""The tables of the market database.

The long tables have no PRIMARY KEY: with one, 2.1 million candles took 216 MB instead of 91 and three times
as long to write (measured with DuckDB 2.0). One row per key is kept by the write transaction instead
(`series_write.upsert`). The short tables have one, where it costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import duckdb

from engine.timeframes import Timeframe


class SeriesKind(Enum):
    """What a series holds. The value is the name of its table."""

    OHLCV = "ohlcv"
    MARK = "mark_klines"
    INDEX = "index_klines"
    FUNDING = "funding"
    OPEN_INTEREST = "open_interest"

    @property
    def has_timeframe(self) -> bool:
        """Whether its rows are candles on a grid; the others are events at their own times."""
        return self in (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX)

    @property
    def time_column(self) -> str:
        """The column that, with symbol and timeframe, is the key of a row."""
        return "ts_open" if self.has_timeframe else "ts"

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The float64 columns beside the key."""
        return _VALUE_COLUMNS[self]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its frames, in order."""
        return (self.time_column, *self.value_columns)


_VALUE_COLUMNS = {
    SeriesKind.OHLCV: ("open", "high", "low", "close", "volume", "turnover"),
    SeriesKind.MARK: ("open", "high", "low", "close"),
    SeriesKind.INDEX: ("open", "high", "low", "close"),
    SeriesKind.FUNDING: ("funding_rate",),
    SeriesKind.OPEN_INTEREST: ("open_interest",),
}


@dataclass(frozen=True)
class Series:
    """One series of the store: a kind, a symbol and, for candles, a timeframe."""

    kind: SeriesKind
    symbol: str
    timeframe: Timeframe | None = None

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind.value, self.symbol, self.timeframe_name) if part)

    @property
    def timeframe_name(self) -> str:
        """The timeframe as it stands in tables; empty for events."""
        return self.timeframe.value if self.timeframe else ""

    @property
    def where(self) -> str:
        """The SQL condition that picks this series' rows; its values are `key`."""
        return "symbol = ? AND timeframe = ?" if self.timeframe else "symbol = ?"

    @property
    def key(self) -> tuple[str, ...]:
        """The values of the key columns, in the order of the tables' columns."""
        return (self.symbol, self.timeframe.value) if self.timeframe else (self.symbol,)


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every table that is not there yet, and count the rows of a database of before the counts."""
    for statement in _STATEMENTS:
        connection.execute(statement)
    if connection.execute("SELECT count(*) FROM series_counts").fetchall() == [(0,)]:
        connection.execute(f"INSERT INTO series_counts {_count_rows()}")


def _grid_check() -> str:
    # The remainder that a candle's opening time leaves is the same for every candle of a timeframe.
    cases = " ".join(f"WHEN '{tf}' THEN ts_open % {tf.ms} = {tf.floor(tf.ms) % tf.ms}" for tf in Timeframe)
    return f"CHECK (CASE timeframe {cases} ELSE false END)"


def _count_rows() -> str:
    return " UNION ALL ".join(
        f"SELECT '{kind.value}' AS kind, symbol, {'timeframe' if kind.has_timeframe else "''"} AS timeframe,"
        f" min({kind.time_column}) AS first_ts, max({kind.time_column}) AS last_ts, count(*) AS rows"
        f" FROM {kind.value} GROUP BY ALL"
        for kind in SeriesKind
    )


# NaN is above every number in DuckDB and would pass `> 0`: `isfinite` keeps it out. The highest of four
# prices is finite only if all of them are.
_PRICES = """
    open DOUBLE NOT NULL, high DOUBLE NOT NULL, low DOUBLE NOT NULL, close DOUBLE NOT NULL,
    CHECK (isfinite(greatest(open, high, low, close))),
    CHECK (low > 0),
    CHECK (high >= greatest(open, close)),
    CHECK (low <= least(open, close))"""

_STATEMENTS = (
    f"""CREATE TABLE IF NOT EXISTS ohlcv (
    symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, ts_open BIGINT NOT NULL, {_PRICES},
    volume DOUBLE NOT NULL CHECK (volume >= 0 AND isfinite(volume)),
    turnover DOUBLE NOT NULL CHECK (turnover >= 0 AND isfinite(turnover)),
    {_grid_check()})""",
    f"""CREATE TABLE IF NOT EXISTS mark_klines (
    symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, ts_open BIGINT NOT NULL, {_PRICES},
    {_grid_check()})""",
    f"""CREATE TABLE IF NOT EXISTS index_klines (
    symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, ts_open BIGINT NOT NULL, {_PRICES},
    {_grid_check()})""",
    """CREATE TABLE IF NOT EXISTS funding (
    symbol VARCHAR NOT NULL, ts BIGINT NOT NULL,
    funding_rate DOUBLE NOT NULL CHECK (isfinite(funding_rate)))""",
    """CREATE TABLE IF NOT EXISTS open_interest (
    symbol VARCHAR NOT NULL, ts BIGINT NOT NULL,
    open_interest DOUBLE NOT NULL CHECK (open_interest >= 0 AND isfinite(open_interest)))""",
    """CREATE TABLE IF NOT EXISTS instrument_rules (
    symbol VARCHAR NOT NULL, as_of_ms BIGINT NOT NULL,
    tick_size DOUBLE NOT NULL CHECK (tick_size > 0), qty_step DOUBLE NOT NULL CHECK (qty_step > 0),
    min_order_qty DOUBLE NOT NULL CHECK (min_order_qty > 0), max_order_qty DOUBLE NOT NULL,
    max_market_order_qty DOUBLE NOT NULL, min_notional_usdt DOUBLE NOT NULL,
    max_leverage DOUBLE NOT NULL CHECK (max_leverage > 0), leverage_step DOUBLE NOT NULL,
    funding_interval_minutes BIGINT NOT NULL, launch_ts BIGINT NOT NULL, status VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    PRIMARY KEY (symbol, as_of_ms))""",
    # When the contract ends or ended; not known of the snapshots of older databases.
    "ALTER TABLE instrument_rules ADD COLUMN IF NOT EXISTS delisting_ts BIGINT",
    """CREATE TABLE IF NOT EXISTS risk_tiers (
    symbol VARCHAR NOT NULL, as_of_ms BIGINT NOT NULL, tier BIGINT NOT NULL,
    risk_limit_value_usdt DOUBLE NOT NULL CHECK (risk_limit_value_usdt > 0),
    maintenance_margin_rate DOUBLE NOT NULL CHECK (maintenance_margin_rate BETWEEN 0 AND 1),
    initial_margin_rate DOUBLE NOT NULL CHECK (initial_margin_rate BETWEEN 0 AND 1),
    max_leverage DOUBLE NOT NULL CHECK (max_leverage > 0), mm_deduction_usdt DOUBLE NOT NULL,
    PRIMARY KEY (symbol, as_of_ms, tier))""",
    # Which exchange these data are from; the key allows one row.
    """CREATE TABLE IF NOT EXISTS source (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row), identity VARCHAR NOT NULL)""",
    # What has been asked of the exchange, per series: see `sync_state`. Every sync that changes it raises
    # `writes`, so that two at once collide and the later is done again.
    """CREATE TABLE IF NOT EXISTS sync_state (
    kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, writes BIGINT NOT NULL,
    asked_from_ms BIGINT, asked_until_ms BIGINT, first_ts BIGINT, last_ts BIGINT, rows BIGINT,
    PRIMARY KEY (kind, symbol, timeframe))""",
    # Rows that break a CHECK: see `quarantine`. `row_values` are in the order of the kind's value columns.
    """CREATE TABLE IF NOT EXISTS quarantine (
    kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, ts BIGINT NOT NULL,
    row_values DOUBLE[] NOT NULL, reason VARCHAR NOT NULL, at_ms BIGINT)""",
    # Closed rows that later came with other values.
    """CREATE TABLE IF NOT EXISTS revisions (
    kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL, ts BIGINT NOT NULL,
    old_values DOUBLE[] NOT NULL, new_values DOUBLE[] NOT NULL, at_ms BIGINT)""",
    # Holes between candles that were asked for after they were seen, without an answer: see `holes`.
    """CREATE TABLE IF NOT EXISTS exchange_holes (
    kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
    first_ts BIGINT NOT NULL, last_ts BIGINT NOT NULL, asked_ms BIGINT)""",
    # What was done to the data beside adding new rows: see `journal`. Rows are only ever added.
    "CREATE SEQUENCE IF NOT EXISTS journal_sequence",
    """CREATE TABLE IF NOT EXISTS journal (
    sequence BIGINT NOT NULL DEFAULT nextval('journal_sequence'), at_ms BIGINT, action VARCHAR NOT NULL,
    kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
    first_ts BIGINT, last_ts BIGINT, rows BIGINT NOT NULL, note VARCHAR NOT NULL)""",
    # What each series holds: see `series_counts`. Every transaction that changes a series changes its row, so
    # that two at once collide and the later is done again.
    """CREATE TABLE IF NOT EXISTS series_counts (
    kind VARCHAR NOT NULL, symbol VARCHAR NOT NULL, timeframe VARCHAR NOT NULL,
    first_ts BIGINT NOT NULL, last_ts BIGINT NOT NULL, rows BIGINT NOT NULL,
    PRIMARY KEY (kind, symbol, timeframe))""",
)
