"""What a sync says of itself, while it goes on and afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.market_data.series import Upserted
from engine.market_data.sync_rows import SeriesStatus
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import Timeframe


class SyncStopped(Exception):
    """Raised by whoever watches a sync and wants no more of it."""


@dataclass(frozen=True)
class SyncProgress:
    """How far the sync of one series is: windows asked for, of how many, and rows received."""

    series: Series
    windows_done: int
    windows: int
    rows: int


@dataclass(frozen=True)
class SyncReport:
    """What one sync of a partition did, and what the store holds of its candles afterwards.

    `new_candles`, `mark_klines`, `index_klines`, `funding_events` and `open_interest_rows` count rows that
    were not there before, `revised_candles` those the exchange now gives other values for,
    `quarantined_rows` those of any kind that cannot be. `now_ms` is the moment up to which candles counted
    as closed.
    """

    symbol: str
    timeframe: Timeframe
    new_candles: int
    revised_candles: int
    quarantined_rows: int
    mark_klines: int
    index_klines: int
    funding_events: int
    open_interest_rows: int
    first_ts_open: int | None
    last_ts_open: int | None
    gap_bars: int
    now_ms: int

    def to_plain(self) -> dict[str, Any]:
        """Return the report as plain data that JSON can hold."""
        return {**asdict(self), "timeframe": self.timeframe.value}


def report_of(
    symbol: str,
    timeframe: Timeframe,
    now_ms: int,
    changed: Mapping[SeriesKind, Upserted],
    candles: SeriesStatus,
) -> SyncReport:
    """Return the report of a sync that changed so much of each kind and left `candles`."""
    counts = {kind: changed.get(kind, Upserted(0, 0)) for kind in SeriesKind}
    return SyncReport(
        symbol=symbol,
        timeframe=timeframe,
        new_candles=counts[SeriesKind.OHLCV].new,
        revised_candles=counts[SeriesKind.OHLCV].revised,
        quarantined_rows=sum(count.quarantined for count in counts.values()),
        mark_klines=counts[SeriesKind.MARK].new,
        index_klines=counts[SeriesKind.INDEX].new,
        funding_events=counts[SeriesKind.FUNDING].new,
        open_interest_rows=counts[SeriesKind.OPEN_INTEREST].new,
        first_ts_open=candles.span.first_ts if candles.span else None,
        last_ts_open=candles.span.last_ts if candles.span else None,
        gap_bars=sum(gap.bars for gap in candles.gaps),
        now_ms=now_ms,
    )
