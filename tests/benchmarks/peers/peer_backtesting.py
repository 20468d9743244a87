"""backtesting.py: `peer_backtesting.py MARKET.npz`."""

from __future__ import annotations

import pandas as pd
from backtesting import Backtest, Strategy
from peer_common import (
    FAST,
    SETTLED_BAR,
    SLOW,
    STARTING_EQUITY,
    STOP,
    TAKER_RATE,
    TARGET,
    crosses,
    market,
    report,
)

STORED = market()
FRAME = pd.DataFrame(
    {name.capitalize(): STORED[name] for name in ("open", "high", "low", "close", "volume")},
    index=pd.to_datetime(STORED["ts_open"], unit="ms"),
)


class Crossing(Strategy):
    """Long above the slow average."""

    stops = False

    def init(self) -> None:
        """Compute the averages and their crosses."""
        close = pd.Series(self.data.Close)
        fast, slow = (close.ewm(span=span, adjust=False).mean().to_numpy() for span in (FAST, SLOW))
        up, down = crosses(fast, slow)
        self.up, self.down = self.I(lambda: up), self.I(lambda: down)

    def next(self) -> None:
        """Decide at a close; the order is filled at the next open."""
        if self.down[-1]:
            self.position.close()
        elif self.up[-1] and not self.position:
            close = self.data.Close[-1]
            brackets = {"sl": close * (1 - STOP), "tp": close * (1 + TARGET)} if self.stops else {}
            self.buy(size=1, **brackets)


def run(stops: bool) -> int:
    """Run the strategy, statistics included, and return its settled trades."""
    stats = Backtest(FRAME, Crossing, cash=STARTING_EQUITY, commission=TAKER_RATE).run(stops=stops)
    return int((stats["_trades"]["EntryBar"] >= SETTLED_BAR).sum())


report({"W1": lambda: run(False), "W2": lambda: run(True)}, repeats=3)
