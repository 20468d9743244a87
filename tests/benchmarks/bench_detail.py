"""Finer bars inside exec bars: nanoseconds per finer bar, on a year of minutes under quarters of an hour.

    .venv/bin/python tests/benchmarks/bench_detail.py

The cards are those of `bench_bar_loop.py`, on 15m with a detail timeframe of 1m. A run with finer bars is
to cost about 25 ns for each of them; looking at them before the run is measured beside it.
"""

from __future__ import annotations

from functools import partial

from bench_bar_loop import CASES
from benchmark_cards import INSTRUMENT, arrays, market, plan_of
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, show, timed

from engine.backtest.detail_report import compared, simulated
from engine.backtest.prepare import prepare_arrays
from engine.sim.detail import detail_bars
from engine.timeframes import Timeframe

NANOSECONDS = 1e9 / YEAR_OF_MINUTES


def figures() -> list[Figure]:
    """Measure."""
    candles, funding = arrays(*market([Timeframe.M1, Timeframe.M15], YEAR_OF_MINUTES))
    found = []
    for name, card, _ in CASES:
        text = card.replace("{exec: 1m}", "{exec: 15m, detail: 1m}")
        prepared = prepare_arrays(plan_of(text), "BTCUSDT", candles, funding, INSTRUMENT)
        changed = compared(prepared, simulated(prepared))
        assert prepared.detail is not None
        assert changed is not None
        if not found:
            look = partial(detail_bars, prepared.bars, prepared.detail.finer)
            found.append(timed("finer bars held against exec bars", look, 11, "ns/finer bar", NANOSECONDS))
        note = (
            f"{changed.covered_pct:.0f} % covered, {changed.trades_with:,} trades, ambiguous "
            f"{changed.ambiguous_without} without and {changed.ambiguous_with} with"
        )
        run = partial(simulated, prepared)
        found.append(timed(f"finer bars, {name}", run, 31, "ns/finer bar", NANOSECONDS, 25.0, note))
    return found


if __name__ == "__main__":
    print(machine())
    show(figures())
