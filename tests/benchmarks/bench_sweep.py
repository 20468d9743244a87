"""A sweep: 1,000 sets of W2 over a year of one-minute candles, with metrics for each, on two cores.

    .venv/bin/python tests/benchmarks/bench_sweep.py

From arrays in memory to the table of results in Parquet and every trial in the sweep ledger, every feature
computed anew, in a process of its own. Memory is looked at with a tenth of the sets as well, over the same
features.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark_arrays import load_market, save_market
from benchmark_cards import INSTRUMENT, W2_FREE, W2_PARAMETERS
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, measured_in_child, own_python, peak_mb, show, timed

from engine.backtest.history import History
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SWEPT_METRICS, SweepHistory
from engine.backtest.sweep_results import SetResult, SweepJournal, results_table
from engine.idea_card.load import space_from_text
from engine.market_data.duckdb_file import connection_factory
from engine.promotion.sweep_ledger import SweepLedger
from engine.promotion.trial_notes import TrialNotes
from engine.promotion.trials import searched_over
from engine.timeframes import Timeframe

CORES = 2


def figures() -> list[Figure]:
    """Measure all sets and a tenth of them, each in a child."""
    with TemporaryDirectory() as name:
        path = Path(name) / "market.npz"
        save_market(path, [Timeframe.M1], YEAR_OF_MINUTES)
        found = measured_in_child(own_python("bench_sweep.py", str(path), "1"))
        fewer = measured_in_child(own_python("bench_sweep.py", str(path), "10"))
    return [
        Figure(
            f"sweep of {found['sets']:,} sets of W2, {CORES} cores",
            found["median_s"],
            "s",
            3.0,
            f"{found['trades']:,} trades; {1e3 * found['median_s'] / found['sets']:.2f} ms a set",
            best=found["best_s"],
            cpu=found["cpu_s"],
        ),
        Figure(
            "the sweep's peak memory",
            found["peak_mb"] / 1000,
            "GB",
            1.0,
            f"{found['features']} features; {fewer['peak_mb'] / 1000:.2f} GB with {fewer['sets']} sets",
        ),
    ]


def sweep_in_this_process(path: Path, every: int) -> None:
    """Sweep every so many sets over the arrays in a file and print what it took as JSON."""
    candles, funding = load_market(path)
    space = space_from_text(W2_FREE + W2_PARAMETERS, "swept.yaml")
    # A step through the grid that meets every length, whatever part of the sets is taken.
    sets = [each for number, each in enumerate(space.grid()) if (number + number // 40) % every == 0]
    features = 0

    def sweep() -> tuple[SetResult, ...]:
        nonlocal features
        history = History("BTCUSDT", candles, funding, INSTRUMENT)
        swept = SweepHistory(history)
        searched = searched_over(space, swept, search="grid", sweep_id="bench")
        with ExitStack() as opened:
            out = Path(opened.enter_context(TemporaryDirectory()))
            ledger = SweepLedger(connection_factory(out / "sweeps.duckdb"))
            trials = opened.enter_context(TrialNotes(ledger, searched, lambda: 0))
            journal = opened.enter_context(SweepJournal(out / "sweep.parquet", SWEPT_METRICS))

            def note(result: SetResult, was_finished: bool) -> None:
                if not was_finished:
                    journal.note(result)
                trials.note(result)

            results = run_sweep(space, sets, swept, workers=CORES, on_result=note)
            journal.complete(results_table(results, space.parameters))
        features = history.features_computed
        return results

    figure = timed("", sweep, 3 if every == 1 else 1, "s", 1.0)
    trades = sum(int(result.metrics["trades"]) for result in sweep())
    print(
        json.dumps(
            {
                "median_s": figure.value,
                "best_s": figure.best,
                "cpu_s": figure.cpu,
                "sets": len(sets),
                "features": features,
                "trades": trades,
                "peak_mb": peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sweep_in_this_process(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        print(machine())
        show(figures())
