"""The bar loop alone: nanoseconds per bar on a year of one-minute bars, everything active.

    .venv/bin/python tests/benchmarks/bench_bar_loop.py

Stops, targets, taker fees, slippage, ticks and lots, funding every eight hours, three risk tiers and the
liquidation check on the mark's range are on; equity, position, margin, fills and trades are written.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from benchmark_market import YEAR_OF_MINUTES, funding_events, machine, median_seconds, minutes

from engine.backtest.prepare import market_bars
from engine.sim.market import BarSignals, FundingEvents
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.state import RULES_DTYPE, DistanceKind, SignalBit, SizingKind
from engine.timeframes import Timeframe


def main() -> None:
    """Print the figures."""
    frame = minutes()
    bars = market_bars(frame, Timeframe.M1)
    close = frame["close"]
    fast, slow = (close.ewm(span=span, adjust=False).mean() for span in (50, 200))
    above = (fast > slow).to_numpy()
    turned = np.r_[False, above[1:] != above[:-1]]
    up, down = SignalBit.ENTER_LONG | SignalBit.EXIT_SHORT, SignalBit.ENTER_SHORT | SignalBit.EXIT_LONG
    signals = BarSignals.without_features(np.where(above, up, down).astype(np.int8) * turned)
    events = funding_events(frame)
    funding = FundingEvents(*(events[name].to_numpy() for name in ("ts", "funding_rate", "mark_price")))
    rules = np.zeros(1, RULES_DTYPE).view(np.recarray)
    for name, value in {
        "leverage": 20,
        "taker_rate": 0.00055,
        "maker_rate": 0.0002,
        "slippage_rate": 0.0002,
        "tick_size": 0.1,
        "qty_step": 0.001,
        "min_qty": 0.001,
        "max_qty": 119.0,
        "min_notional": 10.0,
        "smallest_margin": 0.5,
        "max_notional": np.inf,
        "stop_kind": DistanceKind.PERCENT,
        "stop_value": 1.0,
        "target_kind": DistanceKind.PERCENT,
        "target_value": 2.0,
        "sizing_kind": SizingKind.RISK_BASED,
        "sizing_value": 0.05,
        "regime": 1,
        "allow_long": 1,
        "allow_short": 1,
    }.items():
        rules[name] = value
    tiers = np.array([[2e6, 0.005, 0.0, 100.0], [2.6e6, 0.0056, 1200.0, 90.0], [1e9, 0.0063, 3020.0, 80.0]])

    def run() -> SimulationOutput:
        return simulate(bars, signals, funding, rules, tiers, 10_000.0)

    output = run()
    seconds = median_seconds(run)
    held = pd.Series(output.position_size != 0).mean()
    print(machine())
    print(f"{len(output.trades)} trades, {len(output.payments)} payments, {held:.0%} of bars in market")
    print(f"bar loop: {seconds / YEAR_OF_MINUTES * 1e9:.1f} ns per bar, {seconds * 1e3:.1f} ms a year of 1m")


if __name__ == "__main__":
    main()
