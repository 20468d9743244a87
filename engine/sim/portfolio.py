"""The driver of a portfolio: several members, each with a market and an account's rules, on one wallet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import SimulationError
from engine.sim.contract import refuse_missing_features
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.portfolio_loop import run_stretch
from engine.sim.portfolio_records import UNKNOWN, MemberTerms, PortfolioCurves, Standing
from engine.sim.portfolio_stretches import stretches, timeline_of
from engine.sim.records import (
    FILL_DTYPE,
    NEVER,
    PAYMENT_DTYPE,
    POSITION_DTYPE,
    TRADE_DTYPE,
    Books,
    Floats,
    FundingArrays,
    Integers,
    Records,
    blank_records,
    new_position,
    new_records,
    new_wallet,
    with_room_for_as_many,
)
from engine.sim.state import RejectReason, StopReason
from engine.sim.step import room_for_fills
from engine.timeframes import format_utc

_FIRST_CAPACITY = 4096


@dataclass(frozen=True, eq=False)
class PortfolioMember:
    """One market that is traded on the shared wallet, as `simulate` takes it."""

    bars: MarketBars
    signals: BarSignals
    funding: FundingEvents
    contract: Records
    tiers: Floats


@dataclass(frozen=True, eq=False)
class PortfolioOutput:
    """What a run of a portfolio leaves behind.

    Attributes
    ----------
    ts_open : int64[t]
        The times of the run: every time at which a member has a bar, until the run ended.
    equity : float64[t]
        At each close, USDT: cash and the unrealised PnL of all members, each at its last mark.
    used_margin, exposure : float64[t]
        Margin of the open positions, and their value at the last price, USDT.
    open_positions : int64[t]
    fills, trades, payments : record arrays
        In the order they happened; `member` says whose they are, and bars are that member's.
    rejects : int64[m, RejectReason]
        Orders of each member refused or ended unfilled, by reason.
    capped_entries, partial_entries, partial_liquidations : int
        As of `SimulationOutput`, of all members.
    stop_reason : StopReason
    cash : float
        Wallet balance at the end, USDT.
    """

    ts_open: Integers
    equity: Floats
    used_margin: Floats
    exposure: Floats
    open_positions: Integers
    fills: Records
    trades: Records
    payments: Records
    rejects: Integers
    capped_entries: int
    partial_entries: int
    partial_liquidations: int
    stop_reason: StopReason
    cash: float


def simulate_portfolio(
    members: Sequence[PortfolioMember], starting_equity_usdt: float, max_open_positions: int | None = None
) -> PortfolioOutput:
    """Run several members on one wallet; with one member it is `simulate`, to the bit.

    At each time first the open acts on every position (funding, then exits), then entries are filled at the
    open in the order of priority, then comes the inside of the bar, member by member in that order: what one
    takes of balance and free positions the next one does not have. Then all are marked, the equity is their
    sum, and all decide for the next open. Margins are isolated: what one position loses beyond its own margin
    touches no other's.

    A member that has no bar at a time keeps its position, its orders and its last mark; a position still open
    at a member's last bar is closed there. Each member holds a position of its own, also where two trade the
    same symbol. The run stops early when no position is open and the equity pays for no member's smallest
    order.

    Parameters
    ----------
    members : sequence of PortfolioMember
        In the order of priority, the first before all others.
    starting_equity_usdt : float
    max_open_positions : int, optional
        As many as there are members if left out.

    Raises
    ------
    SimulationError
        If there is no member or no room for a position, signals do not belong to their bars, or the bars of
        members are not of one length and grid.
    """
    bar_ms = _refuse_misfits(members, max_open_positions)
    timeline = timeline_of([member.bars.ts_open for member in members], bar_ms)
    wallets, quiet_wallets = new_wallet(starting_equity_usdt), new_wallet(0.0)
    wallets.free_slots = NEVER if max_open_positions is None else max_open_positions
    positions = new_records(len(members), POSITION_DTYPE)
    for number, member in enumerate(members):
        positions[number] = new_position(member.funding.ts, number)[0]
    terms = _terms(members)
    books = Books(
        blank_records(_FIRST_CAPACITY + terms.fills_needed, FILL_DTYPE),
        blank_records(_FIRST_CAPACITY // 2 + 4 * len(members), TRADE_DTYPE),
        blank_records(sum(len(member.funding) for member in members), PAYMENT_DTYPE),
        np.zeros(0, np.int64),
    )
    rejects = np.zeros((len(members), len(RejectReason)), np.int64)
    count = len(timeline)
    curves = PortfolioCurves(np.empty(count), np.empty(count), np.empty(count), np.empty(count, np.int64))
    standing = _new_standing(len(members))
    stops = wallets["stop_reason"]
    ran = 0
    for stretch in stretches(
        [member.bars for member in members], [member.signals for member in members], timeline, positions
    ):
        standing.wakes[:] = UNKNOWN
        standing.row[:] = stretch.start
        here = slice(ran, ran + len(stretch.times))
        part = PortfolioCurves(
            curves.equity[here], curves.used_margin[here], curves.exposure[here], curves.open_positions[here]
        )
        at = 0
        while at < len(stretch.times):
            at = int(
                run_stretch(
                    at,
                    bar_ms,
                    wallets,
                    quiet_wallets,
                    positions,
                    terms,
                    stretch,
                    standing,
                    books,
                    rejects,
                    part,
                )
            )
            if stops[0]:
                break
            if at < len(stretch.times):
                books = books._replace(
                    fills=with_room_for_as_many(books.fills), trades=with_room_for_as_many(books.trades)
                )
        ran += at
        if stops[0]:
            break
    wallet = wallets[0]
    return PortfolioOutput(
        ts_open=timeline[:ran],
        equity=curves.equity[:ran],
        used_margin=curves.used_margin[:ran],
        exposure=curves.exposure[:ran],
        open_positions=curves.open_positions[:ran],
        fills=books.fills[: wallet.fills],
        trades=books.trades[: wallet.trades],
        payments=books.payments[: wallet.payments],
        rejects=rejects,
        capped_entries=int(wallet.capped_entries),
        partial_entries=int(wallet.partial_entries),
        partial_liquidations=int(wallet.partial_liquidations),
        stop_reason=StopReason(int(wallet.stop_reason)),
        cash=float(wallet.cash),
    )


def _refuse_misfits(members: Sequence[PortfolioMember], max_open_positions: int | None) -> int:
    """Return the length of a bar, in ms."""
    if not members:
        raise SimulationError("a portfolio of nothing", way_out="give at least one member")
    if max_open_positions is not None and max_open_positions < 1:
        raise SimulationError(
            f"{max_open_positions} open positions are none to trade with", way_out="allow at least one"
        )
    first = members[0].bars
    for number, member in enumerate(members):
        bars = member.bars
        refuse_missing_features(member.contract, len(member.signals.features))
        if len(member.signals.bits) != len(bars):
            raise SimulationError(
                f"member {number}: there are {len(member.signals.bits)} signals for {len(bars)} bars"
            )
        if bars.bar_ms != first.bar_ms:
            raise SimulationError(
                f"member {number} has bars of {bars.bar_ms} ms, member 0 of {first.bar_ms} ms",
                way_out="run members of one exec timeframe together, and each timeframe by itself",
            )
        if len(bars) and len(first) and (bars.ts_open[0] - first.ts_open[0]) % bars.bar_ms:
            raise SimulationError(
                f"member {number}: its bar of {format_utc(int(bars.ts_open[0]))} UTC is off the grid of "
                f"member 0, whose first is of {format_utc(int(first.ts_open[0]))} UTC"
            )
    return first.bar_ms


def _terms(members: Sequence[PortfolioMember]) -> MemberTerms:
    events = [member.funding for member in members]
    return MemberTerms(
        contracts=np.concatenate([member.contract[:1] for member in members]).view(np.recarray),
        tiers=np.concatenate([member.tiers for member in members]),
        tier_start=_starts([len(member.tiers) for member in members]),
        funding=FundingArrays(
            *(np.concatenate([getattr(of, name) for of in events]) for name in ("ts", "rate", "mark_price"))
        ),
        funding_start=_starts([len(of) for of in events]),
        smallest_margin=min(float(member.contract[0].smallest_margin) for member in members),
        fills_needed=sum(room_for_fills(member.tiers) for member in members),
    )


def _starts(lengths: Sequence[int]) -> Integers:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _new_standing(members: int) -> Standing:
    numbers: dict[str, Integers] = {
        name: np.zeros(members, np.int64) for name in ("wakes", "row", "holders", "awake")
    }
    amounts: dict[str, Floats] = {
        name: np.zeros(members) for name in ("margin", "locked", "size", "unrealised", "close")
    }
    known: dict[str, Any] = {**numbers, **amounts}
    return Standing(**known, counts=np.zeros(1, np.int64))
