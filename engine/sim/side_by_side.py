"""Many accounts over the same bars, side by side: what a sweep runs, and all it keeps of each.

A year of minutes is larger than the processor's cache, so an account that runs through all of it waits for
memory at every turn. Here each stretch of bars is run for every account before the next stretch begins.
What an account writes in a stretch is added up at once, and the room it was written in serves the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.closing import close_at_end
from engine.sim.contract import refuse_missing_features
from engine.sim.loop import BarArrays, Curves, bar_at, run_account
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    Books,
    Floats,
    FundingArrays,
    Integers,
    Records,
    SignalBits,
    blank_records,
    new_position,
    new_wallet,
)
from engine.sim.simulate import bar_arrays
from engine.sim.state import RejectReason
from engine.sim.summary import add_trade, deepen, new_summaries

SIDE_BY_SIDE = 8
"""How many accounts run over the bars at once."""

# Four columns of so many bars, the signals of one account and its books stay in a megabyte.
_STRETCH = 8_192
_FILLS_AT_ONCE = 2_048


@dataclass(frozen=True, eq=False)
class AccountRun:
    """One account's run, added up.

    Attributes
    ----------
    bars : int
        Bars that were run; fewer than given where the run ended early.
    day_equity : float64[days]
        Equity in USDT at the last bar of each day; the last one stands after the closing fill.
    deepest_drawdown : float
        As a fraction of the peak before it.
    trade_net_pnl : float64[trades]
    fill_fees : float64[fills]
    payments : float64[payments]
        USDT, in the order they happened.
    bars_held, liquidations, ambiguous_trades : int
        Over the trades.
    """

    bars: int
    day_equity: Floats
    deepest_drawdown: float
    trade_net_pnl: Floats
    fill_fees: Floats
    payments: Floats
    bars_held: int
    liquidations: int
    ambiguous_trades: int


@dataclass(frozen=True, eq=False)
class AccountTerms:
    """What one account differs in from those beside it: see `simulate`."""

    signals: BarSignals
    contract: Records
    starting_equity_usdt: float


def simulate_side_by_side(
    bars: MarketBars,
    funding: FundingEvents,
    tiers: Floats,
    day_ends: Integers,
    accounts: Sequence[AccountTerms],
) -> list[AccountRun]:
    """Run up to `SIDE_BY_SIDE` accounts over the same bars, each as `simulate` would.

    Parameters
    ----------
    bars, funding, tiers
        As for `simulate`.
    day_ends : int64[days]
        The last bar of each day, rising; the last of them is the last bar.
    accounts : sequence of AccountTerms

    Raises
    ------
    SimulationError
        If a feature is missing that the orders look at.
    """
    for each in accounts:
        refuse_missing_features(each.contract, len(each.signals.features))
    room = _Room(accounts, funding, len(day_ends))
    # Compiled code knows tuples of one length: an account that is missing is another one, not run.
    padded = [accounts[min(number, len(accounts) - 1)] for number in range(SIDE_BY_SIDE)]
    while not _run_stretches(
        len(accounts),
        room.next_bars,
        room.wallets,
        room.positions,
        room.contracts,
        tiers,
        bar_arrays(bars),
        bars.bar_ms,
        tuple(each.signals.bits for each in padded),
        tuple(each.signals.features for each in padded),
        FundingArrays(funding.ts, funding.rate, funding.mark_price),
        room.books,
        room.curves,
        day_ends,
        room.sums,
    ):
        room.grow()
    return [room.run_of(number, day_ends) for number in range(len(accounts))]


class _Sums(NamedTuple):
    """What is kept of each account: a row each, but for its record in `summaries`."""

    summaries: Records
    net_pnl: Floats
    fees: Floats
    payments: Floats
    day_equity: Floats


class _Room:
    """What accounts are run in."""

    def __init__(self, accounts: Sequence[AccountTerms], funding: FundingEvents, days: int) -> None:
        count = len(accounts)
        equities = [each.starting_equity_usdt for each in accounts]
        self.next_bars = np.zeros(count, np.int64)
        self.wallets = np.concatenate([new_wallet(equity) for equity in equities]).view(np.recarray)
        self.positions = np.concatenate([new_position(funding.ts)] * count).view(np.recarray)
        self.contracts = np.concatenate([each.contract for each in accounts]).view(np.recarray)
        self.books = Books(
            blank_records(_FILLS_AT_ONCE, FILL_DTYPE),
            blank_records(_FILLS_AT_ONCE // 2, TRADE_DTYPE),
            blank_records(len(funding), PAYMENT_DTYPE),
            np.zeros(len(RejectReason), np.int64),
        )
        self.curves = Curves(np.empty(_STRETCH), np.empty(0), np.empty(0), 0)
        self.sums = _Sums(
            np.concatenate([new_summaries(1, equity) for equity in equities]).view(np.recarray),
            np.empty((count, 4 * _FILLS_AT_ONCE)),
            np.empty((count, 8 * _FILLS_AT_ONCE)),
            np.empty((count, len(funding))),
            np.empty((count, days)),
        )

    def grow(self) -> None:
        """Make room for as many trades and fills again."""
        self.sums = self.sums._replace(net_pnl=_wider(self.sums.net_pnl), fees=_wider(self.sums.fees))

    def run_of(self, number: int, day_ends: Integers) -> AccountRun:
        """Return what became of an account."""
        summary, sums, bars = self.sums.summaries[number], self.sums, int(self.next_bars[number])
        day_equity = sums.day_equity[number, : summary.days]
        if day_ends[summary.days - 1] != bars - 1:
            # the run ended inside a day
            day_equity = np.append(day_equity, self.wallets[number].equity)
        return AccountRun(
            bars=bars,
            day_equity=day_equity,
            deepest_drawdown=float(summary.deepest_drawdown),
            trade_net_pnl=sums.net_pnl[number, : summary.trades],
            fill_fees=sums.fees[number, : summary.fills],
            payments=sums.payments[number, : summary.payments],
            bars_held=int(summary.bars_held),
            liquidations=int(summary.liquidations),
            ambiguous_trades=int(summary.ambiguous_trades),
        )


def _wider(rows: Floats) -> Floats:
    wider = np.empty((rows.shape[0], 2 * rows.shape[1]))
    wider[:, : rows.shape[1]] = rows
    return wider


@compiled_bare
def _run_stretches(
    count: int,
    next_bars: Integers,
    wallets: Records,
    positions: Records,
    contracts: Records,
    tiers: Floats,
    bars: BarArrays,
    bar_ms: int,
    signals: tuple[SignalBits, ...],
    features: tuple[Floats, ...],
    funding: FundingArrays,
    books: Books,
    curves: Curves,
    day_ends: Integers,
    sums: _Sums,
) -> bool:
    """Run every account to its end; return False where more room for sums is needed first."""
    bar_count = bars.ts_open.shape[0]
    most_fills, most_trades = books.fills.shape[0], books.trades.shape[0]
    for start in range(0, bar_count, _STRETCH):
        end = min(start + _STRETCH, bar_count)
        here = Curves(curves.equity, curves.position_size, curves.used_margin, start)
        for number in range(count):
            wallet, position, rules = wallets[number], positions[number], contracts[number]
            summary = sums.summaries[number]
            while next_bars[number] < end and wallet.stop_reason == 0:
                if (
                    summary.trades + most_trades > sums.net_pnl.shape[1]
                    or summary.fills + most_fills > sums.fees.shape[1]
                ):
                    return False
                first = next_bars[number]
                last = run_account(
                    first,
                    end,
                    wallet,
                    position,
                    rules,
                    tiers,
                    bars,
                    bar_ms,
                    signals[number],
                    features[number],
                    funding,
                    books,
                    here,
                )
                if last == bar_count or wallet.stop_reason != 0:
                    close_at_end(wallet, position, rules, tiers, bar_at(bars, last - 1, bar_ms), books)
                    here.equity[last - 1 - start] = wallet.equity
                next_bars[number] = last
                _add_up(number, wallet, books, sums)
                summary.peak, summary.deepest_drawdown = deepen(
                    here.equity, first - start, last - start, summary.peak, summary.deepest_drawdown
                )
                while summary.days < day_ends.shape[0] and day_ends[summary.days] < last:
                    sums.day_equity[number, summary.days] = here.equity[day_ends[summary.days] - start]
                    summary.days += 1
    return True


@compiled_inline
def _add_up(number: int, wallet: Records, books: Books, sums: _Sums) -> None:
    """Take what an account has written out of the books."""
    summary = sums.summaries[number]
    for index in range(wallet.fills):
        sums.fees[number, summary.fills + index] = books.fills[index].fee
    summary.fills += wallet.fills
    for index in range(wallet.trades):
        net_pnl = add_trade(summary, books.trades[index])
        sums.net_pnl[number, summary.trades - 1] = net_pnl
    for index in range(wallet.payments):
        sums.payments[number, summary.payments + index] = books.payments[index].amount
    summary.payments += wallet.payments
    wallet.fills = 0
    wallet.trades = 0
    wallet.payments = 0
