"""A whole card from arrays in memory to metrics, warm, in one process.

    .venv/bin/python tests/benchmarks/bench_card.py

W1 and W2 over a year of one-minute candles, with all accounting on; W2 with loading, full metrics and
artifacts; a card of three timeframes over two years. Nothing is shared between runs: features, rules,
alignment, the look at every bar and the loop are all inside the time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark_cards import INSTRUMENT, THREE_TIMEFRAMES, W1, W2, arrays, market, plan_of
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, show, timed
from benchmark_store import filled_store
from upath import UPath

from engine.backtest.artifacts import write_artifacts
from engine.backtest.measure import evaluate, measure
from engine.backtest.prepare import prepare_arrays
from engine.backtest.runner import run_card
from engine.metrics.basic import BasicMetrics
from engine.timeframes import Timeframe

THREE = [Timeframe.M15, Timeframe.H1, Timeframe.H4]


def card_run(card: str, timeframes: list[Timeframe], minute_count: int) -> Callable[[], BasicMetrics]:
    """Return what runs a card over a generated market, from arrays to metrics."""
    plan = plan_of(card)
    candles, funding = arrays(*market(timeframes, minute_count))
    return lambda: evaluate(prepare_arrays(plan, "BTCUSDT", candles, funding, INSTRUMENT))


def figures() -> list[Figure]:
    """Measure."""
    found = []
    for name, card, timeframes, minute_count, asked in (
        ("W1, 1 year of 1m, arrays to metrics", W1, [Timeframe.M1], YEAR_OF_MINUTES, None),
        ("W2, 1 year of 1m, arrays to metrics", W2, [Timeframe.M1], YEAR_OF_MINUTES, 12.0),
        ("15m, 1h, 4h over 2 years, arrays to metrics", THREE_TIMEFRAMES, THREE, 2 * YEAR_OF_MINUTES, 8.0),
    ):
        run = card_run(card, timeframes, minute_count)
        note = f"{run().trades:,} trades"
        found.append(timed(name, run, 21, "ms", 1e3, asked, note))
    return [*found, loaded_and_written()]


def loaded_and_written() -> Figure:
    """Measure W2 from the store to artifacts on disk."""
    frames, events = market([Timeframe.M1], YEAR_OF_MINUTES)
    plan = plan_of(W2)
    with TemporaryDirectory() as name, filled_store(Path(name) / "market.duckdb", frames, events) as store:

        def whole() -> None:
            result = run_card(plan, "BTCUSDT", store)
            measure(result)
            write_artifacts(result, UPath(name) / "artifacts")

        return timed("W2, store to full metrics and artifacts", whole, 7, "ms", 1e3, 120.0)


if __name__ == "__main__":
    print(machine())
    show(figures())
