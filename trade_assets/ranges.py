"""Ranges: which partitions go into one run together, and which assets there are to make in them.

A run over a rectangle of symbols and timeframes makes each asset for all of its partitions before it goes on
to the next asset. So the higher timeframes a backtest reads are there when it is made, and the run of one
symbol fails or succeeds by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import dagster as dg

from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.assets.cards import card_keys
from trade_assets.assets.market import MARKET_KEYS
from trade_assets.partitions import Partition, Universe, largest_first

# What `dagster asset materialize --partition-range` tags its run with; `RunRequest` has no parameter for it.
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class PartitionRange:
    """Symbols that follow each other at timeframes that follow each other, in the order of the partitions."""

    first: Partition
    last: Partition

    @classmethod
    def of_symbol(cls, symbol: str, timeframes: Collection[Timeframe]) -> Self:
        """Return the range of one symbol from the largest to the smallest of `timeframes`."""
        return cls(Partition(symbol, max(timeframes)), Partition(symbol, min(timeframes)))

    def tags(self) -> dict[str, str]:
        """Return the tags that make a run go over this range."""
        return {_RANGE_START_TAG: self.first.key, _RANGE_END_TAG: self.last.key}

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


def keys_to_make(plans: Collection[CardPlan], timeframes: Collection[Timeframe]) -> list[dg.AssetKey]:
    """Return the assets there is something to make of at `timeframes`: the market's and of these cards."""
    keys = [*MARKET_KEYS, *(key for plan in plans for key in card_keys(plan, timeframes))]
    return [dg.AssetKey(list(key)) for key in keys]
