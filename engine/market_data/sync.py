"""Sync: make the store hold what the exchange has of a symbol and timeframe, and remember what it has not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass

import pandas as pd

from engine.errors import DataNotFound, ExchangeError
from engine.exchange.facts import InstrumentFacts
from engine.market_data.instruments import InstrumentRules, RiskTier
from engine.market_data.market_client import MarketDataClient
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync_plan import hole_windows, plan_windows
from engine.market_data.sync_report import SyncProgress, SyncReport, SyncStopped, report_of
from engine.market_data.sync_rows import Fetched, RulesAnswer, SeriesStatus
from engine.market_data.sync_state import Window
from engine.market_data.sync_writer import SyncWriter
from engine.market_data.tables import Series, SeriesKind
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

_OPEN_INTEREST_TIMEFRAME = Timeframe.H1

# What the pipeline reads. Index klines come on demand: they cost as much as candles.
USUAL_KINDS = frozenset(SeriesKind) - {SeriesKind.INDEX}

# What is fetched between two writes: about fifty pages of the exchange's endpoints.
_CHUNK_BARS = 50_000
_FUNDING_CHUNK_MS = 365 * DAY_MS
_OPEN_INTEREST_CHUNK_MS = 10_000 * HOUR_MS

# What belongs to a symbol is asked for by the first of its partitions in a period, and not by the others.
# Funding is stamped on whole minutes, open interest on whole hours; rules change a few times a month.
_FUNDING_PERIOD_MS = MINUTE_MS
_OPEN_INTEREST_PERIOD_MS = HOUR_MS
_RULES_PERIOD_MS = HOUR_MS


class MarketSync:
    """Brings the store up to what the exchange has.

    The network is never asked while the store is open; the next chunk is asked for while one is stored. A
    sync that fails or is killed leaves, of each series, one stretch without a hole that was not there
    before, and the next one goes on from it. Threads may share a sync.

    Parameters
    ----------
    store : HistoricalDataStore
        Where the data go; its tables are created if need be.
    client : MarketDataClient
        Where they come from.
    """

    def __init__(self, store: HistoricalDataStore, client: MarketDataClient) -> None:
        self._store = store
        self._client = client
        self._server_ms = 0

    def sync_partition(
        self,
        symbol: str,
        timeframe: Timeframe,
        *,
        start_ms: int,
        now_ms: int | None = None,
        kinds: Collection[SeriesKind] = USUAL_KINDS,
        progress: Callable[[SyncProgress], None] | None = None,
    ) -> SyncReport:
        """Fetch what is missing of a symbol's candles and mark klines, and of what belongs to the symbol.

        Candles are resumed from the last one stored, which is asked for again to see whether it was revised.
        Holes between stored candles are asked for each time; so is what lies before the stored candles, if
        `start_ms` is earlier than any before. Funding, open interest and instrument rules are left alone if
        another partition of the symbol has just fetched them.

        Parameters
        ----------
        symbol : str
            A USDT perpetual.
        timeframe : Timeframe
            Which candles.
        start_ms : int
            Where history shall begin. If the exchange has nothing so early, it begins with the listing.
        now_ms : int, optional
            Sync up to this moment; the exchange's clock by default, and never later than it. A candle that
            is not closed then is not stored.
        kinds : collection of SeriesKind, optional
            What is fetched.
        progress : callable, optional
            Told after every window. It may raise `SyncStopped`; what has come by then is stored.

        Raises
        ------
        SymbolNotListed
            If the exchange does not list `symbol` as a USDT perpetual; nothing is written.
        ExchangeError
            If the exchange does not answer, or not usably; what came before it is stored.
        ConfigurationError
            If the store holds the data of another exchange; nothing is written.
        """
        identity = self._client.identity()
        now_ms = self._not_later_than_the_exchange(now_ms)
        plans = [
            plan for plan in _series_plans(symbol, timeframe, start_ms, now_ms) if plan.series.kind in kinds
        ]
        candles = Series(SeriesKind.OHLCV, symbol, timeframe)
        wanted = list({candles, *(plan.series for plan in plans)})
        status = self._store.sync_status(identity, symbol, wanted)
        writer = SyncWriter(self._store, identity, now_ms)
        if status.rules_asked_ms is None or _is_over(status.rules_asked_ms, now_ms, _RULES_PERIOD_MS):
            writer.rules = RulesAnswer(symbol, now_ms, self._rules(symbol, now_ms))

        try:
            asked_holes: dict[Series, tuple[Window, ...]] = {}
            for plan in plans:
                known = status.series[plan.series]
                windows = plan_windows(known, plan.wanted, chunk_ms=plan.chunk_ms, bar_ms=plan.bar_ms)
                asked_holes[plan.series] = _hole_windows(plan, known)
                self._fetch(plan, windows, writer, progress)
            if writer.settle():
                status = self._store.sync_status(identity, symbol, wanted)

            # A hole in what has just come is a failed page until the exchange, asked again, has nothing.
            for plan in plans:
                holes = _hole_windows(plan, status.series[plan.series])
                windows = tuple(window for window in holes if window not in asked_holes[plan.series])
                self._fetch(plan, windows, writer, progress)
            if writer.settle():
                status = self._store.sync_status(identity, symbol, wanted)
        except (ExchangeError, SyncStopped, KeyboardInterrupt):
            writer.settle()
            raise
        return report_of(symbol, timeframe, now_ms, writer.changed, status.series[candles])

    def _not_later_than_the_exchange(self, now_ms: int | None) -> int:
        """Return the moment to sync to; the exchange's clock is asked unless it is known to be past that."""
        if now_ms is None or now_ms > self._server_ms:
            self._server_ms = self._client.server_time_ms()
        return self._server_ms if now_ms is None else min(now_ms, self._server_ms)

    def _rules(self, symbol: str, now_ms: int) -> InstrumentRules | None:
        facts, tiers = self._client.instrument(symbol), self._client.risk_tiers(symbol)
        if tiers:
            return instrument_rules(facts, tuple(RiskTier(**asdict(tier)) for tier in tiers), as_of_ms=now_ms)
        # A delisted symbol has no ladder any more: the last one that was seen stays.
        try:
            return instrument_rules(facts, self._store.read_instrument(symbol).tiers, as_of_ms=now_ms)
        except DataNotFound:
            return None

    def _fetch(
        self,
        plan: _SeriesPlan,
        windows: Sequence[Window],
        writer: SyncWriter,
        progress: Callable[[SyncProgress], None] | None,
    ) -> None:
        rows = 0
        with closing(self._answers(plan.series, windows)) as answers:
            for done, (window, frame) in enumerate(answers, start=1):
                times = frame[plan.series.kind.time_column]
                inside = frame[(times >= window.start_ms) & (times < window.end_ms)]
                writer.add(Fetched(plan.series, window, inside))
                rows += len(inside)
                if progress is not None:
                    progress(SyncProgress(plan.series, done, len(windows), rows))

    def _answers(
        self, series: Series, windows: Sequence[Window]
    ) -> Generator[tuple[Window, pd.DataFrame], None, None]:
        """Yield each window with its rows; the next one is asked for while one is in the caller's hands."""
        if len(windows) <= 1:
            yield from ((window, self._ask(series, window)) for window in windows)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="sync") as ahead:
            coming = ahead.submit(self._ask, series, windows[0])
            try:
                for window, following in zip(windows, (*windows[1:], None), strict=True):
                    frame = coming.result()
                    if following is not None:
                        coming = ahead.submit(self._ask, series, following)
                    yield window, frame
            finally:
                coming.cancel()

    def _ask(self, series: Series, window: Window) -> pd.DataFrame:
        if series.timeframe is not None:
            ask = {
                SeriesKind.OHLCV: self._client.klines,
                SeriesKind.MARK: self._client.mark_klines,
                SeriesKind.INDEX: self._client.index_klines,
            }[series.kind]
            return ask(series.symbol, series.timeframe, *window)
        if series.kind is SeriesKind.FUNDING:
            return self._client.funding(series.symbol, *window)
        return self._client.open_interest(series.symbol, _OPEN_INTEREST_TIMEFRAME, *window)


