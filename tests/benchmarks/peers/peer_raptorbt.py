"""raptorbt: `peer_raptorbt.py MARKET.npz`."""

from __future__ import annotations

import numpy as np
import raptorbt
from peer_common import (
    FAST,
    QUANTITY,
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
PRICES = [STORED[name] for name in ("open", "high", "low", "close", "volume")]
TIMES = STORED["ts_open"] * 1_000_000
SIZES = np.full(len(TIMES), QUANTITY)


def run(stops: bool) -> int:
    """Run the strategy, its metrics included, and return its settled trades."""
    fast, slow = (np.asarray(raptorbt.ema(STORED["close"], span)) for span in (FAST, SLOW))
    up, down = crosses(fast, slow)
    config = raptorbt.BacktestConfig(
        initial_capital=STARTING_EQUITY, fees=TAKER_RATE, fill_timing="next_bar_open"
    )
    if stops:
        config.set_fixed_stop(STOP)
        config.set_fixed_target(TARGET)
    result = raptorbt.run_single_backtest(TIMES, *PRICES, up, down, config=config, position_sizes=SIZES)
    trades = result.trades
    trades = trades() if callable(trades) else trades
    return sum(trade.entry_idx >= SETTLED_BAR for trade in trades)


report({"W1": lambda: run(False), "W2": lambda: run(True)}, repeats=9)
