"""Partitions: what one piece of work is, a symbol at a timeframe.

There is one partitions definition for every asset, because a run can only hold assets that share one. It is
static: what `engine.market_data.universe` says is wanted when the code location loads. What an asset does in
a partition belongs elsewhere.

https://docs.dagster.io/guides/build/partitions-and-backfills
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

import dagster as dg

from engine.errors import ConfigurationError
from engine.market_data.universe import WantedSeries
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
    """The partitions all assets share.

    Attributes
    ----------
    symbols : tuple of str
        Those the cards name first, then the others, then those that are retired; each group by name. So each
        group is one range, and a run can go over it.
    timeframes : tuple of Timeframe
        The largest first.
    partitions : MultiPartitionsDefinition
        Every symbol at every timeframe.
    of_cards, retired : frozenset of str
        Which symbols cards name, and which the exchange no longer trades: their partitions and data stay, and
        no automation asks for them.
    """

    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    partitions: dg.MultiPartitionsDefinition
    of_cards: frozenset[str]
    retired: frozenset[str]

    @classmethod
    def of(cls, wanted: WantedSeries) -> Self:
        """Return the universe of what is wanted.

        Ranges are rectangles in the order of the symbols and timeframes, so with three cards' symbols
        `BTCUSDT|4h...SOLUSDT|15m` is every one of them at every timeframe from 4h down to 15m.
        """
        of_cards = frozenset(wanted.of_cards)
        symbols = tuple(
            sorted(wanted.symbols, key=lambda each: (each in wanted.retired, each not in of_cards, each))
        )
        timeframes = largest_first(wanted.timeframes)
        dimensions = {
            SYMBOL: dg.StaticPartitionsDefinition(list(symbols)),
            TIMEFRAME: dg.StaticPartitionsDefinition([str(each) for each in timeframes]),
        }
        return cls(symbols, timeframes, dg.MultiPartitionsDefinition(dimensions), of_cards, wanted.retired)

    @property
    def traded(self) -> tuple[str, ...]:
        """The symbols there is more to come of, in their order."""
        return tuple(symbol for symbol in self.symbols if symbol not in self.retired)


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
