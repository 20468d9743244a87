"""The panic button: halt, cancel everything, close everything, and look whether it is so, until it is.

Nothing here trusts an answer. Each round asks the exchange what is there, cancels the orders that could open,
closes positions by reduce-only orders at market, and asks again; only two readings of the account, one after
the other and both without a position and without an order that could open, end it, and not before what was
sent just before the halt has arrived or never will. Whatever fails is tried again in the next round, and
failing to cancel does not keep it from closing. The stops of positions stay at the exchange until their
positions are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from engine.errors import DataError, ExchangeError, TradeError
from engine.exchange.timing import Timing
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.order_ids import order_link_id
from engine.exchange.trading.orders import OrderKind, OrderReport, OrderRequest, PositionReport
from engine.exchange.trading.signed_session import RECV_WINDOW_MS
from engine.live.journal import Journal, JournalEntry, JournalKind
from engine.live.risk.manager import RiskManager
from engine.live.risk.verdict import DenialCode
from engine.live.risk.view import AccountView, OrderIntent

PATIENCE_S = 120.0
"""How long it is tried, if not told otherwise: longer than a restart of an exchange's gateway."""

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
# an order is taken within its signature's window or never; and a second for it to show
_ARRIVED_S = RECV_WINDOW_MS / 1000 + 1
_MOST_ROUNDS = 99  # as many as an order's name can tell apart


@dataclass(frozen=True)
class PanicReport:
    """What a panic came to.

    Parameters
    ----------
    is_flat : bool
        Whether the account was seen twice without a position and without an order that could open.
    is_halted : bool
        Whether the risk manager lets nothing through now.
    rounds : int
        How often it was tried.
    cancelled : int
        Orders that were cancelled.
    sent : tuple of str
        Names of the closing orders that the exchange has taken.
    positions, orders : tuple, or None
        What is left; None if the exchange could not be asked at the end.
    problems : tuple of str
        What went wrong on the way: of each step the last.
    """

    is_flat: bool
    is_halted: bool
    rounds: int
    cancelled: int
    sent: tuple[str, ...]
    positions: tuple[PositionReport, ...] | None
    orders: tuple[OrderReport, ...] | None
    problems: tuple[str, ...]


@dataclass
class _Progress:
    rounds: int = 0
    cancelled: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """The last one of each step: an exchange that is gone says so each time in other words."""


def panic(
    manager: ExchangeManager,
    risk: RiskManager,
    journal: Journal | None,
    timing: Timing,
    *,
    reason: str,
    patience_s: float = PATIENCE_S,
) -> PanicReport:
    """Halt trading, cancel all orders and close all positions of an account; never raises for what fails.

    Parameters
    ----------
    manager : ExchangeManager
        The account.
    risk : RiskManager
        Is halted first, so that nothing opens meanwhile in any process.
    journal : Journal or None
        Where it is written down, if it can be.
    timing : Timing
        The clock and the way to wait.
    reason : str
        Why, for the journal and for whoever finds trading halted.
    patience_s : float, optional
        How long it is tried.
    """
    done = _Progress()
    began_ms, began_s = timing.epoch_ms(), timing.monotonic_s()
    is_halted = _halt(risk, reason, began_ms, done)
    _write(journal, JournalKind.STATE, began_ms, done, {"panic": "begins", "reason": reason})
    seen: tuple[tuple[PositionReport, ...], tuple[OrderReport, ...]] | None = None
    was_flat = is_flat = False
    wait_s = _FIRST_WAIT_S
    while not is_flat and done.rounds < _MOST_ROUNDS:
        if done.rounds and timing.monotonic_s() - began_s + wait_s > patience_s:
            break
        if done.rounds:
            timing.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        done.rounds += 1
        _cancel(manager, done)
        for position in _positions(manager, done) or ():
            _close(manager, risk, position, began_ms, timing.epoch_ms(), journal, done)
        seen = _look(manager, done)
        looks_flat = seen is not None and not seen[0] and not any(_may_open(order) for order in seen[1])
        has_all_arrived = timing.monotonic_s() - began_s >= _ARRIVED_S
        is_flat, was_flat = looks_flat and was_flat and has_all_arrived, looks_flat
    report = PanicReport(
        is_flat,
        is_halted,
        done.rounds,
        len(done.cancelled),
        tuple(done.sent),
        None if seen is None else seen[0],
        None if seen is None else seen[1],
        tuple(f"{step}: {problem}" for step, problem in done.problems.items()),
    )
    ended = {"panic": "ended", "is_flat": is_flat, "sent": report.sent, "problems": report.problems}
    _write(journal, JournalKind.STATE, timing.epoch_ms(), done, ended)
    return report


