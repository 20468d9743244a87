"""The record of a position at a real exchange: filled from its reports, kept and decided on as in a backtest.

The exchange knows how much is held and at what price. It does not know why: the tag and the captured values
of the entry, how long it is held, its best price, which of its targets are done. That is kept here, in the
simulator's own records, changed by the simulator's own functions.
"""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from engine.backtest.named_signals import named_signals
from engine.errors import DataError
from engine.live.decider import Decision
from engine.market_data.instruments import InstrumentRules
from engine.sim.booking import affordable_size, book_entry, book_exit, follow_bar, reject_of_entry
from engine.sim.calls import decide_one_bar
from engine.sim.contract import contract_of, features_needed, tiers_of
from engine.sim.exchange_views import Bar
from engine.sim.records import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    POSITION_DTYPE,
    TRADE_DTYPE,
    blank_records,
    new_position,
    new_wallet,
)
from engine.sim.signal_terms import with_signal_terms
from engine.sim.state import EntryKind, FillReason, RejectReason, SignalBit
from engine.strategies.card_plan import CardPlan

# A fill that comes so long after a bar's open was not one at its open.
_AT_OPEN_MS = 5_000
_RICH = 1e15
_LAYOUT = hashlib.sha256(repr(POSITION_DTYPE.descr).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class EntryWish:
    """The entry that a card wants at the exchange.

    Attributes
    ----------
    side : int
        1 buys, -1 sells.
    price : float
        Of a market order the close it was decided at, else the price it waits for.
    size : float
        Base coin, as the card asks for; not cut to what is affordable.
    """

    side: int
    price: float
    size: float


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a card wants after a close.

    Attributes
    ----------
    exit_reason : FillReason or None
        Why the position is to be closed; None: it is not.
    entry : EntryWish or None
        An entry to place, in the place of the one that waits, if there is one.
    keeps_entry : bool
        Whether the entry that waits goes on waiting.
    rejects : tuple of RejectReason
        What the card wanted and cannot have.
    """

    exit_reason: FillReason | None
    entry: EntryWish | None
    keeps_entry: bool
    rejects: tuple[RejectReason, ...]


class TwinAccount:
    """One card's record of its position and of its waiting entry on one symbol.

    Parameters
    ----------
    plan : CardPlan
    instrument : InstrumentRules
    """

    def __init__(self, plan: CardPlan, instrument: InstrumentRules) -> None:
        contract = with_signal_terms(contract_of(plan.card, instrument), named_signals(plan).terms)
        self._contract = contract.view(np.ndarray)
        booking = contract.copy()
        # what the exchange has filled is booked, whatever the card's caps would have made of it
        for cap in ("max_notional", "max_effective_leverage", "max_participation", "max_qty"):
            booking[cap] = np.inf
        booking["min_qty"], booking["min_notional"] = contract["qty_step"], 0.0
        self._booking = booking.view(np.ndarray)
        self._tiers = tiers_of(instrument)
        self._wallets = new_wallet(float(plan.card.account.starting_equity_usdt)).view(np.ndarray)
        self._positions = new_position(np.empty(0, np.int64)).view(np.ndarray)
        self._rejects = np.zeros(len(RejectReason), np.int64)
        self._new_books()

    @property
    def rules(self) -> Any:
        """The contract: one record of `RULES_DTYPE`."""
        return self._contract.view(np.recarray)[0]

    @property
    def position(self) -> Any:
        """The record itself: one of `POSITION_DTYPE`, which changes in place."""
        return self._positions.view(np.recarray)[0]

    @property
    def entry_kind(self) -> EntryKind:
        """What order opens a position."""
        return EntryKind(int(self.rules.entry_kind))

    @property
    def signed_size(self) -> float:
        """What is held, below 0 of a short."""
        position = self.position
        return float(position.direction * position.quantity) if position.direction else 0.0

    def rehearse(self) -> None:
        """Go through everything once on a copy: what is compiled is loaded now, not at the first close."""
        copy = self._copy()
        levels = np.ones((max(1, features_needed(copy._contract)), 1))
        price = 1e5 * float(self.rules.tick_size)
        bar = Bar(0, 1, price, price, price, price, price, price, price, price)
        copy.fund(1e9, 1e9, 0.0)
        for bits in (int(SignalBit.ENTER_LONG), int(SignalBit.ENTER_SHORT)):
            wishes = copy.close_bar(Decision(1, bits, levels), 0, bar)
            if wishes.entry is not None:
                size, _ = copy.size_of_entry(price)
                copy.expected(price, max(size, float(self.rules.qty_step)))
                copy.book_entry(wishes.entry.side, price, size, 1, 0, 1, is_last=True)
                copy.close_bar(Decision(2, 0, levels), 1, bar)
                if copy.signed_size:
                    copy.book_exit(price, abs(copy.signed_size), 0.0, FillReason.SIGNAL, -1, 1, 0, 1)

    def fund(self, equity: float, available: float, unrealised: float) -> None:
        """Set what the card may use: its share of the equity, and no more than is available."""
        wallet, position = self._wallets.view(np.recarray)[0], self.position
        wallet.equity = equity
        wallet.cash = min(equity - unrealised, available + position.used_margin)

    def close_bar(self, decision: Decision, bar_number: int, bar: Bar) -> Wishes:
        """Let a bar close: move the stop that moves, and decide. Return what the card wants now."""
        position = self.position
        if position.direction != 0:
            late = int(position.entry_bar) == bar_number and position.entry_ts > bar.ts_open + _AT_OPEN_MS
            high, low = (bar.close, bar.close) if late else (bar.high, bar.low)
            follow_bar(self._positions, self._contract, high, low, float(bar.mark_close), decision.levels)
        waited = int(position.order_side) != 0
        position.order_is_new = 0
        before = self._rejects.copy()
        decide_one_bar(
            self._wallets,
            self._positions,
            self._contract,
            bar_number,
            float(bar.close),
            decision.bits,
            decision.levels,
            self._rejects,
        )
        side = int(position.order_side)
        entry = None
        if side != 0 and position.order_is_new:
            entry = EntryWish(side, float(position.order_price), float(position.order_quantity))
        leaves = int(position.pending_exit) if position.direction != 0 else 0
        counts = self._rejects - before
        return Wishes(
            FillReason(leaves) if leaves else None,
            entry,
            waited and side != 0 and entry is None,
            tuple(reason for reason in RejectReason if counts[reason]),
        )

    def size_of_entry(self, price: float) -> tuple[float, RejectReason | None]:
        """Return the size of the entry that waits, cut to what can be paid; or why it cannot be placed."""
        size = float(affordable_size(self._wallets, self._positions, self._contract, price))
        reject = int(
            reject_of_entry(self._wallets, self._positions, self._contract, self._tiers, size, price)
        )
        return size, None if reject < 0 else RejectReason(reject)

    def expected(self, price: float, size: float) -> Self | None:
        """Return the record as it would be if the entry that waits filled so; None if it could not."""
        copy = self._copy()
        side = int(self.position.order_side)
        return copy if copy.book_entry(side, price, size, 0, 0, 0, is_last=True) else None

    def book_entry(
        self,
        side: int,
        price: float,
        size: float,
        bar_number: int,
        ts_exec_open: int,
        ts: int,
        *,
        is_last: bool,
    ) -> bool:
        """Book a fill of the entry that waits or has been sent; return whether it could be.

        Parameters
        ----------
        side : int
            1 bought, -1 sold: the order may have been taken back, and have filled all the same.
        price, size : float
        bar_number, ts_exec_open : int
            The exec bar it happened in.
        ts : int
        is_last : bool
            Whether nothing of the order is left.
        """
        self._room()
        position, wallet = self.position, self._wallets.view(np.recarray)[0]
        waits, before, cash = int(position.order_side), float(position.quantity), float(wallet.cash)
        left = float(position.order_quantity) - size
        position.order_side, position.order_quantity = side, size
        wallet.cash = _RICH
        book_entry(
            self._wallets,
            self._positions,
            self._booking,
            self._tiers,
            bar_number,
            ts_exec_open,
            ts,
            price,
            *self._books,
            self._rejects,
        )
        wallet.cash = cash
        if not is_last and waits and left > 0.0:
            position.order_side, position.order_quantity = waits, left
        return float(position.quantity) > before

    def book_exit(
        self,
        price: float,
        size: float,
        fee: float,
        reason: FillReason,
        rung: int,
        bar_number: int,
        ts_exec_open: int,
        ts: int,
    ) -> None:
        """Book a fill that makes the position smaller; `rung` is the target it was of, -1: of none."""
        self._room()
        book_exit(
            self._wallets,
            self._positions,
            self._contract,
            self._tiers,
            bar_number,
            ts_exec_open,
            ts,
            price,
            min(size, float(self.position.quantity)),
            fee,
            int(reason),
            rung,
            *self._books,
            self._rejects,
        )

    def drop_entry(self) -> None:
        """Forget the entry that waits: the exchange has it no more."""
        position = self.position
        position.order_side = 0
        position.order_margin = 0.0

    def stop_reason_now(self) -> FillReason:
        """Return why the stop would close the position: it is where it was, or was moved by something."""
        moved = int(self.position.stop_moved_by)
        return FillReason(moved) if moved else FillReason.STOP_LOSS

    def targets(self) -> dict[int, tuple[float, float]]:
        """Return price and size of the targets that are left, by rung."""
        position = self.position
        if position.direction == 0:
            return {}
        return {
            rung: (float(position.target_prices[rung]), float(position.target_quantities[rung]))
            for rung in range(int(self.rules.target_count))
            if math.isfinite(position.target_prices[rung])
        }

    def dump(self) -> dict[str, str]:
        """Return the record as text; `load` takes it back to the bit."""
        return {"layout": _LAYOUT, "record": base64.b64encode(self._positions.tobytes()).decode()}

    def load(self, dumped: dict[str, str]) -> None:
        """Take back what `dump` gave.

        Raises
        ------
        DataError
            If it was written by another version of the program.
        """
        if dumped["layout"] != _LAYOUT:
            raise DataError(
                "the record of a position was written by another version of the program",
                way_out="close the position by hand, move the run's folder away and start anew",
            )
        self._positions[:] = np.frombuffer(base64.b64decode(dumped["record"]), POSITION_DTYPE)

    def _copy(self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._wallets, copy._positions = self._wallets.copy(), self._positions.copy()
        copy._rejects = self._rejects.copy()
        copy._new_books()
        return copy

    def _new_books(self) -> None:
        fills, trades, payments = (
            blank_records(count, dtype).view(np.ndarray)
            for count, dtype in ((16, FILL_DTYPE), (8, TRADE_DTYPE), (0, PAYMENT_DTYPE))
        )
        self._books = (fills, trades, payments)

    def _room(self) -> None:
        """Begin the books anew: what is in them has been written to the journal."""
        wallet = self._wallets.view(np.recarray)[0]
        wallet.fills = 0
        wallet.trades = 0
