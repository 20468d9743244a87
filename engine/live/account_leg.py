"""One card on one symbol at a real exchange, demo or live: the same decisions, carried out by orders.

At each close the position's record is brought up to what the exchange has filled, the same `decide` as in a
backtest runs on it, and what it asks for becomes orders:

| the card wants                | what is sent                                                            |
|-------------------------------|-------------------------------------------------------------------------|
| to enter at the market        | a market order with its stop (and its only target) attached             |
| to enter by limit or stop     | a limit or conditional order with its stop attached                     |
| a ladder, or a limit target   | reduce-only limit orders, once the entry has filled                     |
| a stop that trails or moves   | the position's bracket amended at the close                             |
| to leave                      | a reduce-only market order                                              |

The stop lies at the exchange from the moment of the fill: whatever happens to this program, no position is
without one.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

from engine.backtest.history import History
from engine.errors import ExchangeError
from engine.exchange.trading.orders import (
    ExecutionReport,
)
from engine.live.decider import Decision
from engine.live.journal import JournalEntry, JournalKind
from engine.live.leg_fills import ENTRY, FOREIGN, FUNDING, fill_of
from engine.live.leg_orders import SentOrder, attempt_of, rung_of
from engine.live.leg_standing import held_at, waiting_entry
from engine.live.leg_trading import LegTrading
from engine.live.market import SymbolMarket
from engine.live.order_desk import OrderDesk
from engine.live.runner import LegStanding
from engine.live.shadow import refuse_strategy
from engine.live.twin import EntryWish, Wishes
from engine.sim.state import FillReason
from engine.strategies.card_plan import CardPlan

_LOG = logging.getLogger(__name__)

# What was decided so long ago is not entered on any more.
_FRESH_MS = 30_000


class AccountLeg(LegTrading):
    """One card on one symbol of an account.

    Parameters
    ----------
    plan : CardPlan
    market : SymbolMarket
    first_open : int
        The bar it decides on first.
    desk : OrderDesk
    legs : int
        Among how many legs the account's equity is shared.
    """

    def __init__(
        self, plan: CardPlan, market: SymbolMarket, first_open: int, desk: OrderDesk, *, legs: int
    ) -> None:
        refuse_strategy(plan)
        super().__init__(plan, market, first_open, desk, legs)
        self._flip: EntryWish | None = None
        self._seen: set[str] = set()
        self._unsettled: Decision | None = None
        self._wanted: dict[str, Any] = {}
        # the last fill that is booked: what was not told has to be looked for from there on
        self.booked_until = first_open
        self._fills = 0
        self._realised = 0.0

    @property
    def next_close(self) -> int:
        """When it decides next."""
        return self.decided_until + self.plan.card.timeframes.exec.ms

    # what comes at a close

    def on_close(self, decision: Decision, history: History, now_ms: int) -> None:
        """Decide on the account's record, write it down, and send what is asked for.

        Raises
        ------
        DataError
            If the journal cannot be written: nothing is sent then.
        """
        del history
        series = self.market.series[self.plan.card.timeframes.exec]
        bar = series.bar(series.rows_by(decision.ts_close) - 1)
        self._last_price = bar.close
        self._book.note_trade(self.symbol, bar.close, decision.ts_close)
        self._fund()
        wishes = self.twin.close_bar(decision, self._bar_number(bar.ts_open), bar)
        self.decided_until = decision.ts_close
        self._write(JournalKind.DECISION, self._decided(decision, wishes), now_ms)
        self._carry_out(wishes, decision.ts_close, now_ms)

    def _decided(self, decision: Decision, wishes: Wishes) -> dict[str, Any]:
        wallet = self._book.wallet
        return {
            **decision.to_plain(),
            "wants": {
                "exit": None if wishes.exit_reason is None else wishes.exit_reason.name.lower(),
                "entry": None if wishes.entry is None else asdict(wishes.entry),
                "keeps_entry": wishes.keeps_entry,
                "rejects": [reason.name.lower() for reason in wishes.rejects],
            },
            "equity_usdt": None if wallet is None else float(wallet.equity),
            "size": self.twin.signed_size,
            "state": self._state(),
        }

    def _carry_out(self, wishes: Wishes, ts_close: int, now_ms: int) -> None:
        if self.entry is not None and not wishes.keeps_entry:
            self._cancel_entry(now_ms)
        self._flip = None
        if wishes.exit_reason is not None:
            self._flip = wishes.entry
            self._leave(ts_close, now_ms)
        elif wishes.entry is not None:
            self._enter(wishes.entry, ts_close, now_ms)
        self.protect(now_ms)

    # what the exchange tells

    def on_execution(self, told: ExecutionReport, now_ms: int) -> None:
        """Book what was filled, and see to it that what is held now has its bracket."""
        if told.execution_id in self._seen:
            return
        data = fill_of(told, self.twin, self._book, is_ours=told.order_link_id in self._names)
        if data["reason"] == FOREIGN:
            # people's, an earlier run's, or of an order that a crash has made this run forget and that it is
            # about to decide on again: then it is asked for once more, for position and record differ
            return
        self._seen.add(told.execution_id)
        self._write(JournalKind.FILL, data, now_ms)
        if data["reason"] == FUNDING:
            return
        self._book_fill(data)
        self.protect(now_ms)
        if self.twin.position.direction == 0 and self._flip is not None:
            flip, self._flip = self._flip, None
            if now_ms - self.decided_until <= _FRESH_MS:
                self._fund()
                self._enter(flip, self.decided_until, now_ms)

    def _book_fill(self, data: dict[str, Any]) -> None:
        """Book a fill as the journal has it."""
        self._fills += 1
        ts, price, size = int(data["ts_ms"]), float(data["price"]), float(data["size"])
        self.booked_until = max(self.booked_until, ts)
        number = self._bar_number(ts)
        opened = self.first_open + number * self.plan.card.timeframes.exec.ms
        if data["reason"] == ENTRY:
            entry = self.entry
            is_last = entry is None or entry.filled + size >= entry.size * (1 - 1e-9)
            side = 1 if data["side"] == "buy" else -1
            if not self.twin.book_entry(side, price, size, number, opened, ts, is_last=is_last):
                self._unprotected = True
            if entry is not None:
                self.entry = None if is_last else replace(entry, filled=entry.filled + size)
        elif self.twin.position.direction != 0:
            reason = FillReason[str(data["reason"]).upper()]
            direction = int(self.twin.position.direction)
            self._realised += direction * size * (price - float(self.twin.position.entry_price))
            self.twin.book_exit(
                price, size, float(data["fee"]), reason, int(data["rung"]), number, opened, ts
            )
        self._realised -= float(data["fee"])
        if self.twin.position.direction == 0:
            self.exit, self._unprotected = None, False

    # what is looked after

    def mend(self, now_ms: int) -> None:
        """Look up what is not known, and try again what has failed: once a minute, and after reconnecting."""
        try:
            self._settle_decision(now_ms)
            self._look_up_entry(now_ms)
            self._look_up_exit(now_ms)
            self._bracket.forget()
            self.protect(now_ms)
        except ExchangeError as error:
            self._failed(error, now_ms)

    def adopt(self, now_ms: int) -> None:
        """Give way to the exchange, which has closed what the record still holds; fills of it never came."""
        if self.reported() != 0 or self.twin.position.direction == 0:
            return
        price = float(self._book.mark_price(self.symbol) or self._last_price)
        data = {
            "ts_ms": now_ms,
            "price": price,
            "size": abs(self.twin.signed_size),
            "fee": 0.0,
            "reason": "signal",
            "rung": -1,
            "adopted": True,
        }
        self._write(JournalKind.FILL, data, now_ms)
        self._book_fill(data)

    # restart

    def restore(self, entry: JournalEntry) -> None:
        """Take in again what an entry of the journal tells.

        Raises
        ------
        DataError
            If it was written by another version of the program.
        """
        data = dict(entry.data)
        if entry.kind is JournalKind.DECISION:
            self._load(data["state"])
            self.decided_until = int(data["ts_close"])
            self._unsettled = Decision.from_plain(data)
            self._wanted = data["wants"]
            if self.twin.position.direction == 0:
                self.exit = None
        elif entry.kind is JournalKind.FILL:
            if "execution_id" in data:
                self._seen.add(str(data["execution_id"]))
            if data["reason"] != FUNDING:
                self._book_fill(data)
        elif entry.kind is JournalKind.ORDER:
            self._restore_order(data, entry.ts_ms)
        elif entry.kind is JournalKind.REFUSAL:
            self._refusals += 1
            name = data.get("order_link_id")
            if name is None or (self.entry is not None and self.entry.order_link_id == name):
                self.entry = None
                self.twin.drop_entry()
            self._unsettled = None

    def _restore_order(self, data: dict[str, Any], ts_ms: int) -> None:
        if data["phase"] == "over":
            self.entry = None
            self.twin.drop_entry()
        elif data["phase"] == "sending":
            self._unsettled = None
            request = data["request"]
            self._names.add(str(request["order_link_id"]))
            name, size = str(request["order_link_id"]), float(request["size"])
            order = SentOrder(name, int(data["ts_close"]), ts_ms, size, attempt=attempt_of(name))
            rung = rung_of(name)
            if rung is not None:
                self._bracket.targets[rung] = order
            elif "-entry" in name:
                self.entry = order
            else:
                self.exit = order

    def restored(self, now_ms: int) -> None:
        """Do nothing yet: what was under way is settled once the account has been read (`mend`)."""

    def _settle_decision(self, now_ms: int) -> None:
        """Send what the last decision asked for, if the program died before that and it is not too late."""
        decision, self._unsettled = self._unsettled, None
        if decision is None or decision.ts_close != self.decided_until:
            return
        position = self.twin.position
        if position.direction != 0 and position.pending_exit != 0 and self.exit is None:
            self._leave(self.decided_until, now_ms)
        if position.order_side != 0 and self.entry is None:
            wanted = self._wanted["entry"]
            if wanted is not None and position.direction == 0 and now_ms - decision.ts_close <= _FRESH_MS:
                self._fund()
                self._enter(EntryWish(**wanted), decision.ts_close, now_ms)
            else:
                self.twin.drop_entry()

    def _state(self) -> dict[str, Any]:
        return {
            **self.twin.dump(),
            "entry": None if self.entry is None else asdict(self.entry),
            "exit": None if self.exit is None else asdict(self.exit),
            "targets": {str(rung): asdict(order) for rung, order in self._bracket.targets.items()},
            "fills": self._fills,
            "realised": self._realised,
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.twin.load(state)
        self.entry = None if state["entry"] is None else SentOrder(**state["entry"])
        self.exit = None if state["exit"] is None else SentOrder(**state["exit"])
        self._bracket.targets = {int(rung): SentOrder(**order) for rung, order in state["targets"].items()}
        self._fills, self._realised = int(state["fills"]), float(state["realised"])

    def standing(self) -> LegStanding:
        """Return how it stands."""
        report = self._book.positions.get(self.symbol)
        held = held_at(self.twin, report, self._bar_number(self.decided_until))
        unrealised = 0.0 if held is None else float(held["unrealised_usdt"])
        waits = self.entry is not None and self.twin.position.order_side != 0
        return LegStanding(
            direction=int(self.twin.position.direction),
            equity_usdt=self._equity(),
            pnl_usdt=self._realised + unrealised,
            position=held,
            order=waiting_entry(self.twin) if waits else None,
            fills=self._fills,
            rejects=self._refusals,
            stopped=None,
        )

    def _bar_number(self, ts_ms: int) -> int:
        return (ts_ms - self.first_open) // self.plan.card.timeframes.exec.ms
