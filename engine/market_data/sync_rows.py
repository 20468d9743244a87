"""What a sync reads before it asks the exchange, and writes after, over an open connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from engine.market_data import series as series_rows
from engine.market_data import sync_state
from engine.market_data.gaps import Gap, find_gaps
from engine.market_data.holes import absent_gaps, note_answers, without
from engine.market_data.instrument_snapshots import save_snapshot
from engine.market_data.instruments import InstrumentRules
from engine.market_data.series import Span, Upserted
from engine.market_data.series_counts import set_count
from engine.market_data.series_write import upsert
from engine.market_data.source import check_source, claim_source
from engine.market_data.sync_state import Window
from engine.market_data.tables import Series


@dataclass(frozen=True)
class SeriesStatus:
    """What is stored of a series, and the range of time of which everything is known to be there.

    `gaps` are its holes, `absent` what of them the exchange was asked again for and has not.
    """

    span: Span | None = None
    asked: Window | None = None
    gaps: tuple[Gap, ...] = ()
    absent: tuple[Gap, ...] = ()

    def open_gaps(self, bar_ms: int) -> tuple[Gap, ...]:
        """Return the holes that are worth asking for."""
        return without(self.gaps, self.absent, bar_ms) if self.absent else self.gaps


@dataclass(frozen=True)
class StoreStatus:
    """What a sync needs to know before it asks for anything."""

    series: dict[Series, SeriesStatus]
    rules_asked_ms: int | None = None


@dataclass(frozen=True)
class Fetched:
    """The rows of a series that the exchange has in `window`, all of them."""

    series: Series
    window: Window
    frame: pd.DataFrame


@dataclass(frozen=True)
class RulesAnswer:
    """The trading rules of `symbol` as the exchange gave them at `asked_ms`.

    None if it has none any more: of a delisted symbol nobody asked about while it traded.
    """

    symbol: str
    asked_ms: int
    rules: InstrumentRules | None


@dataclass(frozen=True)
class SyncWrite:
    """What one transaction of a sync writes: whose data they are, the rules if they were asked for, rows.

    `at_ms` is the clock of the sync, for journal, quarantine and revisions.
    """

    identity: str
    rules: RulesAnswer | None
    fetched: Sequence[Fetched]
    at_ms: int | None = None


def read_status(
    connection: duckdb.DuckDBPyConnection, identity: str, symbol: str, wanted: Sequence[Series]
) -> StoreStatus:
    """Return what is stored, and known to have been asked for, of `wanted`.

    Raises
    ------
    ConfigurationError
        If the database holds the data of another exchange than `identity`.
    """
    check_source(connection, identity)
    return StoreStatus(
        {each: _series_status(connection, each) for each in wanted},
        sync_state.read_instrument_check(connection, symbol),
    )


def write_sync(connection: duckdb.DuckDBPyConnection, write: SyncWrite) -> list[Upserted]:
    """Store what was fetched, and that it was asked for; return what each of `write.fetched` changed.

    Raises
    ------
    ConfigurationError
        If the database holds the data of another exchange.
    SchemaViolation
        If a row breaks its schema.
    """
    claim_source(connection, write.identity)
    if write.rules is not None:
        if write.rules.rules is not None:
            save_snapshot(connection, write.rules.rules)
        sync_state.record_instrument_check(connection, write.rules.symbol, write.rules.asked_ms)
    return [_store(connection, each, write.at_ms) for each in write.fetched]


def _series_status(connection: duckdb.DuckDBPyConnection, series: Series) -> SeriesStatus:
    span = series_rows.span(connection, series)
    asked = sync_state.read_asked(connection, series, span)
    if not _has_holes(series, span):
        return SeriesStatus(span, asked)
    return SeriesStatus(span, asked, find_gaps(connection, series), absent_gaps(connection, series))


def _has_holes(series: Series, span: Span | None) -> bool:
    if span is None or series.timeframe is None:
        return False
    return span.rows != (span.last_ts - span.first_ts) // series.timeframe.ms + 1


def _store(connection: duckdb.DuckDBPyConnection, fetched: Fetched, at_ms: int | None) -> Upserted:
    series = fetched.series
    before = series_rows.span(connection, series)
    asked = sync_state.read_asked(connection, series, before)
    # A hole between candles was asked for before, when its neighbours were: this is the second time.
    holes = find_gaps(connection, series, *fetched.window) if _has_holes(series, before) else ()
    changed = upsert(connection, series, fetched.frame, at_ms)
    if holes:
        left = find_gaps(connection, series, *fetched.window)
        note_answers(connection, series, holes, left, fetched.frame[series.kind.time_column].tolist(), at_ms)
    stored = series_rows.span(connection, series)
    set_count(connection, series, stored)
    known = sync_state.known_after(fetched.window, asked, stored, has_grid=series.timeframe is not None)
    if any(changed) or known != asked:
        sync_state.mark_written(connection, series)
        sync_state.record_asked(connection, series, known, stored)
    return changed
