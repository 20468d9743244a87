"""The bar loop alone: nanoseconds per bar on a year of one-minute bars, everything on.

    .venv/bin/python tests/benchmarks/bench_bar_loop.py

Stops that trail and move to break-even, targets, both fees, slippage, ticks and lots, funding every eight
hours, three risk tiers and the liquidation check on the mark's range are on, long and short, about half of
the time in a position; equity, position, margin, fills, trades and payments are written.
"""

from __future__ import annotations

from functools import partial

from benchmark_cards import ALWAYS_HOLDING, EVERYTHING, INSTRUMENT, TRAILS_BY_ATR, W2, arrays, market, plan_of
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, show, timed

from engine.backtest.prepare import PreparedFrame, prepare_arrays
from engine.sim.simulate import SimulationOutput, simulate
from engine.timeframes import Timeframe

CASES = (
    ("everything on", EVERYTHING, 12.0),
    ("everything on, the stop trails by ATR", TRAILS_BY_ATR, None),
    ("everything on, always in a position", ALWAYS_HOLDING, None),
    ("W2", W2, None),
)


def run(prepared: PreparedFrame) -> SimulationOutput:
    """Run the loop over what was prepared."""
    return simulate(
        prepared.bars,
        prepared.signals,
        prepared.funding,
        prepared.contract,
        prepared.tiers,
        prepared.plan.card.account.starting_equity_usdt,
    )


def figures() -> list[Figure]:
    """Measure."""
    candles, funding = arrays(*market([Timeframe.M1], YEAR_OF_MINUTES))
    found = []
    for name, card, asked in CASES:
        prepared = prepare_arrays(plan_of(card), "BTCUSDT", candles, funding, INSTRUMENT)
        output = run(prepared)
        held = (output.position_size != 0.0).mean()
        note = f"{len(output.trades):,} trades, {len(output.payments):,} payments, {held:.0%} in market"
        if output.bars < YEAR_OF_MINUTES:
            note = f"ENDED EARLY after {output.bars:,} bars; {note}"
        once = partial(run, prepared)
        found.append(timed(f"bar loop, {name}", once, 31, "ns/bar", 1e9 / output.bars, asked, note))
    return found


if __name__ == "__main__":
    print(machine())
    show(figures())
