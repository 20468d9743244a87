"""Resources: the databases, the exchange and the clock, as values the assets are given.

Each is rebuilt from its configuration in every worker and holds no open connection. What is done with them
belongs to `engine`.

https://docs.dagster.io/guides/build/external-resources
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from engine.exchange.client import BybitMarketClient
from engine.exchange.connect import shared_market_client
from engine.market_data.duckdb_file import LOCK_TIMEOUT_S, connect
from engine.market_data.store import HistoricalDataStore
from engine.promotion.ledger import PromotionLedger
from engine.promotion.sweep_ledger import SweepLedger
from engine.settings import Cluster


class DatabaseFile(DuckDBResource):
    """A DuckDB file that several processes share.

    In place of dagster-duckdb's connection, which knows no read-only mode, leaves the file locked when the
    body raises and waits for a lock without jitter, for up to 102 seconds. There is no concurrency pool
    around it: a pool's slot stays taken for ever when its holder is killed, the file's lock does not.
    """

    filled_by: str = "trade sync"
    lock_timeout_s: float = LOCK_TIMEOUT_S

    @contextmanager
    def get_connection(self, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect for the length of a `with` block; see `engine.market_data.duckdb_file.connect`."""
        with connect(
            Path(self.database), read_only=read_only, timeout_s=self.lock_timeout_s, filled_by=self.filled_by
        ) as connection:
            yield connection


class MarketDatabase(DatabaseFile):
    """The market data of one exchange."""

    def store(self) -> HistoricalDataStore:
        """Return the store over this database."""
        return HistoricalDataStore(self.get_connection)


class PromotionDatabase(DatabaseFile):
    """The promotion decisions."""

    filled_by: str = "trade run"

    def ledger(self) -> PromotionLedger:
        """Return the ledger over this database."""
        return PromotionLedger(self.get_connection)


class ShadowEvidenceFolder(dg.ConfigurableResource[None]):
    """Where runs in shadow leave their evidence."""

    folder: str

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder)


class SweepDatabase(DatabaseFile):
    """The trials of all sweeps."""

    filled_by: str = "trade sweep"

    def ledger(self) -> SweepLedger:
        """Return the ledger over this database."""
        return SweepLedger(self.get_connection)


class ComputeCluster(dg.ConfigurableResource[None]):
    """Where the sets of a sweep run: "" for threads of the step's own process, or as `TRADE_CLUSTER` says."""

    name: str = ""

    def cluster(self) -> Cluster | None:
        """Return the cluster; None for this process."""
        return Cluster.parse(self.name)


class ExchangeClient(dg.ConfigurableResource[None]):
    """The exchange's public API, at an address; its request limit is kept in a file that processes share."""

    base_url: str
    request_limit_file: str

    def client(self) -> BybitMarketClient:
        """Return a client. Nothing is asked yet."""
        return shared_market_client(self.base_url, Path(self.request_limit_file))


class Clock(dg.ConfigurableResource[None]):
    """The time, as far as it is not the exchange's to say."""

    def now_ms(self) -> int:
        """Return UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000


class FrozenClock(Clock):
    """A clock that stands still, for tests and for doing again what was done at another time."""

    at_ms: int

    def now_ms(self) -> int:
        """Return the moment it stands at."""
        return self.at_ms
