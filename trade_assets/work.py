"""What a function that makes one partition is given and gives back, and who may watch."""

# No `from __future__ import annotations` here: Dagster wants the annotations of a resource as types.

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import dagster as dg

from engine.timeframes import Timeframe
from trade_assets.checks import CheckVerdict
from trade_assets.partitions import Partition

WATCHER = "watcher"


class Watcher(Protocol):
    """Somebody who wants to know how far a run is."""

    def starting(self, asset: str, partition: Partition) -> None:
        """Be told that a partition of `asset` is being made."""

    def made(self, asset: str, partition: Partition, seconds: float) -> None:
        """Be told that it was made, and how long that took apart from Dagster's own work."""


class NullWatcher(dg.ConfigurableResource[None]):
    """Watches nothing."""

    def starting(self, asset: str, partition: Partition) -> None:
        """Do nothing."""

    def made(self, asset: str, partition: Partition, seconds: float) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Made:
    """What a function made of one partition.

    Parameters
    ----------
    value
        What is stored; see `formats.py`.
    metadata : mapping
        For the UI.
    verdicts : tuple of CheckVerdict
        What the asset's checks say. One that is not mentioned has passed: the function would have raised.
    """

    value: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)
    verdicts: tuple[CheckVerdict, ...] = ()


@dataclass(frozen=True)
class Work:
    """The partition to make, the resources to make it with, and what it is made of.

    Parameters
    ----------
    partition : Partition
    resources
    taken : mapping of str to str
        Hash of each artifact that was read, by its address.
    shared
        What the asset's `begin` gave for all partitions of the step.
    config : mapping
        What was asked for beside the partition, of an asset that can be asked.
    """

    partition: Partition
    resources: Any
    taken: Mapping[str, str] = field(default_factory=dict)
    shared: Any = None
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """An upstream asset.

    Parameters
    ----------
    asset_key : tuple of str
        Which.
    timeframes : collection of Timeframe, optional
        If given, the function gets a dictionary of these timeframes of its symbol; else the value of its own
        partition.
    is_argument : bool, optional
        Whether the function gets it at all. It is read in any case: a refusal that stands there holds.
    """

    asset_key: tuple[str, ...]
    timeframes: Collection[Timeframe] | None = None
    is_argument: bool = True