def instrument_rules(
    facts: InstrumentFacts, tiers: tuple[RiskTier, ...], *, as_of_ms: int
) -> InstrumentRules:
    """Return what the exchange says of an instrument as the rules in force at `as_of_ms`."""
    return InstrumentRules(**asdict(facts), as_of_ms=as_of_ms, tiers=tiers)


@dataclass(frozen=True)
class _SeriesPlan:
    """A series, what shall be known of it, and how much of it is asked for at a time."""

    series: Series
    wanted: Window
    chunk_ms: int
    bar_ms: int | None = None


def _series_plans(symbol: str, timeframe: Timeframe, start_ms: int, now_ms: int) -> list[_SeriesPlan]:
    # A candle is closed at `now_ms` if it opens before the one that contains `now_ms`.
    candles = Window(timeframe.floor(start_ms + timeframe.ms - 1), timeframe.floor(now_ms))
    return [
        *(
            _SeriesPlan(Series(kind, symbol, timeframe), candles, _CHUNK_BARS * timeframe.ms, timeframe.ms)
            for kind in (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX)
        ),
        _SeriesPlan(
            Series(SeriesKind.FUNDING, symbol),
            Window(start_ms, now_ms // _FUNDING_PERIOD_MS * _FUNDING_PERIOD_MS + 1),
            _FUNDING_CHUNK_MS,
        ),
        _SeriesPlan(
            Series(SeriesKind.OPEN_INTEREST, symbol),
            Window(start_ms, now_ms // _OPEN_INTEREST_PERIOD_MS * _OPEN_INTEREST_PERIOD_MS + 1),
            _OPEN_INTEREST_CHUNK_MS,
        ),
    ]


def _hole_windows(plan: _SeriesPlan, status: SeriesStatus) -> tuple[Window, ...]:
    return hole_windows(status.open_gaps(plan.bar_ms), plan.bar_ms, plan.chunk_ms) if plan.bar_ms else ()


def _is_over(asked_ms: int, now_ms: int, period_ms: int) -> bool:
    return asked_ms // period_ms < now_ms // period_ms
