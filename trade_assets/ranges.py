"""Ranges: which partitions go into one run together, and which assets there are to make in them.

A run over a rectangle of symbols and timeframes makes each asset for all of its partitions before it goes on
to the next asset. So the higher timeframes a backtest reads are there when it is made, and the run of one
symbol fails or succeeds by itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.assets.cards import card_keys
from trade_assets.assets.market import MARKET_KEYS
from trade_assets.partitions import Partition, Universe, largest_first

# A run costs about three seconds of start-up: this many are started for one candle close at most, so hundreds
# of symbols are some larger runs, and a few symbols a run each.
MOST_RUNS = 12


@dataclass(frozen=True)
class PartitionRange:
    """Symbols that follow each other at timeframes that follow each other, in the order of the partitions."""

    first: Partition
    last: Partition

    @classmethod
    def of(cls, symbols: Sequence[str], timeframes: Collection[Timeframe]) -> PartitionRange:
        """Return the smallest range that holds `symbols` at `timeframes`."""
        ordered = largest_first(timeframes)
        return cls(Partition(min(symbols), ordered[0]), Partition(max(symbols), ordered[-1]))

    def tags(self) -> dict[str, str]:
        """Return the tags that make a run go over this range."""
        return {
            ASSET_PARTITION_RANGE_START_TAG: self.first.key,
            ASSET_PARTITION_RANGE_END_TAG: self.last.key,
        }

    def partitions(self, universe: Universe) -> list[Partition]:
        """Return the partitions of `universe` that are inside."""
        return [
            Partition(symbol, timeframe)
            for symbol in universe.symbols
            if self.first.symbol <= symbol <= self.last.symbol
            for timeframe in universe.timeframes
            if self.last.timeframe <= timeframe <= self.first.timeframe
        ]

    def __str__(self) -> str:
        return self.first.key if self.first == self.last else f"{self.first.key}...{self.last.key}"


def symbol_ranges(symbols: Sequence[str], timeframes: Collection[Timeframe]) -> list[PartitionRange]:
    """Return ranges that hold every symbol at `timeframes`: one each, or up to `MOST_RUNS` of equal size."""
    size = max(1, math.ceil(len(symbols) / MOST_RUNS))
    ordered = sorted(symbols)
    return [
        PartitionRange.of(ordered[start : start + size], timeframes) for start in range(0, len(ordered), size)
    ]


def keys_to_make(plans: Collection[CardPlan], timeframes: Collection[Timeframe]) -> list[dg.AssetKey]:
    """Return the assets there is something to make of at `timeframes`: the market's and of these cards."""
    keys = [*MARKET_KEYS, *(key for plan in plans for key in card_keys(plan, timeframes))]
    return [dg.AssetKey(list(key)) for key in keys]
