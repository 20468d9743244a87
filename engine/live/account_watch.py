"""Looks after the account of a demo or live run: what it tells, what it holds, whether both agree."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ExchangeError
from engine.exchange.session import BybitSession
from engine.exchange.stream import Outage
from engine.exchange.trading.orders import ExecutionReport, OrderReport
from engine.exchange.trading.prices import tickers
from engine.exchange.trading.private_stream import Connected, PrivateStream
from engine.live.account_book import AccountBook, Prices
from engine.live.account_leg import AccountLeg
from engine.live.account_view import judged_clock_offset_ms
from engine.live.journal import JournalKind
from engine.live.order_desk import OrderDesk, OrderOutcome
from engine.live.risk.verdict import DenialCode
from engine.timeframes import DAY_MS

_PRICES_EVERY_S = 10.0
_CLOSED_OVERLAP_MS = 60_000
_AGAIN_S = 5.0
# Executions may be listed out of order.
_LISTED_LATE_MS = 60_000


@dataclass(frozen=True)
class AccountTold:
    """Something that was heard of the account, on its way to who looks after it."""

    what: object


class AccountKeeper:
    """Keeps what is known of the account true.

    Parameters
    ----------
    desk : OrderDesk
    legs : sequence of AccountLeg
    stream : PrivateStream or None
        None where somebody else hands the events over.
    market : BybitSession
        For present prices.
    """

    def __init__(
        self, desk: OrderDesk, legs: Sequence[AccountLeg], stream: PrivateStream | None, market: BybitSession
    ) -> None:
        self._desk, self._legs, self._stream, self._market = desk, tuple(legs), stream, market
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._closed_ms: int | None = None
        self._differ_since: dict[str, int] = {}
        self._codes: tuple[DenialCode, ...] = ()

    @property
    def book(self) -> AccountBook:
        """What is known of the account."""
        return self._desk.book

    def begin(self, now_ms: int) -> None:
        """Read the account, let the risk manager know of its losses, and settle what a crash left open.

        Raises
        ------
        ExchangeError
            If the exchange does not answer.
        """
        self.read_prices()
        self.book.read_all(self._desk.manager, now_ms)
        wallet = self.book.wallet
        since_ms = now_ms - 8 * DAY_MS
        closed = self._desk.manager.closed_pnl(since_ms)
        self._closed_ms = max((each.ts_ms for each in closed), default=since_ms)
        if wallet is not None:
            self._desk.risk.seed(closed, wallet.equity, now_ms)
        self.book.is_connected = True
        self.reconcile(now_ms)

    def start(self, put: Callable[[object], None]) -> None:
        """Listen to the private stream and ask for prices, in threads of their own."""
        stream = self._stream
        self._desk.send_in_threads(lambda outcome: put(AccountTold(outcome)))

        def listen(stream: PrivateStream) -> None:
            while not self._stopping.is_set():
                try:
                    for event in stream.events():
                        put(AccountTold(event))
                except ExchangeError as error:
                    put(AccountTold(error))
                    self._stopping.wait(_AGAIN_S)

        def ask() -> None:
            while not self._stopping.wait(_PRICES_EVERY_S):
                try:
                    put(AccountTold(self._prices()))
                except ExchangeError as error:
                    put(AccountTold(error))

        if stream is not None:
            self._threads.append(threading.Thread(target=listen, args=(stream,), name="account", daemon=True))
        self._threads.append(threading.Thread(target=ask, name="prices", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._stream is not None:
            self._stream.stop()
        self._desk.stop()
        for thread in self._threads:
            thread.join(timeout=2.0)

    def take(self, event: object, now_ms: int) -> bool:
        """Take in what was heard; return whether it was of the account.

        Raises
        ------
        ExchangeError
            If the exchange does not answer to what has to be asked.
        DataError
            If the journal cannot be written.
        """
        if isinstance(event, AccountTold):
            event = event.what
        if isinstance(event, ExchangeError):
            raise event
        if isinstance(event, OrderOutcome):
            if event.error is not None:
                raise event.error
            for leg in self._legs:
                if leg.symbol == event.request.symbol:
                    leg.on_outcome(event)
            return True
        if isinstance(event, ExecutionReport):
            self._desk.risk.record_fill(event, now_ms)
            for leg in self._legs:
                if leg.symbol == event.symbol:
                    leg.on_execution(event, now_ms)
            return True
        was_known = self.book.take(event, now_ms)
        if isinstance(event, OrderReport):
            self._desk.risk.record_order(event, now_ms)
            for leg in self._legs:
                if leg.symbol == event.symbol:
                    leg.on_order(event, now_ms)
        elif isinstance(event, Connected):
            self.reconcile(now_ms)
        elif isinstance(event, Outage):
            self._desk.write(
                JournalKind.ERROR, {"problem": f"the private stream is lost: {event.reason}"}, now_ms
            )
        return was_known

    def read_prices(self) -> None:
        """Ask for the present prices. Raises ExchangeError if the exchange does not answer."""
        self.book.take(self._prices(), 0)

    def _prices(self) -> Prices:
        """Ask for the prices of what is traded, held or ordered."""
        return Prices(tuple(each for symbol in self.book.symbols() for each in tickers(self._market, symbol)))

    def minute(self, now_ms: int) -> None:
        """Compare with the exchange, once a minute. Raises as `take`."""
        self.reconcile(now_ms)

    def reconcile(self, now_ms: int) -> None:
        """Read the whole account and hold it against the records; mend what is not as it should be.

        A difference that stays for two readings is not a fill on its way: then the exchange is right. What it
        has closed is closed; what it holds beyond the records is left alone, and nothing is opened.
        """
        manager, book = self._desk.manager, self.book
        book.clock_offset_ms = judged_clock_offset_ms(manager)
        book.read_all(manager, now_ms)
        self._book_missed(now_ms)
        for leg in self._legs:
            if leg.is_in_step():
                self._differ_since.pop(leg.symbol, None)
            elif leg.symbol in self._differ_since:
                leg.adopt(now_ms)
            else:
                self._differ_since[leg.symbol] = now_ms
        for leg in self._legs:
            leg.mend(now_ms)
        differing = [leg for leg in self._legs if not leg.is_in_step()]
        book.in_step = not differing
        self._note_closed(now_ms)
        self._desk.risk.observe(book.view(), now_ms)
        self._write_state(now_ms)
        if self._codes:
            self._withdraw(now_ms)
        self._desk.write(JournalKind.RECONCILED, self._told(differing), now_ms)

    def _book_missed(self, now_ms: int) -> None:
        """Ask for the fills of a symbol that does not agree: they may not have been told."""
        for leg in self._legs:
            if not leg.is_in_step():
                since_ms = leg.booked_until - _LISTED_LATE_MS
                for told in self._desk.manager.executions(leg.symbol, since_ms=since_ms):
                    leg.on_execution(told, now_ms)

    def _write_state(self, now_ms: int) -> None:
        """Write down what begins or ceases to stand in the way of trading."""
        reasons = self._desk.risk.reasons(now_ms)
        codes = tuple(reason.code for reason in reasons)
        if codes != self._codes:
            self._codes = codes
            state = {"trading": self._desk.risk.state(now_ms), "reasons": reasons}
            self._desk.write(JournalKind.STATE, state, now_ms)

    def _withdraw(self, now_ms: int) -> None:
        """Cancel what rests and could open, while nothing may be opened: whoever placed it."""
        for order in list(self.book.open_orders.values()):
            if not order.reduce_only:
                outcome = self._desk.manager.cancel(order.symbol, order_id=order.order_id)
                told = {"withdrawn": order.order_link_id or order.order_id, "was": outcome}
                self._desk.write(JournalKind.STATE, told, now_ms, symbol=order.symbol)

    def _note_closed(self, now_ms: int) -> None:
        since_ms = self._closed_ms if self._closed_ms is not None else now_ms - DAY_MS
        for closed in self._desk.manager.closed_pnl(since_ms - _CLOSED_OVERLAP_MS):
            self._desk.risk.record_fill(closed, now_ms)
            self._closed_ms = max(closed.ts_ms, since_ms)

    def _told(self, differing: Sequence[AccountLeg]) -> dict[str, Any]:
        wallet = self.book.wallet
        return {
            "in_step": not differing,
            "differ": {
                leg.symbol: {"held": leg.twin.signed_size, "reported": float(leg.reported())}
                for leg in differing
            },
            "equity_usdt": None if wallet is None else float(wallet.equity),
            "positions": {
                symbol: float(report.signed_size)
                for symbol, report in self.book.positions.items()
                if not report.is_flat
            },
            "open_orders": len(self.book.open_orders),
        }
