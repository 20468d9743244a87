"""The risk manager: every order is asked about before it leaves, and leaves only if all limits hold with it.

An order that opens is refused when anything needed to judge it is missing, old or contradictory. One that
reduces (and is marked so for the exchange) always passes, unless a person has halted everything. What an
order that passed may come to counts from that moment on, before it is sent and whatever becomes of its
answer: see `engine.live.risk.in_flight`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.errors import ConfigurationError, DataError
from engine.exchange.trading.orders import (
    ClosedPnl,
    ExecutionKind,
    ExecutionReport,
    OrderReport,
)
from engine.live.risk.case import Case
from engine.live.risk.certainty import CERTAINTY_CHECKS
from engine.live.risk.checks import LIMIT_CHECKS
from engine.live.risk.in_flight import with_execution, with_report, with_sent, with_view, without_order
from engine.live.risk.limits import RiskLimits
from engine.live.risk.memory import RiskMemory
from engine.live.risk.record import RiskRecord, seeded, with_closed, with_equity
from engine.live.risk.stops import halted_by, resumed, with_stops
from engine.live.risk.usage import limit_usage
from engine.live.risk.verdict import (
    ALLOWED,
    DenialCode,
    LimitUsage,
    RiskVerdict,
    StateReason,
    TradingState,
    denied,
)
from engine.live.risk.view import AccountView, OrderIntent

RESUME_CONFIRMATION = "resume trading"
"""What has to be typed to resume."""


class RiskManager:
    """Says whether an order may leave, and remembers what that depends on.

    Parameters
    ----------
    limits : RiskLimits
        What is allowed.
    memory : RiskMemory
        What is remembered; shared by all processes of an environment.
    """

    def __init__(self, limits: RiskLimits, memory: RiskMemory) -> None:
        self.limits = limits
        self._memory = memory
        self._is_seeded = False

    def check(
        self, intent: OrderIntent, view: AccountView, now_ms: int, *, is_panic: bool = False
    ) -> RiskVerdict:
        """Say whether an order may leave; one that opens and may counts as sent from now on.

        If it is not sent after all, call `release`; asked again under the same name (order link id) it is
        the same order.

        Parameters
        ----------
        intent : OrderIntent
            The order.
        view : AccountView
            The account as known.
        now_ms : int
            UTC epoch milliseconds.
        is_panic : bool, optional
            Whether the panic button asks: a reducing order then passes also when all is halted.
        """
        if refusal := _malformed(intent):
            return refusal
        verdict = ALLOWED

        def judge(record: RiskRecord) -> RiskRecord:
            nonlocal verdict
            record = self._observed(record, view, now_ms)
            verdict = self._verdict(intent, view, record, now_ms, is_panic=is_panic)
            if verdict.allowed and not intent.reduces:
                record = with_sent(record, intent, view, now_ms)
            return record

        try:
            self._memory.change(judge)
        except DataError as error:
            if intent.reduces:
                return ALLOWED
            return denied(DenialCode.MEMORY_UNREADABLE, error.problem)
        return verdict

    def seed(self, closed: Sequence[ClosedPnl], equity: Decimal, now_ms: int) -> None:
        """Take over what the exchange says was closed this week, and the equity. Nothing opens before.

        The greater loss of memory and exchange counts; see `engine.live.risk.record.seeded`.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        self._change(lambda record: seeded(record, closed, equity, now_ms), now_ms)
        self._is_seeded = True

    def record_fill(self, fill: ExecutionReport | ClosedPnl, now_ms: int) -> None:
        """Take note of a closed position, or of an execution: each once; of a closed position also twice.

        A liquidation stops the opening of positions.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        if isinstance(fill, ClosedPnl):
            self._change(lambda record: with_closed(record, fill), now_ms)
        elif fill.kind is ExecutionKind.TRADE and fill.order_link_id:
            self._change(lambda record: with_execution(record, fill), now_ms)
        elif fill.kind is ExecutionKind.BUST_TRADE:
            message = f"{fill.symbol} was liquidated: {fill.size} at {fill.price}"
            self._change(
                lambda record: halted_by(
                    record, DenialCode.LIQUIDATED, TradingState.REDUCING, message, now_ms
                ),
                now_ms,
            )

    def record_order(self, report: OrderReport, now_ms: int) -> None:
        """Take note of what the exchange says of an order that was let through.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        self._change(lambda record: with_report(record, report), now_ms)

    def record_equity(self, equity: Decimal, now_ms: int) -> None:
        """Take note of the equity in USDT.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        self._change(lambda record: with_equity(record, equity, now_ms), now_ms)

    def observe(self, view: AccountView, now_ms: int) -> None:
        """Take note of the account, once a minute or whenever it was read: equity, and orders that settled.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        self._memory.change(lambda record: self._observed(record, view, now_ms))

    def release(self, order_link_id: str, now_ms: int) -> None:
        """Take back an order that was let through and certainly never reached the exchange.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        self._change(lambda record: without_order(record, order_link_id), now_ms)

    def halt(self, reason: str, now_ms: int, *, code: DenialCode = DenialCode.MANUAL_HALT) -> None:
        """Let nothing through any more, neither in nor out, until somebody resumes.

        Raises
        ------
        DataError
            If the memory cannot be read or written.
        """
        self._change(lambda record: halted_by(record, code, TradingState.HALTED, reason, now_ms), now_ms)

    def resume(self, confirmation: str, now_ms: int) -> tuple[StateReason, ...]:
        """Trade on, and return what still stands in the way: losses of the day and week are not forgiven.

        Raises
        ------
        ConfigurationError
            If `confirmation` is not `RESUME_CONFIRMATION`.
        DataError
            If the memory cannot be read or written.
        """
        if confirmation != RESUME_CONFIRMATION:
            raise ConfigurationError(
                f"{confirmation!r} does not confirm it", way_out=f"type {RESUME_CONFIRMATION!r} to trade on"
            )
        return self._change(lambda record: resumed(record, self.limits.losses, now_ms), now_ms).reasons

    def state(self, now_ms: int) -> TradingState:
        """Return what may be sent."""
        return strictest(self.reasons(now_ms))

    def reasons(self, now_ms: int) -> tuple[StateReason, ...]:
        """Return why trading is not free, in the order it came up; a memory that cannot be read is one."""
        try:
            record = self._memory.read()
        except DataError as error:
            code, state = DenialCode.MEMORY_UNREADABLE, TradingState.REDUCING
            return (StateReason(code, state, error.problem, now_ms),)
        return with_stops(record, self.limits.losses, now_ms).reasons

    def usage(self, view: AccountView, now_ms: int) -> tuple[LimitUsage, ...]:
        """Return how much of each limit is used, in the order of `risk.yaml`.

        Raises
        ------
        DataError
            If the memory cannot be read.
        """
        record = self._observed(self._memory.read(), view, now_ms)
        return limit_usage(self.limits, record, view, now_ms)

    def _change(self, change: Callable[[RiskRecord], RiskRecord], now_ms: int) -> RiskRecord:
        return self._memory.change(lambda record: with_stops(change(record), self.limits.losses, now_ms))

    def _observed(self, record: RiskRecord, view: AccountView, now_ms: int) -> RiskRecord:
        record = with_view(record, view)
        if view.wallet is not None and view.account_ms is not None and view.wallet.equity.is_finite():
            record = with_equity(record, view.wallet.equity, min(view.account_ms, now_ms))
        return with_stops(record, self.limits.losses, now_ms)

    def _verdict(
        self, intent: OrderIntent, view: AccountView, record: RiskRecord, now_ms: int, *, is_panic: bool
    ) -> RiskVerdict:
        for reason in record.reasons:
            if reason.state is TradingState.HALTED and not (is_panic and intent.reduces):
                return denied(reason.code, reason.message)
        if intent.reduces:
            return ALLOWED
        for reason in record.reasons:
            return denied(reason.code, reason.message)
        if not self._is_seeded:
            return denied(
                DenialCode.NOT_SEEDED, "the exchange has not been asked for the losses of this week"
            )
        for is_certain in CERTAINTY_CHECKS:
            if refusal := is_certain(intent, view, self.limits, now_ms):
                return refusal
        if view.account_ms is not None and view.account_ms < record.settled_ms:
            message = "the account was read before the last orders settled"
            return denied(DenialCode.STALE_ACCOUNT, message)
        case = Case.of(intent, view, record, self.limits, now_ms)
        if case is None:
            return denied(
                DenialCode.UNKNOWN_PRICE, "the price of a symbol with an order on its way is not known"
            )
        for check in LIMIT_CHECKS:
            if refusal := check(case):
                return refusal
        return ALLOWED


def strictest(reasons: Sequence[StateReason]) -> TradingState:
    """Return the state that reasons ask for together."""
    states = {reason.state for reason in reasons}
    for state in (TradingState.HALTED, TradingState.REDUCING):
        if state in states:
            return state
    return TradingState.ACTIVE


def _malformed(intent: OrderIntent) -> RiskVerdict | None:
    request = intent.request
    figures = (request.size, request.price, request.trigger_price, intent.reference_price)
    if any(each is not None and not (each.is_finite() and each > 0) for each in figures):
        return denied(DenialCode.BAD_ORDER, "a size or a price is not above 0")
    if intent.reduces and not request.reduce_only:
        return denied(DenialCode.BAD_ORDER, "an order that is to reduce has to be marked reduce-only")
    if not request.order_link_id:
        return denied(
            DenialCode.BAD_ORDER, "an order needs a name of ours: without one it could be sent twice"
        )
    return None
