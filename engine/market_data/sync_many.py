"""Sync many partitions: several symbols side by side, the partitions of each one after the other.

What belongs to a symbol (funding, open interest, rules) is fetched with the first of its partitions, so these
are not taken apart. The threads share the exchange's request limit and the connections of one client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial

from engine.errors import ExchangeError, ExchangeUnavailable
from engine.market_data.sync import USUAL_KINDS, MarketSync
from engine.market_data.sync_report import SyncProgress, SyncReport, SyncStopped
from engine.market_data.tables import SeriesKind
from engine.timeframes import Timeframe

_SYMBOLS_AT_ONCE = 4

type Partition = tuple[str, Timeframe]


@dataclass(frozen=True)
class PartitionFailure:
    """A partition that could not be synced, and why."""

    symbol: str
    timeframe: Timeframe
    error: ExchangeError

    def to_plain(self) -> dict[str, str]:
        """Return it as plain data: the error by what is wrong."""
        return {"symbol": self.symbol, "timeframe": self.timeframe.value, "error": self.error.problem}


@dataclass(frozen=True)
class ManySynced:
    """What became of the partitions, in the order in which they were asked for."""

    reports: tuple[SyncReport, ...]
    failures: tuple[PartitionFailure, ...]


def sync_partitions(
    sync: MarketSync,
    partitions: Sequence[Partition],
    *,
    start_ms: int,
    now_ms: int,
    kinds: Collection[SeriesKind] = USUAL_KINDS,
    on_step: Callable[[Partition, SyncProgress], None] | None = None,
    on_done: Callable[[Partition], None] | None = None,
) -> ManySynced:
    """Bring every partition up to `now_ms`.

    A symbol the exchange does not list or serve does not stop the others; an exchange that does not answer
    stops all. So does an interrupt (Ctrl-C): what has come by then is stored, and the next sync goes on from
    it.

    Parameters
    ----------
    sync : MarketSync
        From where to where.
    partitions : sequence of (str, Timeframe)
        Which; those of one symbol are synced in this order.
    start_ms, now_ms, kinds
        As of `MarketSync.sync_partition`.
    on_step : callable, optional
        Told after every window of a partition, one at a time.
    on_done : callable, optional
        Told after every partition that was synced or refused, one at a time.

    Raises
    ------
    ExchangeUnavailable
        If the exchange does not answer.
    """
    stopping, telling = threading.Event(), threading.Lock()
    reports: dict[Partition, SyncReport] = {}
    failures: dict[Partition, PartitionFailure] = {}

    def step(partition: Partition, progress: SyncProgress) -> None:
        if stopping.is_set():
            raise SyncStopped
        if on_step is not None:
            with telling:
                on_step(partition, progress)

    def work(symbol: str) -> None:
        for partition in (each for each in partitions if each[0] == symbol):
            if stopping.is_set():
                return
            try:
                reports[partition] = sync.sync_partition(
                    *partition,
                    start_ms=start_ms,
                    now_ms=now_ms,
                    kinds=kinds,
                    progress=partial(step, partition),
                )
            except ExchangeUnavailable:
                raise
            except ExchangeError as error:
                failures[partition] = PartitionFailure(*partition, error)
            if on_done is not None:
                with telling:
                    on_done(partition)

    symbols = dict.fromkeys(symbol for symbol, _ in partitions)
    with ThreadPoolExecutor(_SYMBOLS_AT_ONCE, thread_name_prefix="sync") as threads:
        working = [threads.submit(work, symbol) for symbol in symbols]
        try:
            for each in as_completed(working):
                each.result()
        finally:
            stopping.set()
            threads.shutdown(wait=False, cancel_futures=True)
    return ManySynced(
        tuple(reports[each] for each in partitions if each in reports),
        tuple(failures[each] for each in partitions if each in failures),
    )
