"""Partitions: what one piece of work is, a symbol at a timeframe.

There is one partitions definition for every asset, because a run can only hold assets that share one. It is
static: what the cards name and what the settings add. What an asset does in a partition belongs elsewhere.

https://docs.dagster.io/guides/build/partitions-and-backfills
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

import dagster as dg

from engine.errors import ConfigurationError
from engine.timeframes import Timeframe

# Dagster orders the two dimensions by these names, and puts this sign between their keys.
SYMBOL = "symbol"
TIMEFRAME = "timeframe"
_SEPARATOR = "|"


@dataclass(frozen=True)
class Partition:
    """A symbol at a timeframe."""

    symbol: str
    timeframe: Timeframe

    @classmethod
    def parse(cls, key: str) -> Self:
        """Return the partition of a Dagster key ("BTCUSDT|15m").

        Raises
        ------
        ConfigurationError
            If it is not such a key.
        """
        symbol, separator, timeframe = str(key).partition(_SEPARATOR)
        if not (symbol and separator):
            raise ConfigurationError(
                f"{key!r} is not a partition", way_out="write it as SYMBOL|TIMEFRAME, like 'BTCUSDT|15m'"
            )
        return cls(symbol, Timeframe.parse(timeframe))

    @property
    def key(self) -> str:
        """Dagster's key of the partition."""
        return f"{self.symbol}{_SEPARATOR}{self.timeframe}"

    def at(self, timeframe: Timeframe) -> Partition:
        """Return the same symbol's partition at another timeframe."""
        return Partition(self.symbol, timeframe)

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe}"


def largest_first(timeframes: Iterable[Timeframe]) -> tuple[Timeframe, ...]:
    """Return each timeframe once, the largest first."""
    return tuple(sorted(set(timeframes), reverse=True))


@dataclass(frozen=True)
class Universe:
    """The partitions all assets share: symbols by name, timeframes largest first."""

    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    partitions: dg.MultiPartitionsDefinition

    @classmethod
    def of(cls, symbols: Iterable[str], timeframes: Iterable[Timeframe]) -> Self:
        """Return the universe of `symbols` at `timeframes`.

        Ranges are rectangles in this order, so `BTCUSDT|4h...SOLUSDT|15m` is every symbol from BTCUSDT to
        SOLUSDT at every timeframe from 4h down to 15m.
        """
        ordered, largest = tuple(sorted(set(symbols))), largest_first(timeframes)
        dimensions = {
            SYMBOL: dg.StaticPartitionsDefinition(list(ordered)),
            TIMEFRAME: dg.StaticPartitionsDefinition([str(each) for each in largest]),
        }
        return cls(ordered, largest, dg.MultiPartitionsDefinition(dimensions))


def read_at_once(
    universe: Collection[Timeframe], *, at: Timeframe, reads: Collection[Timeframe]
) -> dg.MultiPartitionMapping:
    """Return the mapping by which partition (symbol, `at`) reads (symbol, each of `reads`).

    Every other partition keeps its edge to its own counterpart: Dagster hands over nothing at all, not even
    an empty input, where a partition has no upstream.
    """
    downstream_of = {
        str(upstream): sorted({str(upstream)} | ({str(at)} if upstream in reads else set()))
        for upstream in universe
    }
    return dg.MultiPartitionMapping(
        {
            SYMBOL: dg.DimensionPartitionMapping(SYMBOL, dg.IdentityPartitionMapping()),
            TIMEFRAME: dg.DimensionPartitionMapping(TIMEFRAME, dg.StaticPartitionMapping(downstream_of)),
        }
    )
