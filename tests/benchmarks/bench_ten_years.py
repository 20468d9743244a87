"""W2 over ten years of one-minute candles in one run: time, peak memory, and how time grows with the bars.

    .venv/bin/python tests/benchmarks/bench_ten_years.py

Measured in a process of its own, which is handed the arrays in a file, so that its peak is that of the run
and of what it needs to start.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark_arrays import load_market, save_market
from benchmark_cards import INSTRUMENT, W2, plan_of
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, measured_in_child, own_python, peak_mb, show, timed

from engine.backtest.measure import evaluate
from engine.backtest.prepare import prepare_arrays
from engine.timeframes import Timeframe

YEARS = 10


def figures() -> list[Figure]:
    """Measure one year and ten, each in a child."""
    taken = {}
    with TemporaryDirectory() as name:
        for years in (1, YEARS):
            path = Path(name) / f"{years}.npz"
            save_market(path, [Timeframe.M1], years * YEAR_OF_MINUTES)
            taken[years] = measured_in_child(own_python("bench_ten_years.py", str(path)))
    found = taken[YEARS]
    ratio = found["median_ms"] / taken[1]["median_ms"]
    return [
        Figure(
            "W2, 10 years of 1m, arrays to metrics",
            found["median_ms"],
            "ms",
            250.0,
            f"{found['trades']:,} trades; {ratio:.1f} times one year",
            best=found["best_ms"],
            cpu=found["cpu_ms"],
        ),
        Figure("W2, 10 years of 1m, peak memory", found["peak_mb"] / 1000, "GB", 1.5),
    ]


def run_in_this_process(path: Path) -> None:
    """Run over the arrays in a file and print what it took as JSON."""
    candles, funding = load_market(path)
    plan = plan_of(W2)

    def run() -> int:
        return evaluate(prepare_arrays(plan, "BTCUSDT", candles, funding, INSTRUMENT)).trades

    figure = timed("", run, 7, "ms", 1e3)
    taken = {"median_ms": figure.value, "best_ms": figure.best, "cpu_ms": figure.cpu}
    print(json.dumps(taken | {"trades": run(), "peak_mb": peak_mb()}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_in_this_process(Path(sys.argv[1]))
    else:
        print(machine())
        show(figures())
