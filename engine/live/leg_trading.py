"""The orders of a leg at a real exchange: sent, taken back, looked up."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

from engine.errors import ExchangeError
from engine.exchange.trading.orders import OrderReport, OrderRequest
from engine.live.bracket_keeper import UNHEARD_MS, BracketKeeper
from engine.live.journal import JournalKind
from engine.live.leg_orders import SentOrder, entry_request, exit_request
from engine.live.market import SymbolMarket
from engine.live.order_desk import OrderDesk, OrderOutcome, Sent
from engine.live.twin import EntryWish, TwinAccount
from engine.strategies.card_plan import CardPlan

_LOG = logging.getLogger(__name__)


class LegTrading:
    """What an `AccountLeg` does with its orders.

    Parameters
    ----------
    plan, market, desk, legs
        As of `AccountLeg`.
    first_open : int
        The bar it decides on first.
    """

    def __init__(
        self, plan: CardPlan, market: SymbolMarket, first_open: int, desk: OrderDesk, legs: int
    ) -> None:
        self.plan, self.market, self.first_open = plan, market, first_open
        self.decided_until = first_open
        self.twin = TwinAccount(plan, market.instrument)
        self.entry: SentOrder | None = None
        self.exit: SentOrder | None = None
        self._desk, self._book, self._share = desk, desk.book, legs
        self._bracket = BracketKeeper(market.symbol, plan.system_hash, self.twin, desk.book, desk.manager)
        self._unprotected = False
        self._last_price = 0.0
        self._refusals = 0
        self._names: set[str] = set()

    @property
    def card_id(self) -> str:
        """The card's id."""
        return self.plan.card.id

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.market.symbol

    def _enter(self, wish: EntryWish, ts_close: int, now_ms: int) -> None:
        rules = self._desk.manager.instrument(self.symbol)
        request, why = entry_request(wish, self.twin, rules, self.plan.system_hash, ts_close)
        if request is None:
            self.twin.drop_entry()
            self._refused(why, ts_close, now_ms)
            return
        self.entry = SentOrder(request.order_link_id, ts_close, now_ms, float(request.size))
        sent = self._send(request, ts_close, now_ms)
        if sent in (Sent.REFUSED, Sent.NOT_SENT):
            self.entry = None
            self.twin.drop_entry()

    def _leave(self, ts_close: int, now_ms: int, attempt: int = 0) -> None:
        held = self._held()
        if held == 0 or (self.exit is not None and self.exit.ts_close == ts_close and not attempt):
            return
        request = exit_request(held, self.symbol, self.plan.system_hash, ts_close, attempt)
        self.exit = SentOrder(request.order_link_id, ts_close, now_ms, float(request.size), attempt=attempt)
        self._send(request, ts_close, now_ms)

    def _cancel_entry(self, now_ms: int) -> None:
        entry, self.entry = self.entry, None
        if entry is None:
            return
        try:
            self._desk.manager.cancel(self.symbol, order_link_id=entry.order_link_id)
        except ExchangeError as error:
            self.entry = entry  # tried again with the next minute
            self._failed(error, now_ms)

    def protect(self, now_ms: int) -> None:
        """See to it that the exchange holds the bracket that the record has; close what cannot have one."""

        def send(request: OrderRequest, decided: int) -> object:
            return self._send(request, decided, now_ms)

        try:
            if self._unprotected or not self._bracket.keep(self.decided_until, now_ms, send):
                self._unprotected = self.twin.position.direction != 0
                self._leave(self.decided_until, now_ms)
        except ExchangeError as error:
            self._failed(error, now_ms)

    def _look_up_entry(self, now_ms: int) -> None:
        entry = self.entry
        if entry is None:
            return
        if self.twin.position.order_side == 0:
            self._cancel_entry(now_ms)  # the program died before it did
            return
        if self._book.open_order(entry.order_link_id) is not None:
            return
        if now_ms - entry.sent_ms <= UNHEARD_MS:
            return
        report = self._desk.manager.order(self.symbol, entry.order_link_id)
        if report is None:
            self.entry = None
            self.twin.drop_entry()
        else:
            self.on_order(report, now_ms)

    def on_outcome(self, outcome: OrderOutcome) -> None:
        """Take note of what became of an order that was on its way."""
        self._refusals += outcome.sent is Sent.REFUSED
        entry = self.entry
        if entry is None or entry.order_link_id != outcome.request.order_link_id:
            return
        if outcome.sent in (Sent.REFUSED, Sent.NOT_SENT):
            self.entry = None
            self.twin.drop_entry()

    def on_order(self, report: OrderReport, now_ms: int) -> None:
        """Take note of an order of ours that is over without having traded all of its size."""
        entry = self.entry
        if entry is None or report.order_link_id != entry.order_link_id or report.is_open:
            return
        if float(report.filled_size) <= entry.filled * (1 + 1e-9):
            self.entry = None
            self.twin.drop_entry()
            told = {"phase": "over", "order_link_id": entry.order_link_id, "status": report.status}
            self._write(JournalKind.ORDER, {**told, "reason": report.reject_reason}, now_ms)

    def _look_up_exit(self, now_ms: int) -> None:
        """Send the order that closes once more, if it is over and what it was to close is not."""
        sent = self.exit
        if sent is None or self.twin.position.direction == 0 or now_ms - sent.sent_ms <= UNHEARD_MS:
            return
        report = self._desk.manager.order(self.symbol, sent.order_link_id)
        if report is None or (not report.is_open and float(report.filled_size) < sent.size):
            self.exit = None
            self._leave(sent.ts_close, now_ms, sent.attempt if report is None else sent.attempt + 1)

    def is_in_step(self) -> bool:
        """Whether what the record holds is what the exchange holds."""
        return self._held() == self.reported()

    def reported(self) -> Decimal:
        """Return what the exchange holds, below 0 of a short."""
        report = self._book.positions.get(self.symbol)
        return Decimal(0) if report is None else report.signed_size

    def _held(self) -> Decimal:
        """Return what the record holds, on the lot step; below 0 of a short."""
        rules = self._desk.manager.instrument(self.symbol)
        held = self.twin.signed_size
        size = rules.nearest_size(abs(held))
        return -size if held < 0 else size

    def _equity(self) -> float:
        wallet = self._book.wallet
        return 0.0 if wallet is None else float(wallet.equity) / self._share

    def _fund(self) -> None:
        wallet, report = self._book.wallet, self._book.positions.get(self.symbol)
        if wallet is not None:
            unrealised = 0.0 if report is None else float(report.unrealised_pnl)
            self.twin.fund(self._equity(), float(wallet.available_balance), unrealised)

    def _send(self, request: OrderRequest, ts_close: int, now_ms: int) -> Sent:
        self._names.add(request.order_link_id)
        sent = self._desk.send(
            request,
            card_id=self.card_id,
            timeframe=str(self.plan.card.timeframes.exec),
            decided_ms=ts_close,
            reference_price=Decimal(str(self._last_price)),
            now_ms=now_ms,
        )
        self._refusals += sent is Sent.REFUSED
        return sent

    def _refused(self, why: str, ts_close: int, now_ms: int) -> None:
        self._refusals += 1
        self._write(JournalKind.REFUSAL, {"by": "card", "code": why, "ts_close": ts_close}, now_ms)

    def _failed(self, error: ExchangeError, now_ms: int) -> None:
        _LOG.warning("%s", error)
        self._write(JournalKind.ERROR, {"problem": error.problem}, now_ms)

    def _write(self, kind: JournalKind, data: dict[str, Any], now_ms: int) -> None:
        self._desk.write(kind, data, now_ms, self.card_id, self.symbol)
