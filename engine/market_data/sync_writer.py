"""How a sync stores what it fetches: in few, large transactions."""

from __future__ import annotations

from engine.market_data.series import Upserted
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync_rows import Fetched, RulesAnswer, SyncWrite
from engine.market_data.tables import SeriesKind

_ROWS_PER_WRITE = 50_000


class SyncWriter:
    """Gathers what was fetched and stores it in few, large transactions, in the order in which it came."""

    def __init__(self, store: HistoricalDataStore, identity: str, now_ms: int) -> None:
        self.rules: RulesAnswer | None = None
        self.changed: dict[SeriesKind, Upserted] = {}
        self._store = store
        self._identity = identity
        self._now_ms = now_ms
        self._pending: list[Fetched] = []
        self._stored = False

    def add(self, fetched: Fetched) -> None:
        """Take what was fetched; store all that is gathered once it is enough."""
        self._pending.append(fetched)
        if sum(len(each.frame) for each in self._pending) >= _ROWS_PER_WRITE:
            self._flush()

    def settle(self) -> bool:
        """Store what is gathered; return whether anything was stored since this was last asked."""
        self._flush()
        stored, self._stored = self._stored, False
        return stored

    def _flush(self) -> None:
        if not self._pending and self.rules is None:
            return
        write = SyncWrite(self._identity, self.rules, tuple(self._pending), self._now_ms)
        for fetched, changed in zip(write.fetched, self._store.write_sync(write), strict=True):
            before = self.changed.get(fetched.series.kind, Upserted(0, 0))
            self.changed[fetched.series.kind] = Upserted(*map(sum, zip(before, changed, strict=True)))
        self._pending.clear()
        self.rules = None
        self._stored = True
