"""Every indicator, and the alignment of timeframes, on a year of one-minute candles.

    .venv/bin/python tests/benchmarks/bench_features.py

Each indicator on its own from arrays, warm: with the parameters people use, then with all its lengths at 5
and at 1,000. The goal is 50 ms. In front, what the first call took: compiling, or loading from the cache.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from benchmark_market import aggregated, machine, median_seconds, minutes

from engine.features.builder import compute_feature
from engine.features.registry import INDICATORS
from engine.features.spec import ParamKind
from engine.idea_card.features import FeatureSpec
from engine.market_data.price_columns import STORED_PRICES
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.timeframes import Timeframe

GOAL_MS = 50.0
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
}


def feature(name: str, length: int | None = None) -> FeatureSpec:
    """Return the indicator with its usual parameters, or all its lengths at `length`, on the close."""
    entry = INDICATORS[name]
    params = {param.name: USUAL[param.name] for param in entry.params}
    if length is not None:
        lengths = [param.name for param in entry.params if param.kind is ParamKind.INT]
        # sides and looks back are bounded at 500
        params |= {
            param.name: min(length, int(param.maximum)) for param in entry.params if param.name in lengths
        }
        for smaller, _, larger in entry.ordered:
            params |= {smaller: length // 2} if larger in lengths else {}
    source = "close" if entry.takes_source else None
    return FeatureSpec(indicator=name, params=params, source=source, tf="exec")


def main() -> None:
    """Print the figures."""
    frame = minutes()
    columns = {name: frame[name].to_numpy() for name in STORED_PRICES}

    def milliseconds(spec: FeatureSpec) -> float:
        return median_seconds(partial(compute_feature, spec, columns), repeats=5) * 1e3

    print(machine())
    print(f"{'indicator':18s} {'first':>7s} {'usual':>7s} {'5':>7s} {'1,000':>7s}  ms, computed by")
    slow = []
    for name, entry in INDICATORS.items():
        spec = feature(name)
        start = time.perf_counter()
        compute_feature(spec, columns)
        first = (time.perf_counter() - start) * 1e3
        taken = [milliseconds(spec)]
        if feature(name, 5) != feature(name, 1000):
            taken += [milliseconds(feature(name, length)) for length in (5, 1000)]
        times = " ".join(f"{value:7.1f}" for value in taken).ljust(23)
        print(f"{name:18s} {first:7.1f} {times}  {entry.implementation.value}")
        slow += [name] if max(taken) > GOAL_MS else []
    print(f"{len(INDICATORS)} indicators; over {GOAL_MS:.0f} ms: {', '.join(slow) or 'none'}")

    few = {name: np.arange(1.0, 101.0) for name in STORED_PRICES}
    around = median_seconds(partial(compute_feature, feature("ema"), few), repeats=999)
    print(f"an EMA of 100 rows, which is all but the kernel: {around * 1e6:.0f} us")

    feeds = {
        "exec": FeedStore(Timeframe.M1, frame),
        "mtf": FeedStore(Timeframe.M15, aggregated(frame, Timeframe.M15)),
        "htf": FeedStore(Timeframe.H1, aggregated(frame, Timeframe.H1)),
    }
    store = MultiTFFeedStore(feeds)
    seconds = median_seconds(partial(MultiTFFeedStore, feeds))
    print(f"aligning two timeframes to a year of minutes {seconds * 1e3:.1f} ms")
    print(f"one aligned column {median_seconds(partial(store.column, 'close', 'htf', 1)) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
