"""The databases and the exchange behind the settings, opened the same way by every tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import ConfigurationError
from engine.settings import Exchange, TradeSettings

if TYPE_CHECKING:
    from engine.exchange.client import BybitMarketClient
    from engine.market_data.store import HistoricalDataStore
    from engine.promotion.ledger import PromotionLedger
    from engine.promotion.sweep_ledger import SweepLedger


def market_store(settings: TradeSettings) -> HistoricalDataStore:
    """Return the store of market data; it is created by the first write."""
    from engine.market_data.duckdb_file import connection_factory
    from engine.market_data.store import HistoricalDataStore

    filled_by = "trade data import" if settings.exchange is Exchange.IMPORTED else "trade sync"
    return HistoricalDataStore(connection_factory(settings.market_database, filled_by=filled_by))


def promotion_ledger(settings: TradeSettings) -> PromotionLedger:
    """Return the append-only ledger of promotion decisions; it is created by the first write."""
    from engine.market_data.duckdb_file import connection_factory
    from engine.promotion.ledger import PromotionLedger

    return PromotionLedger(connection_factory(settings.promotion_database, filled_by="trade run"))


def sweep_ledger(settings: TradeSettings) -> SweepLedger:
    """Return the append-only ledger of the trials of all sweeps; it is created by the first write."""
    from engine.market_data.duckdb_file import connection_factory
    from engine.promotion.sweep_ledger import SweepLedger

    return SweepLedger(connection_factory(settings.sweep_database, filled_by="trade sweep"))


def market_client(settings: TradeSettings) -> BybitMarketClient:
    """Return a client of the exchange's public market data.

    Raises
    ------
    ConfigurationError
        If the settings name imported data, which have no exchange.
    """
    if settings.exchange is Exchange.IMPORTED:
        raise ConfigurationError(
            "imported data have no exchange that could be asked",
            way_out="set TRADE_EXCHANGE to sandbox, bybit or demo",
        )
    from engine.exchange.connect import shared_market_client

    return shared_market_client(settings.exchange_url, settings.request_limit_file)
