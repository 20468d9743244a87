"""Orders by hand, a person's or an agent's: under the same limits as those of cards, and written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from engine.errors import ExchangeError, OrderGone, OutcomeUnknown, RiskRefused
from engine.exchange.trading.manager import CancelOutcome, ExchangeManager
from engine.exchange.trading.order_ids import order_link_id
from engine.exchange.trading.orders import (
    ZERO,
    OrderAck,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    TriggerDirection,
)
from engine.live.account_view import read_account_view
from engine.live.journal import Journal, JournalEntry, JournalKind
from engine.live.risk.manager import RiskManager
from engine.live.risk.record import week_start
from engine.live.risk.verdict import DenialCode, TradingState
from engine.live.risk.view import AccountView, OrderIntent
from engine.market_data.instruments import InstrumentRules

_WAY_OUT = (
    "`trade risk status` shows the limits and what is used of them; closing passes unless a person has "
    "halted everything, and `trade risk panic` then too"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """An order the exchange has: its acknowledgement, and how it stands (None if that cannot be read now)."""

    ack: OrderAck
    report: OrderReport | None


class HandTrader:
    """Sends what a person asks for.

    Parameters
    ----------
    manager : ExchangeManager
        The account.
    risk : RiskManager
        Who is asked before anything leaves.
    journal : Journal
        Where it is written down.
    instrument_of : callable
        The rules and risk tiers of a symbol.
    now_ms : callable
        The clock, UTC epoch milliseconds.
    """

    def __init__(
        self,
        manager: ExchangeManager,
        risk: RiskManager,
        journal: Journal,
        instrument_of: Callable[[str], InstrumentRules],
        now_ms: Callable[[], int],
    ) -> None:
        self.manager = manager
        self._risk = risk
        self._journal = journal
        self._instrument_of = instrument_of
        self._now_ms = now_ms

    def place(self, request: OrderRequest) -> Placed:
        """Place an order.

        Raises
        ------
        RiskRefused
            If the risk manager does not let it leave.
        OrderRefused, ConfigurationError
            If it breaks the instrument's rules, or the account is live and not armed; or the exchange
            refuses it.
        OutcomeUnknown
            If it may be there: look it up by its name.
        ExchangeError, DataError
            If the account cannot be read, or it could not be sent, or not be written down.
        """
        self.manager.check(request)
        self._ask(request)
        self._write(JournalKind.ORDER, request.symbol, {"phase": "sending", "request": request})
        try:
            ack = self.manager.place(request)
        except OutcomeUnknown as error:
            self._write_error(request.symbol, request.order_link_id, error)
            raise
        except ExchangeError as error:
            self._risk.release(request.order_link_id, self._now_ms())
            self._write_error(request.symbol, request.order_link_id, error)
            raise
        self._write(JournalKind.ORDER, request.symbol, {"phase": "taken", "ack": ack})
        return Placed(ack, self._reported(request.symbol, request.order_link_id))

    def amend(
        self,
        symbol: str,
        name: str,
        *,
        price: Decimal | None = None,
        size: Decimal | None = None,
        trigger_price: Decimal | None = None,
    ) -> OrderReport | None:
        """Change an open order; what is None stays. Returns how it stands, None if that cannot be read now.

        Raises
        ------
        OrderGone
            If it is not open any more.
        RiskRefused, OrderRefused, ExchangeError, DataError
            As `place`.
        """
        known = self.manager.order(symbol, name)
        if known is None or not known.is_open:
            raise OrderGone(f"{symbol} has no open order {name}", way_out="`trade orders list` shows them")
        self._ask(_amended(known, price, size, trigger_price))
        changes = {"price": price, "size": size, "trigger_price": trigger_price}
        self._write(JournalKind.ORDER, symbol, {"phase": "amending", "order_link_id": name, **changes})
        self.manager.amend(symbol, order_link_id=name, price=price, size=size, trigger_price=trigger_price)
        return self._reported(symbol, name)

    def cancel(self, symbol: str, name: str) -> CancelOutcome:
        """Cancel an order; return whether it was open."""
        outcome = self.manager.cancel(symbol, order_link_id=name)
        self._write(JournalKind.ORDER, symbol, {"phase": "cancelled", "order_link_id": name, "was": outcome})
        self._reported(symbol, name)
        return outcome

    def cancel_all(self, symbol: str | None) -> tuple[str, ...]:
        """Cancel open orders of a symbol or of the account, but no position's stop or target."""
        names = self.manager.cancel_all(symbol)
        self._write(JournalKind.ORDER, symbol or "", {"phase": "cancelled", "order_ids": names})
        return names

    def close(self, symbol: str) -> tuple[Placed, ...]:
        """Close the position of a symbol at market; return the orders, none if it is flat.

        Raises
        ------
        RiskRefused, OrderRefused, ExchangeError, DataError
            As `place`.
        """
        position = self.manager.position(symbol)
        if position.side is None:
            return ()
        name = hand_name(symbol, self._now_ms(), "close")
        request = OrderRequest(
            symbol, position.side.opposite, OrderKind.MARKET, position.size, name, reduce_only=True
        )
        return tuple(self.place(part) for part in self.manager.closing(position, request))

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Set the leverage of a symbol.

        Raises
        ------
        RiskRefused
            If it is above what the risk manager allows.
        OrderRefused, ExchangeError
            If the exchange does not have it, or refuses.
        """
        most = self._risk.limits.positions.max_leverage
        if leverage > most:
            raise RiskRefused(
                f"a leverage of {leverage} for {symbol} is above the limit of {most:g}",
                code=DenialCode.LEVERAGE.value,
                way_out=_WAY_OUT,
            )
        self.manager.set_leverage(symbol, leverage)
        self._write(JournalKind.STATE, symbol, {"leverage": leverage})

    def set_bracket(self, symbol: str, *, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
        """Set stop and target of a position; 0 takes one away, None leaves it as it is.

        Raises
        ------
        RiskRefused
            If a stop is taken away while nothing may be opened.
        OrderGone, OrderRefused, ExchangeError
            As `ExchangeManager.set_bracket`.
        """
        if stop_loss == ZERO:
            self._refuse_unless_active(f"the stop of {symbol} is not taken away")
        self.manager.set_bracket(symbol, stop_loss=stop_loss, take_profit=take_profit)
        self._write(JournalKind.STATE, symbol, {"stop_loss": stop_loss, "take_profit": take_profit})

    def add_margin(self, symbol: str, amount_usdt: Decimal) -> None:
        """Add margin to a position; below 0 takes added margin away.

        Raises
        ------
        RiskRefused
            If margin is taken away while nothing may be opened: liquidation comes nearer by it.
        OrderRefused, ExchangeError
            As `ExchangeManager.add_margin`.
        """
        if amount_usdt < ZERO:
            self._refuse_unless_active(f"no margin of {symbol} is taken away")
        self.manager.add_margin(symbol, amount_usdt)
        self._write(JournalKind.STATE, symbol, {"added_margin_usdt": amount_usdt})

    def _refuse_unless_active(self, told: str) -> None:
        now_ms = self._now_ms()
        if self._risk.state(now_ms) is not TradingState.ACTIVE:
            reason = self._risk.reasons(now_ms)[0]
            raise RiskRefused(
                f"{told} while trading is {self._risk.state(now_ms)}: {reason.message}",
                code=reason.code.value,
                way_out=_WAY_OUT,
            )

    def _ask(self, request: OrderRequest) -> None:
        """Ask the risk manager about an order: one that opens by the account as it is now, whole.

        One that reduces is not kept from leaving by what cannot be read.
        """
        now_ms = self._now_ms()
        if request.reduce_only:
            view = AccountView()
            last = request.price or request.trigger_price
            last = last or self.manager.position(request.symbol).mark_price
        else:
            view = read_account_view(self.manager, (request.symbol,), self._instrument_of, now_ms)
            equity = ZERO if view.wallet is None else view.wallet.equity
            self._risk.seed(self.manager.closed_pnl(week_start(now_ms)), equity, now_ms)
            last, _ = view.last_price[request.symbol]
        intent = OrderIntent(request, "", "", request.reduce_only, now_ms, last)
        verdict = self._risk.check(intent, view, self._now_ms())
        if verdict.allowed:
            return
        code = "" if verdict.code is None else verdict.code.value
        refused = {"order_link_id": request.order_link_id, "by": "risk", "code": code}
        self._write(JournalKind.REFUSAL, request.symbol, {**refused, "message": verdict.message})
        raise RiskRefused(
            f"{request.side} {request.size} {request.symbol} is refused ({code}): {verdict.message}",
            code=code,
            way_out=_WAY_OUT,
        )

    def _reported(self, symbol: str, name: str) -> OrderReport | None:
        """Look an order up and tell the risk manager what became of it."""
        try:
            report = self.manager.order(symbol, name)
        except ExchangeError:
            return None  # the risk manager forgets it by itself once the account was read anew
        if report is not None:
            self._risk.record_order(report, self._now_ms())
        return report

    def _write_error(self, symbol: str, name: str, error: ExchangeError) -> None:
        refused = {"order_link_id": name, "by": "exchange", "code": error.ret_code, "message": error.problem}
        kind = JournalKind.ERROR if isinstance(error, OutcomeUnknown) else JournalKind.REFUSAL
        self._write(kind, symbol, refused)

    def _write(self, kind: JournalKind, symbol: str, data: dict[str, Any]) -> None:
        self._journal.append(JournalEntry(self._now_ms(), kind, "", symbol, data))


def hand_name(symbol: str, now_ms: int, leg: str = "hand") -> str:
    """Return a name for an order by hand: another one each millisecond."""
    return order_link_id("by hand", symbol, now_ms, leg)


def trigger_direction(trigger_price: Decimal, last: Decimal) -> TriggerDirection:
    """Return which way the price has to go from `last` to reach `trigger_price`."""
    return TriggerDirection.RISE if trigger_price > last else TriggerDirection.FALL


def _amended(
    known: OrderReport, price: Decimal | None, size: Decimal | None, trigger_price: Decimal | None
) -> OrderRequest:
    """Return the order that an amendment makes of an open one."""
    trigger = trigger_price or known.trigger_price
    request = OrderRequest(
        known.symbol,
        known.side,
        known.kind,
        size or known.size,
        known.order_link_id,
        price=price or known.price,
        reduce_only=known.reduce_only,
    )
    if trigger is None:
        return request
    rises = known.side is OrderSide.BUY
    direction = TriggerDirection.RISE if rises else TriggerDirection.FALL
    return replace(request, trigger_price=trigger, trigger_direction=direction)
