"""Ranges: which partitions go into one run together.

A run over a rectangle of symbols and timeframes makes each asset for all of its partitions before it goes on
to the next asset.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

import dagster as dg

from engine.errors import ConfigurationError
from engine.timeframes import Timeframe
from trade_assets.partitions import Partition, Universe

# What `dagster asset materialize --partition-range` tags its run with; `RunRequest` has no parameter for it.
_PARTITION_TAG = "dagster/partition"
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"
_PRIORITY_TAG = "dagster/priority"
SYMBOLS_TAG = "trade/symbols"


@dataclass(frozen=True)
class PartitionRange:
    """Symbols that follow each other at timeframes that follow each other, in the order of the partitions."""

    first: Partition
    last: Partition

    @classmethod
    def of_run(cls, tags: Mapping[str, str]) -> Self | None:
        """Return the range of a run with `tags`; None if they name no partition of ours."""
        only = tags.get(_PARTITION_TAG, "")
        try:
            return cls(
                Partition.parse(tags.get(_RANGE_START_TAG, only)),
                Partition.parse(tags.get(_RANGE_END_TAG, only)),
            )
        except ConfigurationError:
            return None

    @property
    def partition_key(self) -> str | None:
        """The partition a run is started for, if there is only one."""
        return self.first.key if self.first == self.last else None

    @property
    def tags(self) -> dict[str, str]:
        """The tags that make a run go over several partitions; none for a single one."""
        if self.first == self.last:
            return {}
        return {_RANGE_START_TAG: self.first.key, _RANGE_END_TAG: self.last.key}

    @property
    def symbols(self) -> str:
        """The symbols, as text."""
        first, last = self.first.symbol, self.last.symbol
        return first if first == last else f"{first}...{last}"

    def symbols_in(self, universe: Universe) -> tuple[str, ...]:
        """Return the symbols it covers in `universe`; none if an end of it is not there."""
        return _between(universe.symbols, self.first.symbol, self.last.symbol)

    def timeframes_in(self, universe: Universe) -> tuple[Timeframe, ...]:
        """Return the timeframes it covers in `universe`; none if an end of it is not there."""
        return _between(universe.timeframes, self.first.timeframe, self.last.timeframe)

    def request(
        self, *, of: int | str, asset_keys: Collection[dg.AssetKey], priority: int = 0
    ) -> dg.RunRequest:
        """Return the request of a run over this range.

        Parameters
        ----------
        of : int or str
            What the run is for, the close of a candle or a day: asked for once only.
        asset_keys : collection of AssetKey
            What is made.
        priority : int, optional
            Runs with a higher one start first. Those of the same symbols do not run at the same time, by the
            limit that dagster.yaml sets on their tag.
        """
        return dg.RunRequest(
            run_key=f"{self}|{of}",
            asset_selection=list(asset_keys),
            partition_key=self.partition_key,
            tags=self.tags | {SYMBOLS_TAG: self.symbols, _PRIORITY_TAG: str(priority)},
        )

    def __str__(self) -> str:
        return self.first.key if self.first == self.last else f"{self.first.key}...{self.last.key}"


def ranges_of(
    universe: Universe, wanted: Mapping[str, Collection[Timeframe]], *, most_symbols: int
) -> list[PartitionRange]:
    """Return ranges that hold the `wanted` symbols and no other, each at least at its timeframes.

    Parameters
    ----------
    universe : Universe
        All there is: symbols can be together in a range only if none lies between them.
    wanted : mapping of str to collection of Timeframe
        Per symbol. Its range goes from the largest to the smallest of them: the one run is then in the right
        order, and the sync of a timeframe in between that has nothing new costs next to nothing.
    most_symbols : int
        How many symbols a range may have.
    """
    groups: list[tuple[tuple[Timeframe, Timeframe], list[str]]] = []
    before: tuple[Timeframe, Timeframe] | None = None
    for symbol in universe.symbols:
        timeframes = wanted.get(symbol)
        ends = (max(timeframes), min(timeframes)) if timeframes else None
        if ends is not None:
            if ends == before and len(groups[-1][1]) < most_symbols:
                groups[-1][1].append(symbol)
            else:
                groups.append((ends, [symbol]))
        before = ends
    return [
        PartitionRange(Partition(symbols[0], largest), Partition(symbols[-1], smallest))
        for (largest, smallest), symbols in groups
    ]


def _between[ItemT](ordered: tuple[ItemT, ...], first: ItemT, last: ItemT) -> tuple[ItemT, ...]:
    if first not in ordered or last not in ordered:
        return ()
    return ordered[ordered.index(first) : ordered.index(last) + 1]
