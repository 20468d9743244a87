"""Every indicator, and the alignment of timeframes, on a year of one-minute candles.

    .venv/bin/python tests/benchmarks/bench_features.py

Each indicator on its own from arrays, warm: with the parameters people use, then with all its lengths at 5
and at 1,000. The goal is 50 ms. In front, what the first call took: compiling, or loading from the cache.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
from benchmark_market import aggregated, machine, minutes
from benchmark_report import Figure, show, timed

from engine.features.builder import compute_feature
from engine.features.registry import INDICATORS
from engine.features.spec import ParamKind
from engine.idea_card.features import FeatureSpec
from engine.market_data.price_columns import STORED_PRICES
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.timeframes import Timeframe

GOAL_MS = 50.0
LENGTHS = (5, 1000)
USUAL = {
    "length": 20,
    "fast": 12,
    "medium": 14,
    "slow": 26,
    "signal": 9,
    "k": 14,
    "d": 3,
    "smooth_k": 3,
    "rsi_length": 14,
    "std": 2.0,
    "scalar": 2.0,
    "multiplier": 3.0,
    "mamode": "ema",
    "lower_length": 20,
    "upper_length": 20,
    "af0": 0.02,
    "af": 0.02,
    "max_af": 0.2,
    "sigma": 6.0,
    "dist_offset": 0.85,
    "a": 0.7,
    "jaw": 13,
    "teeth": 8,
    "lips": 5,
    "roc1": 10,
    "roc2": 15,
    "roc3": 20,
    "roc4": 30,
    "sma1": 10,
    "sma2": 10,
    "sma3": 10,
    "sma4": 15,
    "swma_length": 4,
    "p": 10,
    "x": 1.5,
    "q": 9,
    "tenkan": 9,
    "kijun": 26,
    "senkou": 52,
    "atr_length": 14,
    "c": 4.0,
    "divisor": 1e8,
    "base": 2.0,
    "left": 5,
    "right": 5,
    "ratio": 0.618,
    "body": 1.5,
    "wick": 0.4,
    "lookback": 10,
    "smooth": 5,
    "factor": 0.5,
    "tc_length": 10,
    "high_length": 13,
    "low_length": 21,
    "anchor": "day",
    "hours": 24,
    "swings": 20,
    "width": 0.5,
    "touches": 2,
    "other": "volume",
}
OF_ITS_OWN = {"quantile": {"q": 0.3}}


def feature(name: str, length: int | None = None) -> FeatureSpec:
    """Return the indicator with its usual parameters, or all its lengths at `length`, on the close."""
    entry = INDICATORS[name]
    params = {param.name: USUAL[param.name] for param in entry.params} | OF_ITS_OWN.get(name, {})
    if length is not None:
        lengths = [param.name for param in entry.params if param.kind is ParamKind.INT]
        # sides and looks back are bounded at 500
        params |= {
            param.name: min(length, int(param.maximum)) for param in entry.params if param.name in lengths
        }
        for smaller, _, larger in entry.ordered:
            params |= {smaller: params[larger] // 2} if larger in lengths else {}
    source = "close" if entry.takes_source else None
    return FeatureSpec(indicator=name, params=params, source=source, tf="exec")


def arrays() -> dict[str, np.ndarray]:
    """Return a year of one-minute candles as the columns an indicator reads."""
    frame = minutes()
    ts_open = frame["ts_open"].to_numpy()
    columns = {name: frame[name].to_numpy() for name in STORED_PRICES}
    settled = np.where((ts_open + 60_000) % 28_800_000 == 0, 1e-4, 0.0)
    times = {"ts_open": ts_open.astype(np.float64), "ts_close": ts_open + 60_000.0}
    return columns | times | {"mark_close": columns["close"] * 1.0001, "funding_settled": settled}


def lengths_of(name: str) -> tuple[int | None, ...]:
    """Return what its lengths are set to, None for the usual ones; only that if it has no length."""
    return (None, *LENGTHS) if feature(name, LENGTHS[0]) != feature(name, LENGTHS[1]) else (None,)


def measured(name: str, length: int | None, columns: dict[str, np.ndarray]) -> Figure:
    """Return how long an indicator takes."""
    work = partial(compute_feature, feature(name, length), columns)
    label = name if length is None else f"{name}, lengths {length:,}"
    return timed(label, work, 5, "ms", 1e3, GOAL_MS)


def slowest(title: str, found: list[Figure]) -> Figure:
    """Return the slowest of all, under a title, with its name as the note."""
    worst = max(found, key=lambda figure: figure.value)
    note = f"{worst.name}; {sum(figure.verdict != 'met' for figure in found)} of {len(found)} over"
    return replace(worst, name=title, note=note)


def figures() -> list[Figure]:
    """Measure every indicator; return the slowest ones, an EMA, and what a call costs besides its kernel."""
    columns = arrays()
    few = {name: np.arange(1.0, 101.0) for name in STORED_PRICES}
    usual = [measured(name, None, columns) for name in INDICATORS]
    long = [measured(name, max(LENGTHS), columns) for name in INDICATORS if len(lengths_of(name)) > 1]
    return [
        slowest("slowest indicator, 1 year of 1m", usual),
        slowest(f"the same, all lengths {max(LENGTHS):,}", long),
        replace(measured("ema", None, columns), name="EMA, 1 year of 1m", at_most=2.0),
        timed(
            "EMA of 100 rows: all but the kernel",
            partial(compute_feature, feature("ema"), few),
            999,
            "us",
            1e6,
            100.0,
        ),
    ]


def main() -> None:
    """Print every indicator at all lengths, then the figures."""
    columns = arrays()
    print(machine())
    print(f"{'indicator':18s} {'first':>7s} {'usual':>7s} {'5':>7s} {'1,000':>7s}  ms, computed by")
    for name, entry in INDICATORS.items():
        start = time.perf_counter()
        compute_feature(feature(name), columns)
        first = (time.perf_counter() - start) * 1e3
        taken = [measured(name, length, columns).value for length in lengths_of(name)]
        times = " ".join(f"{value:7.1f}" for value in taken).ljust(23)
        print(f"{name:18s} {first:7.1f} {times}  {entry.implementation.value}")
    show(figures())

    frame = minutes()
    feeds = {
        "exec": FeedStore(Timeframe.M1, frame),
        "mtf": FeedStore(Timeframe.M15, aggregated(frame, Timeframe.M15)),
        "htf": FeedStore(Timeframe.H1, aggregated(frame, Timeframe.H1)),
    }
    store = MultiTFFeedStore(feeds)
    show(
        [
            timed(
                "aligning two timeframes to a year of minutes", partial(MultiTFFeedStore, feeds), 9, "ms", 1e3
            ),
            timed("one aligned column", partial(store.column, "close", "htf", 1), 9, "ms", 1e3),
        ]
    )


if __name__ == "__main__":
    main()
