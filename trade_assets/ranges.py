"""Ranges: which partitions go into one run together.

A run over a rectangle of symbols and timeframes makes each asset for all of its partitions before it goes on
to the next asset.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import dagster as dg

from engine.timeframes import Timeframe
from trade_assets.partitions import Partition, Universe, largest_first

# What `dagster asset materialize --partition-range` tags its run with; `RunRequest` has no parameter for it.
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"
_PRIORITY_TAG = "dagster/priority"
SYMBOLS_TAG = "trade/symbols"


@dataclass(frozen=True)
class PartitionRange:
    """Symbols that follow each other at timeframes that follow each other, in the order of the partitions."""

    first: Partition
    last: Partition

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
            Runs with a higher one start first. Those that share symbols do not run at the same time, by the
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
    universe: Universe, symbols: Collection[str], timeframes: Collection[Timeframe], *, most_symbols: int
) -> list[PartitionRange]:
    """Return ranges that hold `symbols`, and no other symbol, at least at `timeframes`.

    Parameters
    ----------
    universe : Universe
        All there is: symbols can be together in a range only if none lies between them.
    symbols : collection of str
        Which are wanted.
    timeframes : collection of Timeframe
        Each range goes from the largest to the smallest of them.
    most_symbols : int
        How many symbols a range may have.
    """
    ordered = largest_first(timeframes)
    groups: list[list[str]] = []
    adjacent = False
    for symbol in universe.symbols:
        if symbol in symbols:
            if adjacent and len(groups[-1]) < most_symbols:
                groups[-1].append(symbol)
            else:
                groups.append([symbol])
        adjacent = symbol in symbols
    return [
        PartitionRange(Partition(group[0], ordered[0]), Partition(group[-1], ordered[-1])) for group in groups
    ]
