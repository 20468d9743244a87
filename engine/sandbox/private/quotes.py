"""The prices of one moment, as an account's rules ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.sandbox.catalogue import Instrument
from engine.sandbox.private.terms import PriceKind, Side
from engine.sandbox.private.walk import PriceWalks


@dataclass(frozen=True)
class Quotes:
    """What is quoted at `now_ms`: the best bid is the last price, the best ask a tick above, as in tickers.

    Every order finds as much as it wants at the best price.
    """

    walks: PriceWalks
    instruments: Mapping[str, Instrument]
    now_ms: int

    def is_trading(self, symbol: str) -> bool:
        """Whether the symbol has a price now: it is listed and not halted."""
        return self.price_now(symbol, PriceKind.LAST) is not None

    def price_now(self, symbol: str, kind: PriceKind) -> Decimal | None:
        """Return the price of this moment; None where there is none, as in a halt."""
        return self.walks.price_at(symbol, kind, self.now_ms)

    def price(self, symbol: str, kind: PriceKind) -> Decimal:
        """Return the price, or the last there was before a halt."""
        return self.walks.known_at(symbol, kind, self.now_ms)

    def best(self, symbol: str, taker: Side) -> Decimal:
        """Return what a taker of that side gets."""
        last = self.price(symbol, PriceKind.LAST)
        return last + self.tick(symbol) if taker is Side.BUY else last

    def tick(self, symbol: str) -> Decimal:
        """Return the tick size of the symbol."""
        return Decimal(self.instruments[symbol].tick_size)
