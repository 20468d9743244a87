"""The only way an order leaves: written down, asked of the risk manager, sent, written down again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from engine.errors import ExchangeError, ExchangeUnavailable, OutcomeUnknown, TradeError
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.orders import OrderRequest
from engine.live.account_book import AccountBook
from engine.live.journal import Journal, JournalEntry, JournalKind
from engine.live.risk.manager import RiskManager
from engine.live.risk.view import OrderIntent

# An answer takes some 60 ms; so many orders are on their way at once.
_SENDERS = 8


class Sent(Enum):
    """What became of an order."""

    TAKEN = "taken"
    REFUSED = "refused"
    """By the risk manager, or by the exchange for good."""
    NOT_SENT = "not sent"
    """The exchange does not have it, for certain; it may be tried again."""
    UNKNOWN = "unknown"
    """It may be there: it has to be looked up by its name."""
    ON_ITS_WAY = "on its way"
    """An `OrderOutcome` will tell."""


@dataclass(frozen=True)
class OrderOutcome:
    """What became of an order that was on its way; `error` if writing that down has failed."""

    request: OrderRequest
    sent: Sent
    error: TradeError | None = None


class OrderDesk:
    """Sends the orders of all legs of one account.

    Parameters
    ----------
    manager : ExchangeManager
    risk : RiskManager
    book : AccountBook
    journal : Journal
    """

    def __init__(
        self, manager: ExchangeManager, risk: RiskManager, book: AccountBook, journal: Journal
    ) -> None:
        self.manager, self.risk, self.book, self.journal = manager, risk, book, journal
        self.on_sent: Callable[[OrderRequest], None] | None = None
        self._senders: ThreadPoolExecutor | None = None
        self._tell: Callable[[OrderOutcome], None] = _nobody

    def send_in_threads(self, tell: Callable[[OrderOutcome], None]) -> None:
        """From now on do not wait for the exchange's answers: each is told as it comes."""
        self._senders, self._tell = ThreadPoolExecutor(_SENDERS, thread_name_prefix="orders"), tell

    def stop(self) -> None:
        """Wait for the answers that are to come."""
        if self._senders is not None:
            self._senders.shutdown()
            self._senders = None

    def send(
        self,
        request: OrderRequest,
        *,
        card_id: str,
        timeframe: str,
        decided_ms: int,
        reference_price: Decimal,
        now_ms: int,
    ) -> Sent:
        """Send an order, once and only if it may leave.

        Parameters
        ----------
        request : OrderRequest
            One that is reduce-only reduces; any other opens.
        card_id, timeframe : str
        decided_ms : int
            The close it was decided at.
        reference_price : Decimal
            The price then.
        now_ms : int

        Raises
        ------
        DataError
            If the journal cannot be written: nothing is sent then.
        """
        intent = OrderIntent(request, card_id, timeframe, request.reduce_only, decided_ms, reference_price)
        verdict = self.risk.check(intent, self.book.view(), now_ms)
        name = {"order_link_id": request.order_link_id}
        if not verdict.allowed:
            self.write(
                JournalKind.REFUSAL,
                {
                    **name,
                    "by": "risk",
                    "code": verdict.code,
                    "message": verdict.message,
                    "ts_close": decided_ms,
                    "reduce_only": request.reduce_only,
                },
                now_ms,
                card_id,
                request.symbol,
            )
            return Sent.REFUSED
        self.write(
            JournalKind.ORDER,
            {"phase": "sending", "ts_close": decided_ms, "request": request},
            now_ms,
            card_id,
            request.symbol,
            # the order has the decision's name: after a power cut it is made, and found, again
            can_be_found_again=True,
        )
        if self._senders is None:
            return self._place(request, card_id, decided_ms, now_ms)
        self._senders.submit(self._place_and_tell, request, card_id, decided_ms, now_ms)
        return Sent.ON_ITS_WAY

    def _place_and_tell(self, request: OrderRequest, card_id: str, decided_ms: int, now_ms: int) -> None:
        try:
            self._tell(OrderOutcome(request, self._place(request, card_id, decided_ms, now_ms)))
        except TradeError as error:
            self._tell(OrderOutcome(request, Sent.UNKNOWN, error))

    def _place(self, request: OrderRequest, card_id: str, decided_ms: int, now_ms: int) -> Sent:
        name = {"order_link_id": request.order_link_id}
        if self.on_sent is not None:
            self.on_sent(request)
        try:
            ack = self.manager.place(request)
        except OutcomeUnknown as error:
            self.write(JournalKind.ERROR, {**name, "problem": error.problem}, now_ms, card_id, request.symbol)
            return Sent.UNKNOWN
        except ExchangeError as error:
            if not request.reduce_only:
                self.risk.release(request.order_link_id, now_ms)
            refused = not isinstance(error, ExchangeUnavailable)
            self.write(
                JournalKind.REFUSAL,
                {
                    **name,
                    "by": "exchange",
                    "code": error.ret_code,
                    "message": error.problem,
                    "ts_close": decided_ms,
                    "reduce_only": request.reduce_only,
                },
                now_ms,
                card_id,
                request.symbol,
            )
            return Sent.REFUSED if refused else Sent.NOT_SENT
        self.write(
            JournalKind.ORDER,
            {"phase": "taken", **name, "order_id": ack.order_id, "was_there": ack.was_there},
            now_ms,
            card_id,
            request.symbol,
        )
        return Sent.TAKEN

    def write(
        self,
        kind: JournalKind,
        data: dict[str, Any],
        now_ms: int,
        card_id: str = "",
        symbol: str = "",
        *,
        can_be_found_again: bool = False,
    ) -> None:
        """Write a line of the journal. Raises DataError if it cannot be written."""
        entry = JournalEntry(now_ms, kind, card_id, symbol, data)
        self.journal.append(entry, can_be_found_again=can_be_found_again)


def _nobody(_outcome: OrderOutcome) -> None:
    """Tell nobody: whoever sends waits for the answer."""
