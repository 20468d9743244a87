"""What the step-by-step exchange is given and shows: a bar, the open position, the entry that waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.sim.market import MarketBars
from engine.sim.state import Direction


class Bar(NamedTuple):
    """One bar: times in ms, prices in USDT; the mark prices are the last prices where there are none.

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


def bar_rows(bars: MarketBars, first: int, after: int) -> Iterator[Bar]:
    """Return some of the bars as plain Python numbers."""
    rows = slice(first, after)
    names = ("open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close")
    columns = [bars.ts_open[rows], bars.ts_open[rows] + bars.bar_ms]
    columns += [getattr(bars, name)[rows] for name in (*names, "is_filled", "volume")]
    return map(Bar._make, zip(*(column.tolist() for column in columns), strict=True))


@dataclass(frozen=True)
class Position:
    """The open position: size in base coin, prices in USDT; NaN for a level that is not set.

    `target_price` is the nearest of the targets that are left. `unrealised_pnl` is that of the last close,
    `bars_held` counts the exec bars with that of the entry.
    """

    direction: Direction
    size: float
    entry_price: float
    stop_price: float
    target_price: float
    liquidation_price: float
    unrealised_pnl: float
    bars_held: int


@dataclass(frozen=True)
class RestingOrder:
    """The entry that waits, in USDT and base coin. A market order has the close it was decided at."""

    side: Direction
    price: float
    size: float
