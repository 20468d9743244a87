"""The step-by-step driver: the same exchange, one bar at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.errors import SimulationError
from engine.sim.calls import decide_one_bar, trade_one_bar
from engine.sim.closing import close_at_end
from engine.sim.contract import features_needed, refuse_missing_features
from engine.sim.exchange_views import Bar, Position, RestingOrder
from engine.sim.ledger import Ledger
from engine.sim.market import FundingEvents
from engine.sim.records import (
    FILL_DTYPE,
    NEVER,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    BarValues,
    Books,
    Floats,
    Records,
    blank_records,
    new_position,
    new_wallet,
    with_room_for_as_many,
)
from engine.sim.state import Direction, RejectReason, StopReason
from engine.sim.step import room_for_fills

# of a position's record, in the order of `Position`
_LEVELS = ("quantity", "entry_price", "stop_price", "target_price", "liquidation_price", "unrealised")


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
        # Arrays of one record each: Python reads a field through a view of its own, and Numba knows a plain
        # array at a glance.
        self._contract = contract.view(np.ndarray)
        self._wallets = new_wallet(starting_equity_usdt).view(np.ndarray)
        self._positions = new_position(funding.ts).view(np.ndarray)
        self._needed_features = features_needed(contract)
        self._tiers = tiers
        self._funding = (funding.ts, funding.rate, funding.mark_price)
        self._starting_equity = starting_equity_usdt
        self._needed_fills = int(room_for_fills(tiers))
        self._fills = blank_records(64 + self._needed_fills, FILL_DTYPE).view(np.ndarray)
        self._trades = blank_records(64, TRADE_DTYPE).view(np.ndarray)
        self._payments = blank_records(len(funding), PAYMENT_DTYPE).view(np.ndarray)
        self._rejects = np.zeros(len(RejectReason), np.int64)
        self._bar = -1
        self._is_decided = True
        self._last: Bar | None = None
        self._fill_count, self._trade_count = self._wallets["fills"], self._wallets["trades"]
        self._equity, self._stop_reason = self._wallets["equity"], self._wallets["stop_reason"]
        self._direction, self._entry_bar = self._positions["direction"], self._positions["entry_bar"]
        self._used_margin, self._order_side = self._positions["used_margin"], self._positions["order_side"]
        self._cash, self._smallest_margin = self._wallets["cash"], float(self._contract["smallest_margin"][0])
        self._levels = [self._positions[name] for name in _LEVELS]

    def advance(self, bar: Bar, signals: int, features: Sequence[float] | Floats = ()) -> None:
        """Advance by one bar: `trade` it, and `decide` at its close.

        Parameters
        ----------
        bar : Bar
        signals : int
            The `SignalBit`s that hold at its close.
        features : float64[k]
            What the orders look at, as known at its close, in the order of the card's `level_features`.
        """
        known = _as_column(features)
        self.trade(bar, known)
        self.decide(signals, known)

    def trade(
        self, bar: Bar, features: Sequence[float] | Floats = (), *, ts_exec_open: int | None = None
    ) -> None:
        """Go through a bar up to its close; what is decided there is still to be said to `decide`.

        Parameters
        ----------
        bar : Bar
            An exec bar, or a finer one inside it.
        features : float64[k]
            As for `advance`.
        ts_exec_open : int, optional
            When the exec bar opened that a finer one is part of.
        """
        self._bar += self._is_decided
        self._is_decided = False
        self._last = bar
        if self._is_idle():
            return  # funding that nobody pays is passed over with the next bar that is traded
        self._make_room()
        trade_one_bar(
            self._wallets,
            self._positions,
            self._contract,
            self._tiers,
            self._bar,
            bar.ts_open if ts_exec_open is None else ts_exec_open,
            bar.ts_open,
            bar.ts_close,
            # a whole number would be another type, and compiled for anew
            float(bar.open),
            float(bar.high),
            float(bar.low),
            float(bar.close),
            float(bar.mark_open),
            float(bar.mark_high),
            float(bar.mark_low),
            float(bar.mark_close),
            float(bar.volume),
            bar.is_filled,
            self._known(features),
            *self._funding,
            self._fills,
            self._trades,
            self._payments,
            self._rejects,
        )

    def expect(self, funding: FundingEvents) -> None:
        """Take note of funding events that were not known at the start, before a bar they settle in.

        Parameters
        ----------
        funding : FundingEvents
            Later than those known so far.

        Raises
        ------
        SimulationError
            If they are not later.
        """
        ts, rate, mark_price = self._funding
        known = FundingEvents(
            np.concatenate([ts, funding.ts]),
            np.concatenate([rate, funding.rate]),
            np.concatenate([mark_price, funding.mark_price]),
        )
        self._funding = (known.ts, known.rate, known.mark_price)
        room = blank_records(len(known), PAYMENT_DTYPE).view(np.ndarray)
        room[: len(self._payments)] = self._payments
        self._payments = room
        at = int(self._positions["funding_cursor"][0])
        self._positions["next_funding_ts"] = known.ts[at] if at < len(known) else NEVER

    def decide(self, signals: int, features: Sequence[float] | Floats = ()) -> None:
        """End the exec bar that was traded last, with what its signals ask for.

        Parameters
        ----------
        signals, features
            As for `advance`.
        """
        if self._last is None or self._is_decided:
            raise SimulationError("there is no bar to decide on", way_out="trade one first")
        self._is_decided = True
        if signals == 0 and self._is_idle():
            return
        decide_one_bar(
            self._wallets,
            self._positions,
            self._contract,
            self._bar,
            float(self._last.close),
            signals,
            self._known(features),
            self._rejects,
        )

    def _known(self, features: Sequence[float] | Floats) -> Floats:
        known = _as_column(features)
        if len(known) < self._needed_features:
            refuse_missing_features(self._contract, len(known))
        return known

    def close(self) -> None:
        """Close what is open at the last bar's close, at the market."""
        if self._last is None:
            return
        self._make_room()
        bar = BarValues(
            self._bar,
            self._last.ts_open,
            *self._last[:10],
            self._last.volume,
            self._last.is_filled,
            True,
        )
        wallet, position, rules = (
            records.view(np.recarray)[0] for records in (self._wallets, self._positions, self._contract)
        )
        fills, trades, payments = (
            each.view(np.recarray) for each in (self._fills, self._trades, self._payments)
        )
        books = Books(fills, trades, payments, self._rejects)
        close_at_end(wallet, position, rules, self._tiers, bar, books)

    @property
    def position(self) -> Position | None:
        """The open position, or None."""
        direction = self._direction.item()
        if direction == 0:
            return None
        size, entry, stop, target, liquidation, unrealised = [level.item() for level in self._levels]
        bars_held = self._bar - int(self._entry_bar.item()) + 1
        return Position(Direction(direction), size, entry, stop, target, liquidation, unrealised, bars_held)

    @property
    def resting_order(self) -> RestingOrder | None:
        """The entry that waits for its price, or for the next open, or None."""
        position = self._positions.view(np.recarray)[0]
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
        wallet, position = self._wallets.view(np.recarray)[0], self._positions.view(np.recarray)[0]
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
        return float(self._equity.item())

    @property
    def used_margin(self) -> float:
        """Margin the open position locks, USDT."""
        return float(self._used_margin.item())

    @property
    def entry_counts(self) -> tuple[int, int]:
        """Entries cut down to what is affordable or allowed, and those filled in part for want of volume."""
        wallet = self._wallets[0]
        return int(wallet["capped_entries"]), int(wallet["partial_entries"])

    @property
    def partial_liquidations(self) -> int:
        """Steps down a risk tier."""
        return int(self._wallets[0]["partial_liquidations"])

    @property
    def fills(self) -> Records:
        """Fills so far (`FILL_DTYPE`)."""
        return self._fills[: self._fill_count.item()].view(np.recarray)

    @property
    def trades(self) -> Records:
        """Closed trades so far (`TRADE_DTYPE`)."""
        return self._trades[: self._trade_count.item()].view(np.recarray)

    @property
    def payments(self) -> Records:
        """Funding payments so far (`PAYMENT_DTYPE`)."""
        return self._payments[: self._wallets["payments"][0]].view(np.recarray)

    @property
    def rejects(self) -> dict[RejectReason, int]:
        """Orders refused or ended unfilled by reason, those that occurred."""
        counts = self._rejects
        return {reason: int(counts[reason]) for reason in RejectReason if counts[reason]}

    @property
    def stop_reason(self) -> StopReason:
        """Why the account can trade no more; NONE while it can."""
        reason = self._stop_reason.item()
        return StopReason(reason) if reason else StopReason.NONE

    def _is_idle(self) -> bool:
        """Whether there is nothing a bar could do: no position, no order, and money to go on with."""
        return (
            self._direction.item() == 0
            and self._order_side.item() == 0
            and self._cash.item() >= self._smallest_margin
        )

    def _make_room(self) -> None:
        if self._fill_count.item() + self._needed_fills > len(self._fills):
            self._fills = with_room_for_as_many(self._fills).view(np.ndarray)
        if self._trade_count.item() + 4 > len(self._trades):
            self._trades = with_room_for_as_many(self._trades).view(np.ndarray)


def _as_column(features: Sequence[float] | Floats) -> Floats:
    if isinstance(features, np.ndarray) and features.ndim == 2:
        return features
    return np.ascontiguousarray(features, np.float64).reshape(-1, 1)
