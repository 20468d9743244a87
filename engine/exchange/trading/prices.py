"""The present prices of contracts, as orders are judged by them: last, mark, best bid and ask, funding."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.exchange.rows import objects_of
from engine.exchange.session import BybitSession
from engine.exchange.trading.fields import Row, moment, name, number, price


@dataclass(frozen=True, slots=True)
class Ticker:
    """A contract's prices in USDT at `ts_ms` (the exchange's clock, epoch milliseconds).

    `bid` and `ask` are None where nobody offers, `funding_rate` (a fraction; above 0 long pays) and
    `next_funding_ms` of the next settlement.
    """

    symbol: str
    last: Decimal
    mark: Decimal
    index: Decimal
    bid: Decimal | None
    ask: Decimal | None
    funding_rate: Decimal
    next_funding_ms: int
    ts_ms: int


def tickers(session: BybitSession, symbol: str | None = None) -> tuple[Ticker, ...]:
    """Return the present prices of a symbol, or of all USDT perpetuals.

    Raises
    ------
    SymbolNotListed
        If the exchange does not know the symbol.
    ExchangeUnavailable, ExchangeError
        As `BybitSession.call`.
    """
    asked_ms = session.server_ms()

    def read(result: dict[str, Any]) -> tuple[Ticker, ...]:
        # dated futures have a dash in their name, and contracts that settle in USDC end otherwise
        rows = (row for row in objects_of(result) if str(row.get("symbol")).endswith("USDT"))
        return tuple(_ticker(row, asked_ms) for row in rows if symbol in (None, row.get("symbol")))

    return session.call(
        "get_tickers", f"tickers of {symbol or 'all'}", read, category="linear", symbol=symbol
    )


def _ticker(row: Row, ts_ms: int) -> Ticker:
    return Ticker(
        symbol=name(row, "symbol"),
        last=number(row, "lastPrice"),
        mark=number(row, "markPrice"),
        index=number(row, "indexPrice"),
        bid=price(row, "bid1Price"),
        ask=price(row, "ask1Price"),
        funding_rate=number(row, "fundingRate"),
        next_funding_ms=moment(row, "nextFundingTime"),
        ts_ms=ts_ms,
    )
