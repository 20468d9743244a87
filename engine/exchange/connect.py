"""The client as the project uses it: one limit for all its processes, one circuit for each of them."""

from __future__ import annotations

from pathlib import Path

from engine.exchange.breaker import process_breaker
from engine.exchange.client import BybitMarketClient
from engine.exchange.limits import SharedRequestLimiter


def shared_market_client(base_url: str, limit_file: Path) -> BybitMarketClient:
    """Return a client of the exchange at `base_url`. Nothing is asked yet.

    Parameters
    ----------
    base_url : str
        For example https://api.bybit.com.
    limit_file : Path
        Where all processes that ask this exchange count their requests; see `SharedRequestLimiter`. The
        stand-in is asked no faster than Bybit: it can be told to enforce the same limit.

    Raises
    ------
    ConfigurationError
        If `base_url` is not an http(s) address.
    """
    limiter = SharedRequestLimiter(limit_file)
    return BybitMarketClient(base_url, limiter=limiter, breaker=process_breaker(base_url))
