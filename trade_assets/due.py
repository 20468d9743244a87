"""Due: which partitions automatic runs are asked for now, worked out from the clock and what became of runs.

A partition is due when a candle of it has closed that no run was asked for, and again when its last sync
failed. One that a run is already busy with waits until that run has ended: what it missed is fetched then, in
one go, so a slow sync makes no queue. Everything here is values; the sensor reads the clock and the instance.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from engine.errors import TradeError
from engine.timeframes import MINUTE_MS, Timeframe
from trade_assets.partitions import Partition, Universe

# What failed is tried again when the clock passes the next multiple of this, all of it together.
RETRY_EVERY_MS = 5 * MINUTE_MS

Partitions = frozenset[Partition]
NONE: Partitions = frozenset()


@dataclass(frozen=True)
class Memory:
    """What is remembered from one look to the next.

    Attributes
    ----------
    closes : mapping of Timeframe to int
        The close up to which runs were asked for.
    waiting : frozenset of Partition
        Due, but a run was busy with them.
    failed : frozenset of Partition
        Those whose sync failed and was not asked for again.
    failed_at_ms : int
        When the last of them was found.
    asked : tuple of str
        Keys of the runs whose end has not been seen.
    """

    closes: Mapping[Timeframe, int] = field(default_factory=dict)
    waiting: Partitions = NONE
    failed: Partitions = NONE
    failed_at_ms: int = 0
    asked: tuple[str, ...] = ()

    @classmethod
    def parse(cls, cursor: str | None) -> Self:
        """Return what a cursor holds; one that cannot be read holds nothing, and everything is due once."""
        try:
            found = json.loads(cursor or "{}")
            return cls(
                closes={Timeframe(name): int(close) for name, close in found["closes"].items()},
                waiting=frozenset(map(Partition.parse, found["waiting"])),
                failed=frozenset(map(Partition.parse, found["failed"])),
                failed_at_ms=int(found["failed_at_ms"]),
                asked=tuple(map(str, found["asked"])),
            )
        except (ValueError, TypeError, KeyError, AttributeError, TradeError):
            return cls()

    def to_cursor(self) -> str:
        """Return it as a cursor."""
        return json.dumps(
            {
                "closes": {str(timeframe): close for timeframe, close in sorted(self.closes.items())},
                "waiting": sorted(each.key for each in self.waiting),
                "failed": sorted(each.key for each in self.failed),
                "failed_at_ms": self.failed_at_ms,
                "asked": self.asked,
            }
        )


@dataclass(frozen=True)
class Outcome:
    """What became of the runs since the last look.

    `busy` are the partitions of runs that have not ended, `failed` those whose sync failed, `open` the keys
    of the runs that were asked for and have not ended.
    """

    busy: Partitions = NONE
    failed: Partitions = NONE
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Due:
    """What to ask for.

    Attributes
    ----------
    partitions : mapping of str to frozenset of Timeframe
        By symbol.
    again : frozenset of str
        The symbols of which something failed before.
    memory : Memory
        To be remembered, without the keys of the runs that are asked for now.
    """

    partitions: Mapping[str, frozenset[Timeframe]]
    again: frozenset[str]
    memory: Memory


def due(
    universe: Universe,
    paces: Mapping[Timeframe, Timeframe],
    memory: Memory,
    outcome: Outcome,
    now_ms: int,
) -> Due:
    """Return which partitions of the symbols that trade are due, and what to remember.

    Parameters
    ----------
    universe : Universe
        The partitions there are.
    paces : mapping of Timeframe to Timeframe
        By timeframe, that whose closes bring it work: its own, or a larger one.
    memory : Memory
        From the last look.
    outcome : Outcome
        What became of the runs since.
    now_ms : int
        Candles that close until then count as closed.
    """
    closes = {timeframe: pace.floor(now_ms) for timeframe, pace in paces.items()}
    closed = [timeframe for timeframe, close in closes.items() if close > memory.closes.get(timeframe, 0)]
    fresh = {Partition(symbol, timeframe) for symbol in universe.traded for timeframe in closed}
    there = {Partition(symbol, timeframe) for symbol in universe.traded for timeframe in paces}

    failed = memory.failed | outcome.failed
    failed_at_ms = now_ms if outcome.failed else memory.failed_at_ms
    is_time = now_ms // RETRY_EVERY_MS > failed_at_ms // RETRY_EVERY_MS
    again = failed if is_time else failed & fresh

    wanted = (fresh | memory.waiting | again) & there
    # A symbol waits as a whole: its timeframes follow each other in one run.
    busy = {each.symbol for each in wanted & outcome.busy}
    waiting = frozenset(each for each in wanted if each.symbol in busy)
    asked: dict[str, set[Timeframe]] = {}
    for each in wanted - waiting:
        asked.setdefault(each.symbol, set()).add(each.timeframe)
    return Due(
        partitions={symbol: frozenset(timeframes) for symbol, timeframes in asked.items()},
        again=frozenset(each.symbol for each in again - waiting),
        memory=Memory(
            closes=dict(memory.closes) | closes,
            waiting=waiting,
            failed=(failed - again) & there,
            failed_at_ms=failed_at_ms,
            asked=outcome.open,
        ),
    )


def latest_close(timeframes: Collection[Timeframe], memory: Memory) -> int:
    """Return the newest close that `memory` has of `timeframes`, in milliseconds."""
    return max(memory.closes[timeframe] for timeframe in timeframes)
