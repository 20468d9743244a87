"""Accounts at a sandbox exchange whose clock a test moves, and managers that trade them through pybit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

from exchange_answers import Waits

from engine.exchange.timing import Timing
from engine.exchange.trading.contract_rules import RulesBook
from engine.exchange.trading.environment import ApiCredentials, TradingEnvironment
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.orders import OrderKind, OrderRequest, OrderSide
from engine.exchange.trading.signed_session import SignedSession
from engine.sandbox.clock import SandboxClock
from engine.sandbox.faults import NO_FAULTS, FaultPlan
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer
from engine.timeframes import parse_utc

NOW = parse_utc("2025-07-01T10:07:31")
SYMBOL = "BTCUSDT"
MARKET = GeneratedMarket(seed=7)


@dataclass
class Floor:
    """A sandbox exchange, its clock, and the account that is traded there."""

    server: SandboxServer
    clock: SandboxClock
    manager: ExchangeManager
    waits: Waits

    def price(self, share: float = 1.0, symbol: str = SYMBOL) -> Decimal:
        """The mark price times `share`, on the tick."""
        rules = self.manager.instrument(symbol)
        return rules.nearest_price(self.manager.position(symbol).mark_price * Decimal(str(share)))

    def market(self, name: str, size: str = "0.01", side: OrderSide = OrderSide.BUY, **more) -> OrderRequest:
        """A market order."""
        return OrderRequest(SYMBOL, side, OrderKind.MARKET, Decimal(size), name, **more)

    def limit(self, name: str, share: float = 0.9, size: str = "0.01", **more) -> OrderRequest:
        """A limit order to buy, at a share of the mark price."""
        market = self.market(name, size, **more)
        return replace(market, kind=OrderKind.LIMIT, price=self.price(share))


def manager_at(
    url: str, timing: Timing, *, key: str = "sandbox-key", secret: str = "sandbox-secret"
) -> ExchangeManager:
    """The manager of an account at `url`, which waits by the clock it is given."""
    session = SignedSession(url, ApiCredentials(key, secret), timing=timing, timeout_s=2)
    return ExchangeManager(session, RulesBook(session, timing.monotonic_s), TradingEnvironment.SANDBOX)


@contextmanager
def floor(faults: FaultPlan = NO_FAULTS):
    """A new sandbox exchange at a clock that stands still, with one account of 10,000 USDT at 10x."""
    clock, waits = SandboxClock(NOW), Waits()
    timing = replace(waits.timing, epoch_ms=clock)
    with SandboxServer(MARKET, now_ms=clock, faults=faults) as server:
        yield Floor(server, clock, manager_at(server.url, timing), waits)
