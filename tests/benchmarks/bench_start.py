"""How long a new process takes from its start to its first result: W2 over a year of one-minute candles.

    .venv/bin/python tests/benchmarks/bench_start.py

On a fresh machine, where nothing of the engine is compiled (neither machine code nor byte code): the engine
is copied to an empty folder. Then again in new processes, from the caches the first one filled. The time
runs from before Python starts until the metrics are there, the arrays being read from a file in between.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark_report import HERE, PROJECT, Figure, measured_in_child, own_python, show

WARM_STARTS = 7


def figures() -> list[Figure]:
    """Measure one cold start and several warm ones."""
    from benchmark_arrays import save_market
    from benchmark_market import YEAR_OF_MINUTES

    from engine.timeframes import Timeframe

    with TemporaryDirectory() as name:
        market = Path(name) / "market.npz"
        save_market(market, [Timeframe.M1], YEAR_OF_MINUTES)
        fresh = Path(name) / "fresh"
        shutil.copytree(PROJECT / "engine", fresh / "engine", ignore=shutil.ignore_patterns("__pycache__"))
        starts = [_start(fresh, market) for _ in range(1 + WARM_STARTS)]
    cold, warm = starts[0], starts[1:]
    whole = [each["total_s"] for each in warm]
    parts = {part: statistics.median(each[part] for each in warm) for part in ("import_s", "data_s", "run_s")}
    cpu = min(each["cpu_s"] for each in warm)
    note = f"import {parts['import_s']:.2f}, arrays {parts['data_s']:.2f}, first run {parts['run_s']:.2f} s"
    return [
        Figure(
            "cold start, everything compiled",
            cold["total_s"],
            "s",
            15.0,
            f"first run {cold['run_s']:.1f} s",
            cpu=cold["cpu_s"],
        ),
        Figure("new process, filled cache", statistics.median(whole), "s", 1.5, note, min(whole), cpu),
    ]


def _start(engine: Path, market: Path) -> dict[str, float]:
    started = time.monotonic()
    command = own_python("bench_start.py", str(market))
    paths = f"{engine}:{HERE}"
    found = measured_in_child(command, environment={"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": ""})
    return {
        "total_s": found["done"] - started,
        "import_s": found["imported"] - started,
        "data_s": found["loaded"] - found["imported"],
        "run_s": found["done"] - found["loaded"],
        "cpu_s": found["cpu"],
    }


def first_result(market: Path) -> None:
    """Import, run once and print the moments as JSON."""
    from benchmark_arrays import load_market
    from benchmark_cards import INSTRUMENT, W2, plan_of

    from engine.backtest.measure import evaluate
    from engine.backtest.prepare import prepare_arrays

    imported = time.monotonic()
    candles, funding = load_market(market)
    loaded = time.monotonic()
    metrics = evaluate(prepare_arrays(plan_of(W2), "BTCUSDT", candles, funding, INSTRUMENT))
    done = time.monotonic()
    if math.isnan(metrics.net_return_pct):
        raise SystemExit("the run gave no result")
    print(json.dumps({"imported": imported, "loaded": loaded, "done": done, "cpu": time.process_time()}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        first_result(Path(sys.argv[1]))
    else:
        from benchmark_market import machine

        print(machine())
        show(figures())
