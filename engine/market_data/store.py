"""The historical data store: what the exchange had, one row per key, in one DuckDB file."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import duckdb
import pandas as pd

from engine.errors import DataError, DataNotFound
from engine.market_data import holes, inventory, series, series_write, source, sync_rows
from engine.market_data.duckdb_file import ConnectionFactory
from engine.market_data.files.reading import Reading
from engine.market_data.gaps import Gap, find_gaps
from engine.market_data.holes import Hole
from engine.market_data.importing import ImportedSeries, write_reading
from engine.market_data.instrument_snapshots import read_snapshot, save_snapshot
from engine.market_data.instruments import InstrumentRules
from engine.market_data.journal import Action, JournalEntry, read_journal
from engine.market_data.quarantine import QuarantinedRow, read_quarantine
from engine.market_data.query import QueryAnswer, run_query
from engine.market_data.revisions import Revision, read_revisions
from engine.market_data.series import Span, Upserted
from engine.market_data.stored_market import StoredMarket, read_stored_market
from engine.market_data.sync_rows import StoreStatus, SyncWrite
from engine.market_data.tables import Series, SeriesKind, create_tables
from engine.timeframes import Timeframe

_ATTEMPTS = 20
_LONGEST_WAIT_S = 0.05


class HistoricalDataStore:
    """Candles, mark klines, funding, open interest and instrument rules of one exchange.

    Parameters
    ----------
    connect : ConnectionFactory
        Opens a connection for the length of a `with` block; see `duckdb_file.connection_factory`.

    Notes
    -----
    Every method opens one connection and closes it. A write is one transaction: all of it is stored or
    nothing. Frames have the columns of their kind (`SeriesKind.columns`); times are int64 epoch milliseconds,
    everything else is float64. A read selects `start_ms <= time < end_ms`, each end optional, and gives an
    empty frame where nothing is stored; on a database that does not exist, or has no tables, it raises
    `DataNotFound`.
    """

    def __init__(self, connect: ConnectionFactory) -> None:
        self._connect = connect

    def create_tables(self) -> None:
        """Create the tables that are not there yet."""
        self._write(create_tables)

    # --- whose data these are

    def source_identity(self) -> str | None:
        """Return which exchange the data are from, or None if nobody has claimed the store."""
        return self._read(source.source_identity)

    def claim_source(self, identity: str) -> None:
        """Record that the data are those of `identity`.

        Raises
        ------
        ConfigurationError
            If the store holds the data of another exchange.
        """
        self._write(lambda connection: source.claim_source(connection, identity))

    # --- candles of the last price

    def upsert_ohlcv(self, symbol: str, timeframe: Timeframe, frame: pd.DataFrame) -> int:
        """Store candles; return how many were new or had other values.

        Keys that `frame` does not have are left alone. A row that breaks a rule is put into quarantine.

        Raises
        ------
        SchemaViolation
            If a column is missing or not numeric; nothing is stored then.
        """
        return self._upsert(Series(SeriesKind.OHLCV, symbol, timeframe), frame)

    def read_ohlcv(
        self, symbol: str, timeframe: Timeframe, start_ms: int | None = None, end_ms: int | None = None
    ) -> pd.DataFrame:
        """Return the candles that open in [start_ms, end_ms)."""
        return self._read_frame(Series(SeriesKind.OHLCV, symbol, timeframe), start_ms, end_ms)

    def ohlcv_span(self, symbol: str, timeframe: Timeframe) -> Span | None:
        """Return the first and last opening time and the number of candles."""
        return self._span(Series(SeriesKind.OHLCV, symbol, timeframe))

    def gaps(self, symbol: str, timeframe: Timeframe) -> tuple[Gap, ...]:
        """Return the holes between the first and the last candle, oldest first."""
        wanted = Series(SeriesKind.OHLCV, symbol, timeframe)
        return self._read(lambda connection: find_gaps(connection, wanted))

    # --- candles of the mark price

    def upsert_mark_klines(self, symbol: str, timeframe: Timeframe, frame: pd.DataFrame) -> int:
        """Store mark klines as `upsert_ohlcv` stores candles."""
        return self._upsert(Series(SeriesKind.MARK, symbol, timeframe), frame)

    def read_mark_klines(
        self, symbol: str, timeframe: Timeframe, start_ms: int | None = None, end_ms: int | None = None
    ) -> pd.DataFrame:
        """Return the mark klines that open in [start_ms, end_ms)."""
        return self._read_frame(Series(SeriesKind.MARK, symbol, timeframe), start_ms, end_ms)

    def mark_span(self, symbol: str, timeframe: Timeframe) -> Span | None:
        """Return the first and last opening time and the number of mark klines."""
        return self._span(Series(SeriesKind.MARK, symbol, timeframe))

    # --- candles of the index price

    def upsert_index_klines(self, symbol: str, timeframe: Timeframe, frame: pd.DataFrame) -> int:
        """Store index klines as `upsert_ohlcv` stores candles."""
        return self._upsert(Series(SeriesKind.INDEX, symbol, timeframe), frame)

    def read_index_klines(
        self, symbol: str, timeframe: Timeframe, start_ms: int | None = None, end_ms: int | None = None
    ) -> pd.DataFrame:
        """Return the index klines that open in [start_ms, end_ms)."""
        return self._read_frame(Series(SeriesKind.INDEX, symbol, timeframe), start_ms, end_ms)

    # --- funding events

    def upsert_funding(self, symbol: str, frame: pd.DataFrame) -> int:
        """Store funding events as `upsert_ohlcv` stores candles."""
        return self._upsert(Series(SeriesKind.FUNDING, symbol), frame)

    def read_funding(
        self, symbol: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> pd.DataFrame:
        """Return the funding events stamped in [start_ms, end_ms)."""
        return self._read_frame(Series(SeriesKind.FUNDING, symbol), start_ms, end_ms)

    def funding_span(self, symbol: str) -> Span | None:
        """Return the first and last time and the number of funding events."""
        return self._span(Series(SeriesKind.FUNDING, symbol))

    # --- open interest

    def upsert_open_interest(self, symbol: str, frame: pd.DataFrame) -> int:
        """Store open interest as `upsert_ohlcv` stores candles."""
        return self._upsert(Series(SeriesKind.OPEN_INTEREST, symbol), frame)

    def read_open_interest(
        self, symbol: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> pd.DataFrame:
        """Return the open interest stamped in [start_ms, end_ms)."""
        return self._read_frame(Series(SeriesKind.OPEN_INTEREST, symbol), start_ms, end_ms)

    def open_interest_span(self, symbol: str) -> Span | None:
        """Return the first and last time and the number of open interest rows."""
        return self._span(Series(SeriesKind.OPEN_INTEREST, symbol))

    # --- instrument rules

    def save_instrument(self, rules: InstrumentRules) -> bool:
        """Store a dated snapshot; return False, storing nothing, if the one in force says the same."""
        return self._write(lambda connection: save_snapshot(connection, rules))

    def read_instrument(self, symbol: str, at_ms: int | None = None) -> InstrumentRules:
        """Return the newest rules, or those in force at `at_ms` (the earliest known if all are later).

        Raises
        ------
        DataNotFound
            If none are stored.
        """
        return self._read(lambda connection: read_snapshot(connection, symbol, at_ms))

    # --- the whole

    def read_market(
        self, symbol: str, timeframes: Sequence[Timeframe], end_ms: int | None = None
    ) -> StoredMarket:
        """Return everything a run reads of a symbol: opening the database takes longer than most reads.

        Raises
        ------
        DataNotFound
            If no instrument rules of the symbol are stored.
        """
        return self._read(lambda connection: read_stored_market(connection, symbol, timeframes, end_ms))

    def coverage(self) -> pd.DataFrame:
        """Return one row per series: kind, symbol, timeframe, rows, first_ts, last_ts, gap_bars.

        `timeframe` is "" and `gap_bars` 0 for funding and open interest, which have no grid.
        """
        return self._read(inventory.coverage)

    def watermark(self, symbol: str) -> str:
        """Return a hash of all that is stored for `symbol`; equal exactly as long as the content is."""
        return self._read(lambda connection: inventory.watermark(connection, symbol))

    def holes(
        self,
        symbols: Sequence[str] = (),
        timeframes: Sequence[Timeframe] = (),
        kind: SeriesKind = SeriesKind.OHLCV,
    ) -> tuple[Hole, ...]:
        """Return the holes of all candle series of a kind, or of these, found in one query."""
        return self._read(lambda connection: holes.find_holes(connection, kind, symbols, timeframes))

    def reopen_holes(self, symbols: Sequence[str] = (), at_ms: int | None = None) -> int:
        """Let the next sync ask again for holes the exchange had nothing for; return how many there were."""
        return self._write(lambda connection: holes.reopen(connection, symbols, at_ms))

    def read_series(
        self, wanted: Series, start_ms: int | None = None, end_ms: int | None = None
    ) -> pd.DataFrame:
        """Return the rows of any series in [start_ms, end_ms)."""
        return self._read_frame(wanted, start_ms, end_ms)

    def query(self, sql: str, most_rows: int) -> QueryAnswer:
        """Return the first rows of one SELECT over the tables.

        Raises
        ------
        ConfigurationError
            If it is not one SELECT, or cannot be answered.
        """
        with self._connect(True) as connection:
            return run_query(connection, sql, most_rows)

    # --- what was done to the data

    def journal(
        self, symbols: Sequence[str] = (), actions: Sequence[Action] = (), limit: int | None = None
    ) -> tuple[JournalEntry, ...]:
        """Return the newest entries of the journal, oldest first."""
        return self._read(lambda connection: read_journal(connection, symbols, actions, limit))

    def quarantine(self, symbols: Sequence[str] = (), limit: int | None = None) -> tuple[QuarantinedRow, ...]:
        """Return the newest rows that were put aside, oldest first."""
        return self._read(lambda connection: read_quarantine(connection, symbols, limit))

    def revisions(self, symbols: Sequence[str] = (), limit: int | None = None) -> tuple[Revision, ...]:
        """Return the newest rows that came with other values, oldest first."""
        return self._read(lambda connection: read_revisions(connection, symbols, limit))

    # --- for imports

    def import_reading(self, reading: Reading, layout: str, at_ms: int) -> ImportedSeries:
        """Store the rows of files; see `importing.write_reading`.

        Raises
        ------
        ConfigurationError
            If the store holds rows of an exchange; nothing is written then.
        """
        return self._write(lambda connection: write_reading(connection, reading, layout, at_ms))

    # --- for the sync

    def sync_status(self, identity: str, symbol: str, wanted: Sequence[Series]) -> StoreStatus:
        """Return what is stored and known of `wanted`; refuse as `claim_source` does.

        A database that does not exist yet holds nothing.
        """
        try:
            return self._read(lambda connection: sync_rows.read_status(connection, identity, symbol, wanted))
        except DataNotFound:
            return StoreStatus({each: sync_rows.SeriesStatus() for each in wanted})

    def write_sync(self, write: SyncWrite) -> list[Upserted]:
        """Store what a sync fetched in one transaction; return what each of `write.fetched` changed.

        Raises
        ------
        ConfigurationError
            If the store holds the data of another exchange than `write.identity`.
        """
        return self._write(lambda connection: sync_rows.write_sync(connection, write))

    # --- how

    def _read[T](self, look: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._connect(True) as connection:
            try:
                return look(connection)
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                raise DataNotFound(
                    "the market database has no tables yet, or those of an older version",
                    way_out="run `trade init`, which leaves what is stored, and then `trade sync`",
                ) from error

    def _write[T](self, change: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        try:
            return self._change(change)
        except (duckdb.CatalogException, duckdb.BinderException):  # made a moment ago, or by an older version
            self._change(create_tables)
            return self._change(change)

    def _change[T](self, change: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        waits = random.Random()
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._connect(False) as connection:
                    return _in_transaction(connection, change)
            except (duckdb.TransactionException, duckdb.ConstraintException) as error:
                if not _is_collision(error):
                    raise
                if attempt == _ATTEMPTS:
                    raise DataError(
                        f"a write to the market database collided {attempt} times in a row: {error}",
                        way_out="let fewer threads write at once, and try again",
                    ) from error
            time.sleep(waits.uniform(0, _LONGEST_WAIT_S))

    def _upsert(self, wanted: Series, frame: pd.DataFrame) -> int:
        def change(connection: duckdb.DuckDBPyConnection) -> int:
            changed = series_write.upsert(connection, wanted, frame)
            return changed.new + changed.revised

        return self._write(change)

    def _read_frame(self, wanted: Series, start_ms: int | None, end_ms: int | None) -> pd.DataFrame:
        return self._read(lambda connection: series.read(connection, wanted, start_ms, end_ms))

    def _span(self, wanted: Series) -> Span | None:
        return self._read(lambda connection: series.span(connection, wanted))


def _in_transaction[T](
    connection: duckdb.DuckDBPyConnection, change: Callable[[duckdb.DuckDBPyConnection], T]
) -> T:
    connection.begin()
    try:
        result = change(connection)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return result


def _is_collision(error: duckdb.Error) -> bool:
    # Another thread of this process was first, with the same row or, of a new series, with its first one.
    # Done again, the change starts from what the other has left.
    return isinstance(error, duckdb.TransactionException) or "primary key" in str(error).lower()
