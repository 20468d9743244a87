"""The account of the settings: its key from the environment, its limits shared, its state apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.exchange.breaker import process_breaker
from engine.exchange.limits import SharedRequestLimiter
from engine.exchange.session import BybitSession
from engine.exchange.timing import Timing
from engine.exchange.trading.contract_rules import RulesBook
from engine.exchange.trading.endpoint_limits import EndpointLimits
from engine.exchange.trading.environment import (
    ARMED,
    ARMED_VARIABLE,
    TradingEnvironment,
    private_stream_url,
    read_credentials,
)
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.private_stream import PrivateStream
from engine.exchange.trading.signed_session import SignedSession
from engine.settings import TradeSettings


def trading_folder(settings: TradeSettings) -> Path:
    """Return the folder of what is kept of the settings' account: one for each environment."""
    return settings.data_dir / settings.exchange.value / "trading"


def market_session(settings: TradeSettings, timing: Timing | None = None) -> BybitSession:
    """Return requests for public data of the market that the settings' account trades in.

    A demo account's market is that of the exchange itself.
    """
    return BybitSession(
        settings.exchange_url,
        limiter=SharedRequestLimiter(settings.request_limit_file, timing=timing),
        breaker=process_breaker(settings.exchange_url),
        timing=timing,
    )


def connect_account(
    settings: TradeSettings, variables: Mapping[str, str], timing: Timing | None = None
) -> ExchangeManager:
    """Return the manager of the account that belongs to the settings' exchange. Nothing is asked yet.

    Parameters
    ----------
    settings : TradeSettings
        Which exchange, and where state is kept.
    variables : mapping of str to str
        Environment variables (usually `os.environ`) with the account's key.
    timing : Timing, optional
        The clock and the way to wait.

    Raises
    ------
    ConfigurationError
        If the exchange has no accounts, or there is no usable key.
    """
    environment = TradingEnvironment.of(settings.exchange)
    credentials = read_credentials(environment, variables)
    address = SharedRequestLimiter(settings.request_limit_file, timing=timing)
    session = SignedSession(
        environment.api_url(settings),
        credentials,
        limits=EndpointLimits(trading_folder(settings) / "limits", address, timing),
        timing=timing,
    )
    market = market_session(settings, timing)
    return ExchangeManager(
        session,
        RulesBook(market, market.timing.monotonic_s),
        environment,
        market,
        is_armed=variables.get(ARMED_VARIABLE) == ARMED,
    )


def connect_stream(
    manager: ExchangeManager, *, cancel_on_disconnect: bool = False, timing: Timing | None = None
) -> PrivateStream:
    """Return the private stream of a manager's account. Nothing is asked yet."""
    return PrivateStream(
        manager,
        private_stream_url(manager.session.base_url),
        cancel_on_disconnect=cancel_on_disconnect,
        timing=timing or manager.session.timing,
    )
