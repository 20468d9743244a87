"""One account at one exchange: everything that can be asked of it, through pybit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from itertools import batched

from engine.errors import (
    ConfigurationError,
    ExchangeError,
    ExchangeUnavailable,
    OrderGone,
    SymbolNotListed,
)
from engine.exchange.session import BybitSession
from engine.exchange.trading.account_keeper import AccountKeeper
from engine.exchange.trading.account_reader import LINEAR, SETTLE_COIN
from engine.exchange.trading.contract_rules import ContractRules, wire_text
from engine.exchange.trading.environment import ARMED, ARMED_VARIABLE, TradingEnvironment
from engine.exchange.trading.fields import text
from engine.exchange.trading.orders import OrderAck, OrderRequest, PositionReport
from engine.exchange.trading.placing import BATCH, OrderPlacer, Verdict, listed
from engine.exchange.trading.prices import Ticker, tickers
from engine.exchange.trading.signed_session import SignedSession

_LOG = logging.getLogger(__name__)

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


class ExchangeManager(AccountKeeper):
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
    is_armed : bool, optional
        Whether a live account may take orders that open positions. Others always may.
    """

    def __init__(
        self,
        session: SignedSession,
        rules_of: Callable[[str], ContractRules],
        environment: TradingEnvironment,
        market: BybitSession | None = None,
        *,
        is_armed: bool = False,
    ) -> None:
        super().__init__(session, rules_of)
        self.environment = environment
        self.is_armed = is_armed
        self._market = market or session
        self._placer = OrderPlacer(session, self)

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
        ConfigurationError
            If the account is live and not armed, and the order would open.
        OrderRefused, InsufficientMargin
            If the exchange refuses it, or it breaks the instrument's rules; nothing was sent then.
        ExchangeUnavailable
            If the exchange does not have it, for certain.
        OutcomeUnknown
            If the exchange cannot be asked whether it has it. See `OrderPlacer.place`.
        """
        self.check(request)
        return self._placer.place(request)

    def place_batch(self, requests: Sequence[OrderRequest]) -> tuple[Verdict, ...]:
        """Place several orders, up to ten in one request; return the acknowledgement or error of each."""
        verdicts: dict[int, Verdict] = {}
        sent: dict[int, OrderRequest] = {}
        for place, request in enumerate(requests):
            try:
                self.check(request)
                sent[place] = request
            except (ExchangeError, ConfigurationError) as error:
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
        self._check_steps(symbol, price, trigger_price, stop_loss, take_profit, size=size)
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

    def cancel_batch(self, orders: Sequence[tuple[str, str]]) -> tuple[CancelOutcome | ExchangeError, ...]:
        """Cancel several orders, up to ten in one request; return what became of each, in their order.

        Parameters
        ----------
        orders : sequence of (str, str)
            Symbol and name (order link id) of each.
        """
        outcomes: list[CancelOutcome | ExchangeError] = []
        for part in batched(orders, BATCH):
            outcomes += self._cancel_part(part)
        return tuple(outcomes)

    def _cancel_part(self, orders: Sequence[tuple[str, str]]) -> list[CancelOutcome | ExchangeError]:
        rows = [{"symbol": symbol, "orderLinkId": name} for symbol, name in orders]
        try:
            answer = self.session.change(
                "cancel_batch_order", {"category": LINEAR, "request": rows}, orders=len(rows)
            )
        except ExchangeError as error:
            return [error] * len(rows)
        codes = [said.get("code") for said in listed(answer.get("retExtInfo"))]
        if len(codes) != len(rows):
            codes = [None] * len(rows)
        return [self._cancelled(*order, code) for order, code in zip(orders, codes, strict=True)]

    def _cancelled(self, symbol: str, name: str, code: object) -> CancelOutcome | ExchangeError:
        if code == 0:
            return CancelOutcome.ACCEPTED
        try:
            return self.cancel(symbol, order_link_id=name)  # which tells the one refusal from the other
        except ExchangeError as error:
            return error

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
        rules = self._rules_for(request)
        if rules is None:
            return (replace(request, size=position.size),)
        left = position.size
        parts: list[OrderRequest] = []
        while left > 0:
            size = min(left, rules.round_size(rules.max_market_size))
            number = f"-{len(parts)}" if parts else ""
            parts.append(replace(request, size=size, order_link_id=request.order_link_id + number))
            left -= size
        return tuple(parts)

    def check(self, request: OrderRequest) -> None:
        """Refuse an order that would be refused, before it is sent. `place` does so itself.

        Raises
        ------
        ConfigurationError
            If the account is live and not armed, and the order would open.
        OrderRefused
            If it breaks the instrument's rules. One that reduces is let go if they cannot be had now.
        """
        if self.environment is TradingEnvironment.LIVE and not self.is_armed and not request.reduce_only:
            raise ConfigurationError(
                f"the live account is not armed, so {request.order_link_id} is not sent",
                way_out=f"set {ARMED_VARIABLE}={ARMED} if real money is to be traded; closing needs none",
            )
        rules = self._rules_for(request)
        if rules is not None:
            rules.check(request)

    def _rules_for(self, request: OrderRequest) -> ContractRules | None:
        """Return the rules an order has to fit; None if they cannot be had now, and it only reduces."""
        try:
            return self.instrument(request.symbol)
        except ExchangeUnavailable as error:
            if not request.reduce_only:
                raise
            _LOG.warning("%s is not held against the rules: %s", request.order_link_id, error.problem)
            return None

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
