"""The step-by-step driver: the same exchange, one bar at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.sim.closing import close_at_end
from engine.sim.ledger import Ledger
from engine.sim.market import FundingEvents
from engine.sim.records import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    BarValues,
    Books,
    Floats,
    FundingArrays,
    Records,
    new_position,
    new_records,
    new_wallet,
    with_room_for_as_many,
)
from engine.sim.state import Direction, RejectReason, StopReason
from engine.sim.step import advance_bar, room_for_fills


@dataclass(frozen=True)
class Bar:
    """One exec bar: times in ms, prices in USDT; the mark prices are the last prices where there are none.

    `volume` is in base coin; it matters only where the card's orders move the price or have a share of it.
    """

    ts_open: int
    ts_close: int
    open: float
    high: float
    low: float
    close: float
    mark_open: float
    mark_high: float
    mark_low: float
    mark_close: float
    is_filled: bool = False
    volume: float = np.inf


@dataclass(frozen=True)
class Position:
    """The open position: size in base coin, prices in USDT; NaN for a level that is not set.

    `target_price` is the nearest of the targets that are left.
    """

    direction: Direction
    size: float
    entry_price: float
    stop_price: float
    target_price: float
    liquidation_price: float


@dataclass(frozen=True)
class RestingOrder:
    """The entry that waits, in USDT and base coin. A market order has the close it was decided at."""

    side: Direction
    price: float
    size: float


class SimulatedExchange:
    """An account at the simulated exchange.

    Parameters
    ----------
    contract, tiers
        From `engine.sim.contract`.
    starting_equity_usdt : float
    funding : FundingEvents
        Events of the bars to come.
    """

    def __init__(
        self, contract: Records, tiers: Floats, starting_equity_usdt: float, funding: FundingEvents
    ) -> None:
        self._rules = contract[0]
        self._tiers = tiers
        self._funding = FundingArrays(funding.ts, funding.rate, funding.mark_price)
        self._starting_equity = starting_equity_usdt
        self._wallet = new_wallet(starting_equity_usdt)[0]
        self._position = new_position(funding.ts)[0]
        self._books = Books(
            new_records(64 + room_for_fills(tiers), FILL_DTYPE),
            new_records(64, TRADE_DTYPE),
            new_records(len(funding), PAYMENT_DTYPE),
            np.zeros(len(RejectReason), np.int64),
        )
        self._bar = 0
        self._last: BarValues | None = None

    def advance(self, bar: Bar, signals: int, features: Sequence[float] | Floats = ()) -> None:
        """Advance by one bar.

        Parameters
        ----------
        bar : Bar
        signals : int
            The `SignalBit`s that hold at its close.
        features : float64[k]
            What the orders look at, as known at its close, in the order of the card's `level_features`.
        """
        self._make_room()
        self._last = BarValues(
            bar=self._bar,
            ts_exec_open=bar.ts_open,
            ts_open=bar.ts_open,
            ts_close=bar.ts_close,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            mark_open=bar.mark_open,
            mark_high=bar.mark_high,
            mark_low=bar.mark_low,
            mark_close=bar.mark_close,
            volume=bar.volume,
            is_filled=bar.is_filled,
            closes=True,
        )
        known = np.asarray(features, np.float64).reshape(-1, 1)
        advance_bar(
            self._wallet,
            self._position,
            self._rules,
            self._tiers,
            self._last,
            signals,
            known,
            0,
            self._funding,
            self._books,
        )
        self._bar += 1

    def close(self) -> None:
        """Close what is open at the last bar's close, at the market."""
        if self._last is not None:
            self._make_room()
            close_at_end(self._wallet, self._position, self._rules, self._tiers, self._last, self._books)

    @property
    def position(self) -> Position | None:
        """The open position, or None."""
        position = self._position
        if position.direction == 0:
            return None
        return Position(
            direction=Direction(int(position.direction)),
            size=float(position.quantity),
            entry_price=float(position.entry_price),
            stop_price=float(position.stop_price),
            target_price=float(position.target_price),
            liquidation_price=float(position.liquidation_price),
        )

    @property
    def resting_order(self) -> RestingOrder | None:
        """The entry that waits for its price, or for the next open, or None."""
        position = self._position
        if position.order_side == 0:
            return None
        return RestingOrder(
            side=Direction(int(position.order_side)),
            price=float(position.order_price),
            size=float(position.order_quantity),
        )

    @property
    def ledger(self) -> Ledger:
        """The books as of the last close."""
        wallet, position = self._wallet, self._position
        closed = self.trades.gross_pnl.sum()
        if position.direction != 0:
            closed += position.closed_pnl
        return Ledger(
            starting_equity=self._starting_equity,
            closed_pnl=float(closed),
            fees=float(self.fills.fee.sum()),
            funding=float(self.payments.amount.sum()),
            cash=float(wallet.cash),
            unrealised_pnl=float(position.unrealised),
            used_margin=float(position.used_margin),
            order_margin=float(position.order_margin),
        )

    @property
    def equity(self) -> float:
        """Cash and unrealised PnL at the last close, USDT."""
        return float(self._wallet.equity)

    @property
    def fills(self) -> Records:
        """Fills so far (`FILL_DTYPE`)."""
        return self._books.fills[: self._wallet.fills]

    @property
    def trades(self) -> Records:
        """Closed trades so far (`TRADE_DTYPE`)."""
        return self._books.trades[: self._wallet.trades]

    @property
    def payments(self) -> Records:
        """Funding payments so far (`PAYMENT_DTYPE`)."""
        return self._books.payments[: self._wallet.payments]

    @property
    def rejects(self) -> dict[RejectReason, int]:
        """Orders refused or ended unfilled by reason, those that occurred."""
        counts = self._books.rejects
        return {reason: int(counts[reason]) for reason in RejectReason if counts[reason]}

    @property
    def stop_reason(self) -> StopReason:
        """Why the account can trade no more; NONE while it can."""
        return StopReason(int(self._wallet.stop_reason))

    def _make_room(self) -> None:
        books = self._books
        if self._wallet.fills + room_for_fills(self._tiers) > len(books.fills):
            books = books._replace(fills=with_room_for_as_many(books.fills))
        if self._wallet.trades + 4 > len(books.trades):
            books = books._replace(trades=with_room_for_as_many(books.trades))
        self._books = books
