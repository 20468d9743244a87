"""What a run comes to, added up from its records and its equity."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled, compiled_inline
from engine.sim.records import Floats, Records
from engine.sim.state import FillReason

_LIQUIDATION = int(FillReason.LIQUIDATION)
# Bars whose highest and lowest equity are found before anything is divided.
_BLOCK = 256

SUMMARY_DTYPE = np.dtype(
    [
        ("peak", "f8"),  # highest equity so far, the starting equity included
        ("deepest_drawdown", "f8"),  # fraction of the peak before it
        ("bars_held", "i8"),
        ("liquidations", "i8"),
        ("ambiguous_trades", "i8"),
        ("trades", "i8"),
        ("fills", "i8"),
        ("payments", "i8"),
        ("days", "i8"),
    ],
    align=True,
)


def new_summaries(count: int, starting_equity_usdt: float) -> Records:
    """Return `count` summaries of nothing yet."""
    summaries = np.zeros(count, SUMMARY_DTYPE).view(np.recarray)
    summaries.peak = starting_equity_usdt
    return summaries


@compiled
def summarise_trades(summaries: Records, trades: Records, net_pnl: Floats) -> None:
    """Add all `trades` to the first of `summaries`, and write their net PnL in USDT (float64[trades])."""
    for index in range(len(trades)):
        net_pnl[index] = add_trade(summaries[0], trades[index])


@compiled
def deepest_drawdown(equity: Floats, starting_equity_usdt: float) -> float:
    """Return the deepest fall of an equity in USDT (float64[bars]), as a fraction of the peak before it."""
    _, deepest = deepen(equity, 0, equity.size, starting_equity_usdt, 0.0)
    return deepest


@compiled_inline
def add_trade(summary: Records, trade: Records) -> float:
    """Add a trade and return its net PnL in USDT.

    Once over the records: they are long, and a column of them at a time is six times as many cache misses.
    """
    summary.bars_held += trade.bars_held
    summary.liquidations += trade.reason == _LIQUIDATION
    summary.ambiguous_trades += trade.ambiguous
    summary.trades += 1
    return trade.gross_pnl - trade.fees + trade.funding


@compiled_inline
def deepen(equity: Floats, first: int, last: int, peak: float, deepest: float) -> tuple[float, float]:
    """Return the peak and the deepest `(peak - E) / peak` so far, after `equity[first:last]`."""
    for start in range(first, last, _BLOCK):
        end = min(start + _BLOCK, last)
        highest, lowest = equity[start], equity[start]
        for i in range(start, end):
            highest, lowest = max(highest, equity[i]), min(lowest, equity[i])
        if highest <= peak:
            # without a new peak the lowest value is the deepest fall
            deepest = max(deepest, (peak - lowest) / peak)
            continue
        for i in range(start, end):
            peak = max(peak, equity[i])
            deepest = max(deepest, (peak - equity[i]) / peak)
    return peak, deepest
