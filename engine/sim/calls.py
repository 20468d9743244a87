"""The step as Python calls it, bar by bar: plain arrays and numbers, which cost little to hand over.

A record or a named tuple takes Numba several microseconds to recognise, an array or a number a tenth of one.
"""

from __future__ import annotations

from engine.compiled import compiled_bare
from engine.sim.records import BarValues, Books, Floats, FundingArrays, Integers, Records
from engine.sim.step import advance_bar, close_bar


@compiled_bare
def trade_one_bar(
    wallets: Records,
    positions: Records,
    contract: Records,
    tiers: Floats,
    bar: int,
    ts_exec_open: int,
    ts_open: int,
    ts_close: int,
    open_price: float,
    high: float,
    low: float,
    close: float,
    mark_open: float,
    mark_high: float,
    mark_low: float,
    mark_close: float,
    volume: float,
    is_filled: bool,
    features: Floats,
    funding_ts: Integers,
    funding_rate: Floats,
    funding_mark_price: Floats,
    fills: Records,
    trades: Records,
    payments: Records,
    rejects: Integers,
) -> None:
    """Advance an account by one bar, up to its close and short of what is decided there."""
    values = BarValues(
        bar,
        ts_exec_open,
        ts_open,
        ts_close,
        open_price,
        high,
        low,
        close,
        mark_open,
        mark_high,
        mark_low,
        mark_close,
        volume,
        is_filled,
        False,
    )
    funding = FundingArrays(funding_ts, funding_rate, funding_mark_price)
    books = Books(fills, trades, payments, rejects)
    advance_bar(wallets[0], positions[0], contract[0], tiers, values, 0, features, 0, funding, books)


@compiled_bare
def decide_one_bar(
    wallets: Records,
    positions: Records,
    contract: Records,
    bar: int,
    close: float,
    signals: int,
    features: Floats,
    rejects: Integers,
) -> None:
    """Decide at the close of an exec bar that `trade_one_bar` has been through."""
    # of the bar itself a decision looks at its number and its close
    values = BarValues(bar, 0, 0, 0, close, close, close, close, close, close, close, close, 0.0, False, True)
    close_bar(wallets[0], positions[0], contract[0], values, signals, features, 0, rejects)
