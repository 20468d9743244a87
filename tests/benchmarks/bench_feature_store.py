"""A hundred cards that share features: each frame by itself, and from the store of features.

    .venv/bin/python tests/benchmarks/bench_feature_store.py

Only the features are measured: reading candles and writing frames takes the same time either way.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial

import numpy as np
import pandas as pd
from benchmark_market import aggregated, machine, minutes
from benchmark_report import Figure, show
from upath import UPath

from engine.features.builder import FeatureFrameBuilder
from engine.features.registry import INDICATORS
from engine.idea_card.features import FeatureSpec
from engine.timeframes import Timeframe
from trade_assets.feature_store import DataHashes, StoredFeatures
from trade_assets.partitions import Partition

CARDS = 100
SIDES = {"left": 5, "right": 5}


def features(card: int) -> dict[str, FeatureSpec]:
    """Return the eight features of a card; a hundred cards have 26 different ones."""
    wanted = {
        "fast": ("ema", {"length": 5 + card % 10}),
        "slow": ("ema", {"length": 20 + card % 10}),
        "atr": ("atr", {"length": 14}),
        "bands": ("bbands", {"length": 20, "std": 2}),
        "break": ("market_structure", SIDES),
        "zones": ("support_resistance", {**SIDES, "swings": 20, "width": 0.5, "touches": 2}),
        "way": ("qqe", {"length": 14, "smooth": 5, "factor": 4.236}),
        "session": ("vwap", {"anchor": "day"}),
    }
    return {
        name: FeatureSpec(
            indicator=indicator,
            params=params,
            source="close" if INDICATORS[indicator].takes_source else None,
            tf="exec",
        )
        for name, (indicator, params) in wanted.items()
    }


def frame_of(timeframe: Timeframe) -> pd.DataFrame:
    """Return a year of healed candles."""
    frame = minutes() if timeframe is Timeframe.M1 else aggregated(minutes(), timeframe)
    marks = {f"mark_{name}": frame[name] for name in ("open", "high", "low", "close")}
    return frame.assign(is_filled=np.zeros(len(frame), bool), **marks)


def seconds(healed: pd.DataFrame, base: UPath | None, timeframe: Timeframe) -> float:
    """Return how long the frames of all cards take, each with a store of its own as a process has it."""
    began = time.perf_counter()
    for card in range(CARDS):
        known = None
        if base is not None:
            known = StoredFeatures(base, Partition("BTCUSDT", timeframe), DataHashes("candles"))
        FeatureFrameBuilder(features(card)).build(healed, known=known)
    return time.perf_counter() - began


def main() -> None:
    """Print the figures."""
    print(machine())
    for timeframe in (Timeframe.M15, Timeframe.M1):
        healed = frame_of(timeframe)
        FeatureFrameBuilder(features(0)).build(healed)
        with tempfile.TemporaryDirectory() as folder:
            base = UPath(folder)
            took = partial(seconds, healed, timeframe=timeframe)
            alone, first, again = took(base=None), took(base=base), took(base=base)
            files = list((base / "features").rglob("*.feature"))
            show(
                [
                    Figure(f"{CARDS} cards, 1 year of {timeframe}, each by itself", alone, "s"),
                    Figure("the same, features from a store that is empty at first", first, "s"),
                    Figure("the same again: nothing is computed", again, "s"),
                    Figure("features computed for 800 asked for", float(len(files)), "files"),
                    Figure("their room", sum(file.stat().st_size for file in files) / 1e6, "MB"),
                ]
            )


if __name__ == "__main__":
    main()
