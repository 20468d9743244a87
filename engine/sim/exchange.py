"""The step-by-step driver: the same exchange, one bar at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.sim.exits import close_at_end
from engine.sim.ledger import Ledger
from engine.sim.market import FundingEvents
from engine.sim.state import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    Direction,
    Floats,
    Records,
    RejectReason,
    StopReason,
    new_records,
    new_state,
    with_room_for_as_many,
)
from engine.sim.step import advance_bar


@dataclass(frozen=True)
class Bar:
    """One exec bar: times in ms, prices in USDT; the mark prices are the last prices where there are none."""

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


@dataclass(frozen=True)
class Position:
    """The open position: size in base coin, prices in USDT; NaN for a level that is not set."""

    direction: Direction
    size: float
    entry_price: float
    stop_price: float
    target_price: float
    liquidation_price: float


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
        self._contract = contract
        self._tiers = tiers
        self._funding = funding
        self._starting_equity = starting_equity_usdt
        self._account = new_state(starting_equity_usdt, funding.ts)
        self._fills = new_records(64, FILL_DTYPE)
        self._trades = new_records(64, TRADE_DTYPE)
        self._payments = new_records(len(funding), PAYMENT_DTYPE)
        self._rejects = np.zeros(len(RejectReason), np.int64)
        self._bar = 0
        self._last: Bar | None = None

    def advance(
        self, bar: Bar, signals: int, *, stop_feature: float = np.nan, target_feature: float = np.nan
    ) -> None:
        """Advance by one bar; `signals` are the `SignalBit`s that hold at its close."""
        self._make_room()
        advance_bar(
            self._account,
            self._contract,
            self._tiers,
            self._bar,
            bar.ts_open,
            bar.ts_close,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.mark_open,
            bar.mark_high,
            bar.mark_low,
            bar.mark_close,
            bar.is_filled,
            signals,
            stop_feature,
            target_feature,
            self._funding.ts,
            self._funding.rate,
            self._funding.mark_price,
            self._fills,
            self._trades,
            self._payments,
            self._rejects,
        )
        self._bar += 1
        self._last = bar

    def close(self) -> None:
        """Close what is open at the last bar's close, at the market."""
        if self._last is not None:
            self._make_room()
            last = self._last
            close_at_end(
                self._account,
                self._contract,
                self._bar - 1,
                last.ts_close,
                last.close,
                self._fills,
                self._trades,
            )

    @property
    def position(self) -> Position | None:
        """The open position, or None."""
        state = self._account[0]
        if state.direction == 0:
            return None
        return Position(
            direction=Direction(int(state.direction)),
            size=float(state.quantity),
            entry_price=float(state.entry_price),
            stop_price=float(state.stop_price),
            target_price=float(state.target_price),
            liquidation_price=float(state.liquidation_price),
        )

    @property
    def ledger(self) -> Ledger:
        """The books as of the last close."""
        state = self._account[0]
        trades, fills, payments = self.trades, self.fills, self.payments
        return Ledger(
            starting_equity=self._starting_equity,
            closed_pnl=float(trades.gross_pnl.sum()),
            fees=float(fills.fee.sum()),
            funding=float(payments.amount.sum()),
            cash=float(state.cash),
            unrealised_pnl=float(state.equity - state.cash),
            used_margin=float(state.used_margin),
        )

    @property
    def fills(self) -> Records:
        """Fills so far (`FILL_DTYPE`)."""
        return self._fills[: self._account[0].fills]

    @property
    def trades(self) -> Records:
        """Closed trades so far (`TRADE_DTYPE`)."""
        return self._trades[: self._account[0].trades]

    @property
    def payments(self) -> Records:
        """Funding payments so far (`PAYMENT_DTYPE`)."""
        return self._payments[: self._account[0].payments]

    @property
    def rejects(self) -> dict[RejectReason, int]:
        """Refused orders by reason, those that occurred."""
        return {reason: int(self._rejects[reason]) for reason in RejectReason if self._rejects[reason]}

    @property
    def stop_reason(self) -> StopReason:
        """Why the account can trade no more; NONE while it can."""
        return StopReason(int(self._account[0].stop_reason))

    def _make_room(self) -> None:
        state = self._account[0]
        if state.fills + 4 > len(self._fills):
            self._fills = with_room_for_as_many(self._fills)
        if state.trades + 2 > len(self._trades):
            self._trades = with_room_for_as_many(self._trades)
