"""Everything a run reads of one symbol, read over one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from engine.market_data import series
from engine.market_data.instrument_snapshots import read_snapshot
from engine.market_data.instruments import InstrumentRules
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe


@dataclass(frozen=True, eq=False)
class StoredMarket:
    """What is stored of one symbol.

    Attributes
    ----------
    candles, marks : mapping of Timeframe to DataFrame
        Raw candles and mark klines, each empty where none are stored.
    funding : DataFrame
        ts, funding_rate.
    instrument : InstrumentRules
        The newest.
    """

    candles: Mapping[Timeframe, pd.DataFrame]
    marks: Mapping[Timeframe, pd.DataFrame]
    funding: pd.DataFrame
    instrument: InstrumentRules


def read_stored_market(
    connection: duckdb.DuckDBPyConnection,
    symbol: str,
    timeframes: Sequence[Timeframe],
    end_ms: int | None,
) -> StoredMarket:
    """Return the symbol's rows up to `end_ms`, not included; the funding whole.

    Raises
    ------
    DataNotFound
        If no instrument rules of the symbol are stored.
    """

    def of(kind: SeriesKind) -> dict[Timeframe, pd.DataFrame]:
        return {
            timeframe: series.read(connection, Series(kind, symbol, timeframe), None, end_ms)
            for timeframe in timeframes
        }

    return StoredMarket(
        candles=of(SeriesKind.OHLCV),
        marks=of(SeriesKind.MARK),
        funding=series.read(connection, Series(SeriesKind.FUNDING, symbol), None, None),
        instrument=read_snapshot(connection, symbol, None),
    )
