"""What the exchange allows for orders of a symbol, in Decimals, and the rounding to its steps.

The rules are those of `engine.sim.rounding`, which the simulator applies to floats: sizes down, prices
against the trader. Here they are exact, for what leaves for the exchange.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from engine.errors import ExchangeError, ExchangeUnavailable, OrderRefused, SymbolNotListed
from engine.exchange.facts import TRADING, describe_contract, is_usdt_perpetual
from engine.exchange.instruments_info import find_instrument
from engine.exchange.session import BybitSession
from engine.exchange.trading.order_ids import is_order_link_id
from engine.exchange.trading.orders import OrderKind, OrderRequest, OrderSide

_LOG = logging.getLogger(__name__)

# Bybit changes the largest order sizes twice a month, and tick sizes now and then.
RULES_AGE_S = 3_600.0


def decimal_of(value: float | str | Decimal) -> Decimal:
    """Return a number as the decimal that its shortest text names: 0.1 becomes 0.1."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def wire_text(value: Decimal) -> str:
    """Return a number as Bybit takes it: no exponent, no zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class ContractRules:
    """The trading rules of a USDT perpetual. Prices and notionals in USDT, sizes in base coin."""

    symbol: str
    tick_size: Decimal
    size_step: Decimal
    min_size: Decimal
    max_size: Decimal
    max_market_size: Decimal
    min_notional: Decimal
    max_leverage: Decimal
    leverage_step: Decimal
    status: str

    def round_price(self, price: float | str | Decimal, side: OrderSide) -> Decimal:
        """Return `price` on the tick, rounded against the trader: up for a buy, down for a sell."""
        rounding = ROUND_CEILING if side is OrderSide.BUY else ROUND_FLOOR
        return _on_step(decimal_of(price), self.tick_size, rounding)

    def nearest_price(self, price: float | str | Decimal) -> Decimal:
        """Return the tick nearest to `price`: of a price that lies on a tick, but for its binary form."""
        return _on_step(decimal_of(price), self.tick_size, ROUND_HALF_EVEN)

    def round_size(self, size: float | str | Decimal) -> Decimal:
        """Return the largest size of whole steps that is not above `size`."""
        return _on_step(decimal_of(size), self.size_step, ROUND_FLOOR)

    def nearest_size(self, size: float | str | Decimal) -> Decimal:
        """Return the step nearest to `size`: of a size that is of whole steps, but for its binary form."""
        return _on_step(decimal_of(size), self.size_step, ROUND_HALF_EVEN)

    def check(self, request: OrderRequest) -> None:
        """Refuse an order that the exchange would refuse, before it is sent.

        Raises
        ------
        OrderRefused
            If the contract does not trade; if a price is not on the tick or a size not of whole steps; if
            the size is out of bounds, or the value below the smallest one; if price, trigger and kind do
            not go together. Reducing orders may be smaller than the smallest value.
        """
        problem = self._problem(request)
        if problem is not None:
            raise OrderRefused(
                f"{request.side} {request.size} {self.symbol} ({request.order_link_id}): {problem}",
                way_out=f"the rules of {self.symbol}: tick {self.tick_size}, size from {self.min_size} to "
                f"{self.max_size} ({self.max_market_size} at market) in steps of {self.size_step}, value "
                f"from {self.min_notional} USDT",
            )

    def _problem(self, request: OrderRequest) -> str | None:
        is_market = request.kind is OrderKind.MARKET
        if request.symbol != self.symbol:
            return f"these are the rules of {self.symbol}, not of {request.symbol}"
        if self.status != TRADING:
            return f"the contract is {self.status} and does not trade"
        if not is_order_link_id(request.order_link_id):
            return "an order needs a name of 1 to 36 letters, digits, - and _"
        if is_market == (request.price is not None):
            return "a limit order has a price and a market order has none"
        if (request.trigger_price is None) != (request.trigger_direction is None):
            return "a trigger price goes with a direction: a rise or a fall"
        if request.reduce_only and not (request.stop_loss is None and request.take_profit is None):
            return "an order that reduces opens no position that a stop or target could belong to"
        largest = self.max_market_size if is_market else self.max_size
        if not self.min_size <= request.size <= largest:
            return f"the size is not between {self.min_size} and {largest}"
        if request.size % self.size_step != 0:
            return f"the size is not of whole steps of {self.size_step}"
        for name in ("price", "trigger_price", "stop_loss", "take_profit"):
            price = getattr(request, name)
            if price is not None and (price <= 0 or price % self.tick_size != 0):
                return f"the {name.replace('_', ' ')} {price} is not on the tick of {self.tick_size}"
        at = request.price or request.trigger_price
        if at is not None and not request.reduce_only and at * request.size < self.min_notional:
            return f"its value of {at * request.size} USDT is below {self.min_notional}"
        return None


def _on_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step


def contract_rules(row: Mapping[str, Any]) -> ContractRules:
    """Return the rules of a row of instruments-info, exactly as written there.

    Raises
    ------
    ExchangeError
        If a field is missing or not a number above 0.
    """
    symbol = str(row.get("symbol"))

    def number(section: str, name: str) -> Decimal:
        try:
            value = Decimal(str(row[section][name]))
            if value.is_finite() and value > 0:
                return value
        except (KeyError, TypeError, InvalidOperation):
            pass
        raise ExchangeError(
            f"instruments-info of {symbol}: {section}.{name} is not a number above 0",
            way_out="report what the exchange changed",
        )

    return ContractRules(
        symbol=symbol,
        tick_size=number("priceFilter", "tickSize"),
        size_step=number("lotSizeFilter", "qtyStep"),
        min_size=number("lotSizeFilter", "minOrderQty"),
        max_size=number("lotSizeFilter", "maxOrderQty"),
        max_market_size=number("lotSizeFilter", "maxMktOrderQty"),
        min_notional=number("lotSizeFilter", "minNotionalValue"),
        max_leverage=number("leverageFilter", "maxLeverage"),
        leverage_step=number("leverageFilter", "leverageStep"),
        status=str(row.get("status")),
    )


class RulesBook:
    """The rules of symbols as the exchange tells them, asked for once an hour. Threads may share it.

    Parameters
    ----------
    session : BybitSession
        Who is asked.
    monotonic_s : callable
        The clock that measures the hour.
    """

    def __init__(self, session: BybitSession, monotonic_s: Callable[[], float]) -> None:
        self._session = session
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, ContractRules]] = {}

    def __call__(self, symbol: str) -> ContractRules:
        """Return the rules of `symbol`; those known if they are old and the exchange is out of reach.

        Raises
        ------
        SymbolNotListed
            If the exchange does not know it, or as something else than a USDT perpetual.
        ExchangeError
            If it cannot be asked, and never could.
        """
        with self._lock:
            known = self._known.get(symbol)
        if known is not None and self._monotonic_s() - known[0] < RULES_AGE_S:
            return known[1]
        try:
            rules = self._asked(symbol)
        except ExchangeUnavailable as error:
            if known is None:
                raise
            # an order that closes must not wait for rules that were so an hour ago and hardly ever change
            _LOG.warning("the rules of %s are those of more than an hour ago: %s", symbol, error.problem)
            return known[1]
        with self._lock:
            self._known[symbol] = (self._monotonic_s(), rules)
        return rules

    def _asked(self, symbol: str) -> ContractRules:
        row = find_instrument(self._session, symbol)
        if row is None:
            raise SymbolNotListed(
                f"{self._session.base_url} does not list {symbol}",
                way_out="USDT perpetuals are named like BTCUSDT",
            )
        if not is_usdt_perpetual(row):
            raise SymbolNotListed(
                f"{symbol} is {describe_contract(row)}, not a USDT perpetual",
                way_out="only perpetuals that settle in USDT are supported, for example BTCUSDT",
            )
        return contract_rules(row)
