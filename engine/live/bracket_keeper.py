"""The bracket of a position at the exchange: there from the fill on, and always what the record says."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from engine.errors import OrderGone, OrderRefused
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.orders import OrderRequest, OrderStatus
from engine.live.account_book import AccountBook
from engine.live.leg_orders import SentOrder, attached_target, attaches_target, target_request
from engine.live.twin import TwinAccount

# How long an order may be unheard of before it is placed anew.
UNHEARD_MS = 5_000


class BracketKeeper:
    """Keeps stop and targets of one symbol's position at the exchange.

    Parameters
    ----------
    symbol, system_hash : str
    twin : TwinAccount
        What the bracket should be.
    book : AccountBook
        What it is.
    manager : ExchangeManager
    """

    def __init__(
        self, symbol: str, system_hash: str, twin: TwinAccount, book: AccountBook, manager: ExchangeManager
    ) -> None:
        self._symbol, self._system_hash = symbol, system_hash
        self._twin, self._book, self._manager = twin, book, manager
        self._set: tuple[Decimal | None, Decimal | None] | None = None
        self.targets: dict[int, SentOrder] = {}

    def forget(self) -> None:
        """Look at the exchange's own bracket next time, and not at what was set last."""
        self._set = None

    def keep(self, ts_close: int, now_ms: int, send: Callable[[OrderRequest, int], object]) -> bool:
        """See to it that the exchange has the bracket; return whether there can be one.

        Parameters
        ----------
        ts_close : int
            The last close, which names new orders.
        now_ms : int
        send : callable
            Sends an order decided at a close.

        Raises
        ------
        ExchangeError
            If the exchange does not answer; it is to be tried again.
        """
        position = self._twin.position
        if position.direction == 0:
            self._set = None
            self._cancel_targets()
            return True
        if not math.isfinite(position.stop_price) or not self._set_bracket():
            return False
        if not attaches_target(self._twin):
            self._place_targets(ts_close, now_ms, send)
        return True

    def _set_bracket(self) -> bool:
        rules = self._manager.instrument(self._symbol)
        stop = rules.nearest_price(float(self._twin.position.stop_price))
        target = attached_target(self._twin, rules)
        report = self._book.positions.get(self._symbol)
        there = None if report is None or report.is_flat else (report.stop_loss, report.take_profit)
        if (stop, target) in (there, self._set):
            return True
        try:
            self._manager.set_bracket(self._symbol, stop_loss=stop, take_profit=target)
        except OrderGone:
            return True  # it is closed already, and the fill is on its way
        except OrderRefused:
            return False  # the price is beyond the stop: what it was for has to be done now
        self._set = (stop, target)
        return True

    def _place_targets(self, ts_close: int, now_ms: int, send: Callable[[OrderRequest, int], object]) -> None:
        rules = self._manager.instrument(self._symbol)
        for rung, (_, size) in self._twin.targets().items():
            attempt = self._next_attempt(rung, now_ms)
            if attempt is None:
                continue
            known = self.targets.get(rung)
            decided = ts_close if known is None else known.ts_close
            request = target_request(rung, self._twin, rules, self._system_hash, decided, attempt)
            self.targets[rung] = SentOrder(request.order_link_id, decided, now_ms, size, attempt=attempt)
            send(request, decided)

    def _next_attempt(self, rung: int, now_ms: int) -> int | None:
        """Return the attempt a target is to be placed in; None if it rests, or its fill is on its way."""
        known = self.targets.get(rung)
        if known is None:
            return 0
        if self._book.open_order(known.order_link_id) is not None or now_ms - known.sent_ms < UNHEARD_MS:
            return None
        report = self._manager.order(self._symbol, known.order_link_id)
        if report is None:
            return known.attempt
        return None if report.is_open or report.status is OrderStatus.FILLED else known.attempt + 1

    def _cancel_targets(self) -> None:
        for rung, order in list(self.targets.items()):
            if self._book.open_order(order.order_link_id) is not None:
                self._manager.cancel(self._symbol, order_link_id=order.order_link_id)
            del self.targets[rung]
