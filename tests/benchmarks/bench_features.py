"""Every indicator, and the alignment of timeframes, on a year of one-minute candles.

    .venv/bin/python tests/benchmarks/bench_features.py

Each indicator on its own, warm, with the parameters people use; then what a window costs as it grows.
"""

from __future__ import annotations

from functools import partial

from benchmark_market import aggregated, machine, median_seconds, minutes

from engine.features.builder import compute_feature
from engine.features.registry import INDICATORS
from engine.idea_card.features import FeatureSpec
from engine.market_data.price_columns import STORED_PRICES
from engine.runtime.feed import FeedStore, MultiTFFeedStore
from engine.timeframes import Timeframe

USUAL = {
    "length": 20,
    "fast": 12,
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
}


def feature(name: str, **changed: int) -> FeatureSpec:
    """Return the indicator with its usual parameters, on the close where it takes a source."""
    entry = INDICATORS[name]
    params = {param.name: changed.get(param.name, USUAL[param.name]) for param in entry.params}
    return FeatureSpec(
        indicator=name, params=params, source="close" if entry.takes_source else None, tf="exec"
    )


def main() -> None:
    """Print the figures."""
    frame = minutes()
    columns = {name: frame[name].to_numpy() for name in STORED_PRICES}
    print(machine())
    print(f"{'indicator':12s} {'ms':>7s}  computed by")
    for name, entry in INDICATORS.items():
        seconds = median_seconds(partial(compute_feature, feature(name), columns))
        print(f"{name:12s} {seconds * 1e3:7.1f}  {entry.implementation.value}")
    for length in (20, 200, 1000):
        seconds = median_seconds(partial(compute_feature, feature("sma", length=length), columns))
        print(f"sma of {length:5d} {seconds * 1e3:7.1f}")

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