def _halt(risk: RiskManager, reason: str, now_ms: int, done: _Progress) -> bool:
    try:
        risk.halt(reason, now_ms, code=DenialCode.PANIC)
    except DataError as error:
        done.problems["halting"] = error.problem
        return False
    return True


def _cancel(manager: ExchangeManager, done: _Progress) -> None:
    try:
        done.cancelled.update(manager.cancel_all())
    except ExchangeError as error:
        done.problems["cancelling"] = error.problem


def _positions(manager: ExchangeManager, done: _Progress) -> tuple[PositionReport, ...] | None:
    try:
        return tuple(position for position in manager.positions() if not position.is_flat)
    except ExchangeError as error:
        done.problems["reading the positions"] = error.problem
        return None


def _look(
    manager: ExchangeManager, done: _Progress
) -> tuple[tuple[PositionReport, ...], tuple[OrderReport, ...]] | None:
    # the orders first: what fills between the two readings is a position by then
    try:
        orders = tuple(order for order in manager.open_orders() if order.is_open)
    except ExchangeError as error:
        done.problems["reading the orders"] = error.problem
        return None
    positions = _positions(manager, done)
    return None if positions is None else (positions, orders)


def _may_open(order: OrderReport) -> bool:
    return not order.reduce_only


def _close(
    manager: ExchangeManager,
    risk: RiskManager,
    position: PositionReport,
    began_ms: int,
    now_ms: int,
    journal: Journal | None,
    done: _Progress,
) -> None:
    if position.side is None:
        return
    whole = OrderRequest(
        position.symbol,
        position.side.opposite,
        OrderKind.MARKET,
        position.size,
        order_link_id("panic", position.symbol, began_ms, "panic", done.rounds),
        reduce_only=True,
    )
    for request in _parts(manager, position, whole, done):
        intent = OrderIntent(request, "", "", True, now_ms, position.mark_price or Decimal(1))
        verdict = risk.check(intent, AccountView(), now_ms, is_panic=True)
        if not verdict.allowed:
            done.problems[f"closing {position.symbol}"] = verdict.message
            continue
        _write(
            journal, JournalKind.ORDER, now_ms, done, {"phase": "sending", "request": request}, request.symbol
        )
        try:
            done.sent.append(manager.place(request).order_link_id)
        except TradeError as error:
            done.problems[f"closing {position.symbol}"] = error.problem


def _parts(
    manager: ExchangeManager, position: PositionReport, whole: OrderRequest, done: _Progress
) -> Iterator[OrderRequest]:
    try:
        yield from manager.closing(position, whole)
    except ExchangeError as error:
        done.problems[f"reading the rules of {position.symbol}"] = error.problem


def _write(
    journal: Journal | None,
    kind: JournalKind,
    now_ms: int,
    done: _Progress,
    data: dict[str, object],
    symbol: str = "",
) -> None:
    """Write down what can be written down: a full disk keeps nobody from getting out."""
    if journal is None:
        return
    try:
        journal.append(JournalEntry(now_ms, kind, "", symbol, data))
    except DataError as error:
        done.problems["writing down"] = error.problem
