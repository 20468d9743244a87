"""The account behind the settings, opened the same way by every tool that trades or reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints

from engine.timeframes import DAY_MS
from engine.tools.registry import ToolContext, ToolInput
from engine.tools.stores import market_client

if TYPE_CHECKING:
    from engine.exchange.trading.manager import ExchangeManager
    from engine.live.by_hand import HandTrader
    from engine.market_data.instruments import InstrumentRules
    from engine.settings import TradeSettings


SymbolName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{3,30}$")]
"""Nothing but what Bybit's symbols are made of: it becomes part of an address."""
OrderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,36}$")]


class OfSymbol(ToolInput):
    """A symbol."""

    symbol: SymbolName = Field(description="as BTCUSDT")


class MaybeSymbol(ToolInput):
    """A symbol, or all."""

    symbol: SymbolName | None = Field(None, description="as BTCUSDT; none: all")


class Since(ToolInput):
    """How far back."""

    days: float = Field(7, description="how many days back", gt=0, le=730)


class SinceOfSymbol(Since):
    """How far back, of a symbol or all."""

    symbol: SymbolName | None = Field(None, description="as BTCUSDT; none: all")


def account_of(context: ToolContext) -> ExchangeManager:
    """Return the account of the settings' exchange. Nothing is asked yet.

    Raises
    ------
    ConfigurationError
        If the exchange has no accounts, or there is no usable key.
    """
    from engine.exchange.trading.connect import connect_account

    return connect_account(context.settings, os.environ)


def since_ms(asked: Since, manager: ExchangeManager) -> int:
    """Return from when on something is asked for, by the exchange's clock."""
    manager.clock_offset_ms()
    return manager.session.server_ms() - round(asked.days * DAY_MS)


@contextmanager
def by_hand(context: ToolContext) -> Iterator[HandTrader]:
    """Give who places orders by hand on the account of the settings.

    Raises
    ------
    ConfigurationError
        If the account, the limits or the journal cannot be used.
    ExchangeUnavailable
        If the exchange does not tell its time, which the books of losses are kept by.
    """
    from engine.live.by_hand import HandTrader
    from engine.live.journal import Journal
    from engine.live.risk.files import risk_manager

    manager = account_of(context)
    risk = risk_manager(context.settings)
    with Journal(by_hand_file(context.settings), context.redactor) as journal:
        manager.clock_offset_ms()
        yield HandTrader(manager, risk, journal, instruments_of(context), manager.session.server_ms)


def by_hand_file(settings: TradeSettings) -> Path:
    """Return the journal of what is done by hand, the panic button among it."""
    from engine.exchange.trading.connect import trading_folder

    return trading_folder(settings) / "by_hand.jsonl"


def instruments_of(context: ToolContext) -> Callable[[str], InstrumentRules]:
    """Return what tells the rules and risk tiers of a symbol, as the exchange says them now."""
    from engine.market_data.instruments import RiskTier
    from engine.market_data.sync import instrument_rules

    client = market_client(context.settings)

    def instrument_of(symbol: str) -> InstrumentRules:
        tiers = tuple(RiskTier(**asdict(tier)) for tier in client.risk_tiers(symbol))
        return instrument_rules(client.instrument(symbol), tiers, as_of_ms=context.now_ms())

    return instrument_of


def whose(manager: ExchangeManager) -> dict[str, Any]:
    """Return whose account an answer is about: every answer says it."""
    return {"environment": manager.environment, "address": manager.session.base_url}
