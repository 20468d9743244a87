"""What market data are asked of: the shape of an exchange's client."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from engine.exchange.facts import InstrumentFacts, RiskTierFacts
from engine.timeframes import Timeframe


class MarketDataClient(Protocol):
    """What the sync asks of an exchange. Frames cover [start_ms, end_ms), sorted by time."""

    def identity(self) -> str:
        """Return who the exchange is."""
        ...

    def server_time_ms(self) -> int:
        """Return the exchange's clock."""
        ...

    def klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return candles of the last price."""
        ...

    def mark_klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return candles of the mark price."""
        ...

    def index_klines(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return candles of the index price."""
        ...

    def funding(self, symbol: str, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return funding events."""
        ...

    def open_interest(self, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> pd.DataFrame:
        """Return open interest."""
        ...

    def instrument(self, symbol: str) -> InstrumentFacts:
        """Return the trading rules of a USDT perpetual."""
        ...

    def risk_tiers(self, symbol: str) -> tuple[RiskTierFacts, ...]:
        """Return its risk-limit ladder, lowest tier first; empty for one that is delisted."""
        ...
