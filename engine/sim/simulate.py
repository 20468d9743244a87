"""The fast driver: a whole history through the compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.errors import SimulationError
from engine.sim.closing import close_at_end
from engine.sim.contract import refuse_missing_features
from engine.sim.loop import BarArrays, Curves, run_bars
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import (
    FILL_DTYPE,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    BarValues,
    Books,
    Floats,
    FundingArrays,
    Integers,
    Records,
    blank_records,
    new_position,
    new_wallet,
    with_room_for_as_many,
)
from engine.sim.state import RejectReason, StopReason

_FIRST_CAPACITY, _LARGEST_FIRST_CAPACITY = 4096, 1 << 17


@dataclass(frozen=True, eq=False)
class SimulationOutput:
    """What a run leaves behind.

    Attributes
    ----------
    bars : int
        Bars that were run; fewer than given where the run ended early.
    equity : float64[bars]
        At each close, USDT. The last bar stands after the closing fill.
    position_size, used_margin : float64[bars] or float64[0]
        At each close: signed base coin, USDT; empty where the run was asked to leave them out.
    fills, trades, payments : record arrays
        In the order they happened (`FILL_DTYPE`, `TRADE_DTYPE`, `PAYMENT_DTYPE`).
    rejects : int64[RejectReason]
        Orders refused or ended unfilled, by reason.
    capped_entries, partial_entries : int
        Entries cut down to what the balance or the card's caps allow, and those filled in part only because
        of the bar's volume.
    partial_liquidations : int
        Steps down a risk tier.
    stop_reason : StopReason
    cash : float
        Wallet balance at the end, USDT.
    """

    bars: int
    equity: Floats
    position_size: Floats
    used_margin: Floats
    fills: Records
    trades: Records
    payments: Records
    rejects: Integers
    capped_entries: int
    partial_entries: int
    partial_liquidations: int
    stop_reason: StopReason
    cash: float


def simulate(
    bars: MarketBars,
    signals: BarSignals,
    funding: FundingEvents,
    contract: Records,
    tiers: Floats,
    starting_equity_usdt: float,
    *,
    book: bool = True,
) -> SimulationOutput:
    """Run a whole history and close what is open at its end.

    Parameters
    ----------
    bars, signals, funding
        The market and the rules' verdicts, on the same bars.
    contract, tiers
        From `engine.sim.contract`.
    starting_equity_usdt : float
    book : bool
        Whether position size and used margin are written for each bar; who needs no more than equity and
        trades saves their memory.

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars, or a feature is missing that the orders look at.
    """
    refuse_missing_features(contract, len(signals.features))
    account = new_account(len(bars), signals, funding, starting_equity_usdt, book=book)
    ran = run_account(account, bar_driver(bars, signals, contract, tiers, len(bars)), len(bars))
    return close_account(account, contract, tiers, ran, bar_values(bars, ran - 1) if ran else None)


type Driver = Callable[[int, Account], int]
"""Runs an account from a bar on until its books are full or the bars are at an end; returns where it is."""


def bar_driver(bars: MarketBars, signals: BarSignals, contract: Records, tiers: Floats, end: int) -> Driver:
    """Return what runs an account over the first `end` of the bars."""
    arrays = bar_arrays(bars)

    def drive(at: int, account: Account) -> int:
        return int(
            run_bars(
                at,
                end,
                account.wallets,
                account.positions,
                contract,
                tiers,
                arrays,
                bars.bar_ms,
                signals.bits,
                signals.features,
                account.funding,
                account.books,
                account.curves,
            )
        )

    return drive


@dataclass(eq=False)
class Account:
    """What a driver works on: an account with one position, its books, and the curves of its closes."""

    wallets: Records
    positions: Records
    funding: FundingArrays
    books: Books
    curves: Curves


def new_account(
    count: int,
    signals: BarSignals,
    funding: FundingEvents,
    starting_equity_usdt: float,
    *,
    book: bool,
) -> Account:
    """Return a fresh account for `count` bars; see `simulate`.

    Raises
    ------
    SimulationError
        If the signals do not belong to the bars.
    """
    if len(signals.bits) != count:
        raise SimulationError(f"there are {len(signals.bits)} signals for {count} bars")
    # An entry and an exit a signal at most, as a rule; what is not written costs nothing, what has to grow is
    # copied.
    expected = min(2 * int(np.count_nonzero(signals.bits)) + _FIRST_CAPACITY, _LARGEST_FIRST_CAPACITY)
    book_length = count if book else 0
    return Account(
        new_wallet(starting_equity_usdt),
        new_position(funding.ts),
        FundingArrays(funding.ts, funding.rate, funding.mark_price),
        Books(
            blank_records(expected, FILL_DTYPE),
            blank_records(expected // 2, TRADE_DTYPE),
            blank_records(len(funding), PAYMENT_DTYPE),
            np.zeros(len(RejectReason), np.int64),
        ),
        Curves(np.empty(count), np.empty(book_length), np.empty(book_length), 0),
    )


def run_account(account: Account, drive: Driver, end: int) -> int:
    """Run a driver from 0 to `end` or to what ends the run, with room in the books; return where it is."""
    at = 0
    while at < end:
        at = drive(at, account)
        if account.wallets[0].stop_reason:
            break
        if at < end:
            books = account.books
            account.books = books._replace(
                fills=with_room_for_as_many(books.fills), trades=with_room_for_as_many(books.trades)
            )
    return at


def close_account(
    account: Account, contract: Records, tiers: Floats, bars: int, last_bar: BarValues | None
) -> SimulationOutput:
    """Close what is open at the end of the last of `bars` bars and return what the run leaves behind."""
    wallet, books, curves = account.wallets[0], account.books, account.curves
    if last_bar is not None:
        close_at_end(wallet, account.positions[0], contract[0], tiers, last_bar, books)
        curves.equity[bars - 1] = wallet.equity
        curves.position_size[bars - 1 : bars] = 0.0
        curves.used_margin[bars - 1 : bars] = 0.0
    return SimulationOutput(
        bars=bars,
        equity=curves.equity[:bars],
        position_size=curves.position_size[:bars],
        used_margin=curves.used_margin[:bars],
        fills=books.fills[: wallet.fills],
        trades=books.trades[: wallet.trades],
        payments=books.payments[: wallet.payments],
        rejects=books.rejects,
        capped_entries=int(wallet.capped_entries),
        partial_entries=int(wallet.partial_entries),
        partial_liquidations=int(wallet.partial_liquidations),
        stop_reason=StopReason(int(wallet.stop_reason)),
        cash=float(wallet.cash),
    )


def bar_arrays(bars: MarketBars) -> BarArrays:
    """Return the bars as the compiled loop takes them."""
    return BarArrays(**{name: getattr(bars, name) for name in BarArrays._fields})


def bar_values(bars: MarketBars, index: int) -> BarValues:
    """Return one bar as the step takes it."""
    ts_open = int(bars.ts_open[index])
    return BarValues(
        bar=index,
        ts_exec_open=ts_open,
        ts_open=ts_open,
        ts_close=ts_open + bars.bar_ms,
        open=float(bars.open[index]),
        high=float(bars.high[index]),
        low=float(bars.low[index]),
        close=float(bars.close[index]),
        mark_open=float(bars.mark_open[index]),
        mark_high=float(bars.mark_high[index]),
        mark_low=float(bars.mark_low[index]),
        mark_close=float(bars.mark_close[index]),
        volume=float(bars.volume[index]),
        is_filled=bool(bars.is_filled[index]),
        closes=True,
    )
