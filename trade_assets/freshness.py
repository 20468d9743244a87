"""Freshness: whether what is stored is what would be made again.

Every artifact names the code that made it and the hash of each artifact it was made from. It is current if
that code is the present code, and each of those artifacts is still the one it was made from and is current
itself. At the root, `raw_ohlcv` is current if the store has not changed since and no candle has closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.errors import CorruptData, DataNotFound, GateRefused, TradeError
from engine.market_data.store import HistoricalDataStore
from engine.timeframes import Timeframe
from trade_assets.artifacts import Address, ArtifactStore
from trade_assets.assets.market import RAW_OHLCV_KEY
from trade_assets.partitions import Partition


def is_current(store: ArtifactStore, address: Address, code_versions: Mapping[tuple[str, ...], str]) -> bool:
    """Return whether the artifact of `address` is current, down to the synced candles.

    Parameters
    ----------
    store : ArtifactStore
        Where it is.
    address : Address
        Which.
    code_versions : mapping of asset key to str
        The present code version of every asset.
    """
    try:
        pointer = store.pointer(address)
    except (DataNotFound, CorruptData):
        return False
    if store.is_refused(address) or not store.is_present(pointer):
        return False
    if pointer.code_version != code_versions.get(address.asset_key):
        return False
    return all(
        _sha256(store, taken) == sha256 and is_current(store, taken, code_versions)
        for taken, sha256 in ((Address.parse(path), sha256) for path, sha256 in pointer.inputs.items())
    )


def is_synced(
    artifacts: ArtifactStore,
    market: HistoricalDataStore,
    symbol: str,
    timeframes: Collection[Timeframe],
    *,
    now_ms: int,
    history_start_ms: int,
) -> bool:
    """Return whether `symbol` has every candle closed at `now_ms`, and is stored as the assets left it.

    Parameters
    ----------
    artifacts, market
        The artifacts of `raw_ohlcv`, and the store they describe.
    now_ms : int
        The exchange's clock.
    history_start_ms : int
        Where history shall begin.
    """
    try:
        records = {
            each: artifacts.read(Address(RAW_OHLCV_KEY, Partition(symbol, each))) for each in timeframes
        }
        stored = market.watermark(symbol)
    except (DataNotFound, CorruptData, GateRefused):
        return False
    reaches_now = all(record["last_ts_open"] >= each.last_closed(now_ms) for each, record in records.items())
    same_start = all(record["history_start_ms"] == history_start_ms for record in records.values())
    # Syncing one timeframe changes the symbol's watermark, so only the newest record has the present one.
    return reaches_now and same_start and stored in {record["watermark"] for record in records.values()}


def _sha256(store: ArtifactStore, address: Address) -> str | None:
    try:
        return store.pointer(address).sha256
    except TradeError:
        return None
