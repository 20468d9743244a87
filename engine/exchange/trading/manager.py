"""One account at one exchange: everything that can be asked of it, through pybit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum

from engine.errors import (
    ConfigurationError,
    ExchangeError,
    ExchangeUnavailable,
    OrderGone,
    OrderRefused,
    SymbolNotListed,
)
from engine.exchange.session import BybitSession
from engine.exchange.trading.account_reader import LINEAR, SETTLE_COIN, AccountReader
from engine.exchange.trading.account_records import MarginMode
from engine.exchange.trading.contract_rules import ContractRules, wire_text
from engine.exchange.trading.environment import TradingEnvironment
from engine.exchange.trading.fields import text
from engine.exchange.trading.orders import (
    OrderAck,
    OrderRequest,
    PositionReport,
    TriggerBy,
)
from engine.exchange.trading.placing import OrderPlacer, Verdict
from engine.exchange.trading.prices import Ticker, tickers
from engine.exchange.trading.signed_session import SignedSession

_LOG = logging.getLogger(__name__)

_ONE_WAY = 0
_DERIVATIVES = "DERIVATIVES"
# Bybit's cancel-all takes the brackets of positions along unless it is told of the kinds one by one.
_ALL_BUT_BRACKETS: tuple[dict[str, str], ...] = (
    {"orderFilter": "Order"},
    {"orderFilter": "StopOrder", "stopOrderType": "Stop"},
)


class CancelOutcome(Enum):
    """What became of the wish to cancel an order."""

    ACCEPTED = "accepted"
    NOT_OPEN = "not open"
    """It was filled, cancelled or never there."""


class ExchangeManager(AccountReader):
    """Trades one account, and reads it as `AccountReader` does. Threads may share it.

    Nothing here decides whether an order is wise: `RiskManager` is asked before. Prices and sizes have to
    lie on the instrument's steps (`instrument`); they are checked and never changed.

    Any method may raise `ExchangeUnavailable`, `AuthenticationFailed` or `ExchangeError`.

    Parameters
    ----------
    session : SignedSession
        Who is asked.
    rules_of : callable
        The trading rules of a symbol; see `RulesBook`.
    environment : TradingEnvironment
        Whose account it is.
    market : BybitSession, optional
        Who is asked for prices; `session` by default. A demo account trades the market of the exchange
        itself.
    """

    def __init__(
        self,
        session: SignedSession,
        rules_of: Callable[[str], ContractRules],
        environment: TradingEnvironment,
        market: BybitSession | None = None,
    ) -> None:
        super().__init__(session)
        self.environment = environment
        self._market = market or session
        self._rules_of = rules_of
        self._placer = OrderPlacer(session, self)

    def instrument(self, symbol: str) -> ContractRules:
        """Return the trading rules of a symbol, which round prices and sizes to its steps.

        Raises
        ------
        SymbolNotListed
            If it is no USDT perpetual of this exchange.
        """
        return self._rules_of(symbol)

    def ticker(self, symbol: str) -> Ticker:
        """Return the present prices of a symbol.

        Raises
        ------
        SymbolNotListed
            If it is no USDT perpetual of this exchange.
        """
        for found in tickers(self._market, symbol):
            return found
        raise SymbolNotListed(
            f"{self._market.base_url} has no prices of {symbol}",
            way_out="USDT perpetuals are named like BTCUSDT",
        )

    def place(self, request: OrderRequest) -> OrderAck:
        """Place an order, once: an order of the same name that is there already is success.

        Raises
        ------
        OrderRefused, InsufficientMargin
            If the exchange refuses it, or it breaks the instrument's rules; nothing was sent then.
        ExchangeUnavailable
            If the exchange does not have it, for certain.
        OutcomeUnknown
            If the exchange cannot be asked whether it has it. See `OrderPlacer.place`.
        """
        self.instrument(request.symbol).check(request)
        return self._placer.place(request)

    def place_batch(self, requests: Sequence[OrderRequest]) -> tuple[Verdict, ...]:
        """Place several orders, up to ten in one request; return the acknowledgement or error of each."""
        verdicts: dict[int, Verdict] = {}
        sent: dict[int, OrderRequest] = {}
        for place, request in enumerate(requests):
            try:
                self.instrument(request.symbol).check(request)
                sent[place] = request
            except ExchangeError as error:
                verdicts[place] = error
        verdicts |= zip(sent, self._placer.place_batch(list(sent.values())), strict=True)
        return tuple(verdicts[place] for place in range(len(requests)))

    def amend(
        self,
        symbol: str,
        *,
        order_link_id: str | None = None,
        order_id: str | None = None,
        price: Decimal | None = None,
        size: Decimal | None = None,
        trigger_price: Decimal | None = None,
        stop_loss: Decimal | None = None,
        take_profit: Decimal | None = None,
    ) -> None:
        """Change an open order; what is None stays. `size` is the whole size, with what has traded.

        That all is so already is success.

        Raises
        ------
        OrderGone
            If the order is not open any more.
        OrderRefused
            If the change is refused, or breaks the instrument's rules.
        """
        self._on_steps(symbol, price, trigger_price, stop_loss, take_profit, size=size)
        self.session.change(
            "amend_order",
            {
                **_which(symbol, order_link_id, order_id),
                "price": _text_of(price),
                "qty": _text_of(size),
                "triggerPrice": _text_of(trigger_price),
                "stopLoss": _text_of(stop_loss),
                "takeProfit": _text_of(take_profit),
            },
        )

    def cancel(
        self, symbol: str, *, order_link_id: str | None = None, order_id: str | None = None
    ) -> CancelOutcome:
        """Cancel an order; return whether it was still open. It may trade until the exchange reports it."""
        try:
            self.session.change("cancel_order", _which(symbol, order_link_id, order_id))
        except OrderGone:
            return CancelOutcome.NOT_OPEN
        return CancelOutcome.ACCEPTED

    def cancel_all(self, symbol: str | None = None, *, brackets: bool = False) -> tuple[str, ...]:
        """Cancel open orders of a symbol, or of the account; return the exchange's names of them.

        Parameters
        ----------
        symbol : str, optional
            All symbols without one.
        brackets : bool, optional
            Whether the stops and targets of positions go as well; without that no position loses its stop.
        """
        chosen = {"symbol": symbol} if symbol is not None else {"settleCoin": SETTLE_COIN}
        names: list[str] = []
        kinds = ({},) if brackets else _ALL_BUT_BRACKETS
        for kind in kinds:
            answer = self.session.change("cancel_all_orders", {"category": LINEAR, **chosen, **kind})
            rows = answer["result"].get("list") or ()
            names += (text(row, "orderId") for row in rows if isinstance(row, dict))
        return tuple(names)

    def set_bracket(
        self,
        symbol: str,
        *,
        stop_loss: Decimal | None = None,
        take_profit: Decimal | None = None,
        stop_loss_trigger_by: TriggerBy = TriggerBy.LAST,
        take_profit_trigger_by: TriggerBy = TriggerBy.LAST,
    ) -> None:
        """Set stop and target of the whole position; 0 takes one away, None leaves it as it is.

        That all is so already is success.

        Raises
        ------
        OrderGone
            If there is no position.
        OrderRefused
            If a price is not on the tick, or on the wrong side of the market.
        """
        self._on_steps(symbol, stop_loss or None, take_profit or None)
        parameters: dict[str, object] = {
            "category": LINEAR,
            "symbol": symbol,
            "positionIdx": _ONE_WAY,
            "tpslMode": "Full",
        }
        if stop_loss is not None:
            parameters |= {"stopLoss": wire_text(stop_loss), "slTriggerBy": stop_loss_trigger_by.value}
        if take_profit is not None:
            parameters |= {"takeProfit": wire_text(take_profit), "tpTriggerBy": take_profit_trigger_by.value}
        self.session.change("set_trading_stop", parameters)

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Set the leverage of a symbol. It resets margin that was added to its position.

        Raises
        ------
        OrderRefused
            If it is not between 1 and the symbol's largest, in its steps; or the position is too large.
        """
        rules = self.instrument(symbol)
        if not 1 <= leverage <= rules.max_leverage or leverage % rules.leverage_step != 0:
            raise OrderRefused(
                f"{symbol} has no leverage of {leverage}",
                way_out=f"choose one from 1 to {rules.max_leverage} in steps of {rules.leverage_step}",
            )
        both = wire_text(leverage)
        self.session.change(
            "set_leverage",
            {"category": LINEAR, "symbol": symbol, "buyLeverage": both, "sellLeverage": both},
        )

    def set_isolated_margin(self) -> None:
        """Set isolated margin for the whole account (a unified account has one mode for all symbols).

        Raises
        ------
        ExchangeError
            If the exchange refuses, or the account is in another mode after all.
        """
        if self.account_info().margin_mode is MarginMode.ISOLATED:
            return
        self.session.change("set_margin_mode", {"setMarginMode": MarginMode.ISOLATED.value})
        mode = self.account_info().margin_mode
        if mode is not MarginMode.ISOLATED:
            raise ExchangeError(
                f"the {self.environment} account is in {mode.value} still",
                way_out="close positions and cancel orders first, or change the mode on Bybit's pages",
            )

    def set_one_way(self) -> None:
        """Set one-way mode for all contracts in USDT: a symbol has one position, long or short.

        Raises
        ------
        ExchangeError
            If the exchange refuses: there are positions or orders.
        """
        self.session.change(
            "switch_position_mode", {"category": LINEAR, "coin": SETTLE_COIN, "mode": _ONE_WAY}
        )

    def add_margin(self, symbol: str, amount: Decimal) -> None:
        """Add margin to an isolated position, in USDT; below 0 takes added margin away.

        Raises
        ------
        OutcomeUnknown
            If the answer was lost: look at the position before it is asked for again.
        ExchangeError
            If the exchange refuses.
        """
        if amount == 0 or amount != amount.quantize(Decimal("0.0001")):
            raise ConfigurationError(
                f"{amount} USDT cannot be added to a position's margin",
                way_out="give an amount other than 0, of four decimals at most",
            )
        self.session.change(
            "add_or_reduce_margin",
            {"category": LINEAR, "symbol": symbol, "margin": wire_text(amount), "positionIdx": _ONE_WAY},
            repeatable=False,
        )

    def disconnect_cancel(self, seconds: int) -> bool:
        """Let the exchange cancel all orders when the private stream is gone for so long (3 to 300 s).

        Returns
        -------
        bool
            Whether the exchange offers it to this account. Without it orders stay when the connection goes;
            a position's bracket stays in either case.
        """
        if not 3 <= seconds <= 300:
            raise ConfigurationError(
                f"orders cannot be cancelled {seconds} s after a disconnection", way_out="give 3 to 300 s"
            )
        try:
            self.session.change("set_dcp", {"timeWindow": seconds, "product": _DERIVATIVES})
        except ExchangeUnavailable:
            raise
        except ExchangeError as error:
            _LOG.warning("orders are not cancelled on a disconnection: %s", error.problem)
            return False
        return True

    def closing(self, position: PositionReport, request: OrderRequest) -> tuple[OrderRequest, ...]:
        """Return reduce-only orders that close `position`: `request`, in parts if it is too large for one.

        Parameters
        ----------
        position : PositionReport
            What is to be closed.
        request : OrderRequest
            A reduce-only order of the closing side, of any size; its name is given a number for each
            further part.
        """
        rules = self.instrument(position.symbol)
        left = position.size
        parts: list[OrderRequest] = []
        while left > 0:
            size = min(left, rules.round_size(rules.max_market_size))
            number = f"-{len(parts)}" if parts else ""
            parts.append(replace(request, size=size, order_link_id=request.order_link_id + number))
            left -= size
        return tuple(parts)

    def clock_offset_ms(self) -> int:
        """Ask the exchange's time; return how far this machine's clock is behind it, in milliseconds."""
        return self.session.measure_clock()

    def _on_steps(self, symbol: str, *prices: Decimal | None, size: Decimal | None = None) -> None:
        rules = self.instrument(symbol)
        for price in prices:
            if price is not None and (price <= 0 or price % rules.tick_size != 0):
                raise OrderRefused(
                    f"{symbol}: a price of {price} is not on the tick",
                    way_out=f"use multiples of {rules.tick_size}",
                )
        if size is not None and (size <= 0 or size % rules.size_step != 0):
            raise OrderRefused(
                f"{symbol}: a size of {size} is not of whole steps",
                way_out=f"use multiples of {rules.size_step}",
            )

    def __repr__(self) -> str:
        """Return whose account it is and where; nothing of its keys."""
        return f"{type(self).__name__}({self.environment.value}, {self.session.base_url!r})"


def _which(symbol: str, order_link_id: str | None, order_id: str | None) -> dict[str, object]:
    if (order_link_id is None) == (order_id is None):
        raise ConfigurationError(
            f"an order of {symbol} is to be named in one way",
            way_out="give order_link_id or order_id, and not both",
        )
    return {"category": LINEAR, "symbol": symbol, "orderLinkId": order_link_id, "orderId": order_id}


def _text_of(value: Decimal | None) -> str | None:
    return None if value is None else wire_text(value)
