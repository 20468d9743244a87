"""A year of synthetic one-minute candles, and how times are taken and shown."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from engine.timeframes import MINUTE_MS, Timeframe, parse_utc

YEAR_OF_MINUTES = 525_600
START_MS = parse_utc("2024-01-01")


def machine() -> str:
    """Return what the figures were measured on."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{model}, Python {platform.python_version()}, numpy {np.__version__}, one thread"


def median_seconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Return the median wall time of `work` after one warm-up call."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def minutes(count: int = YEAR_OF_MINUTES, seed: int = 1) -> pd.DataFrame:
    """Return healed one-minute candles: a random walk on a tick of 0.1, open equal to the previous close."""
    rng = np.random.default_rng(seed)
    close = np.round(40_000 * np.exp(np.cumsum(rng.normal(0, 0.0008, count))), 1)
    open_ = np.r_[close[0], close[:-1]]
    wick = np.abs(rng.normal(0, 0.0004, (2, count)))
    high = np.round(np.maximum(open_, close) * (1 + wick[0]), 1)
    low = np.round(np.minimum(open_, close) * (1 - wick[1]), 1)
    volume = rng.lognormal(2, 1, count)
    prices = {"open": open_, "high": high, "low": low, "close": close}
    return pd.DataFrame(
        {
            "ts_open": START_MS + np.arange(count) * MINUTE_MS,
            **prices,
            "volume": volume,
            "turnover": volume * close,
            "is_filled": np.zeros(count, dtype=bool),
            **{f"mark_{name}": values for name, values in prices.items()},
        }
    )


def aggregated(frame: pd.DataFrame, timeframe: Timeframe) -> pd.DataFrame:
    """Return one-minute candles as candles of `timeframe`."""
    group = frame["ts_open"] // timeframe.ms * timeframe.ms
    rule = {"open": "first", "high": "max", "low": "min", "close": "last"}
    rules = rule | {"volume": "sum", "turnover": "sum", "is_filled": "max"}
    rules |= {f"mark_{name}": how for name, how in rule.items()}
    return frame.groupby(group).agg(rules).reset_index(names="ts_open")


def funding_events(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a funding event every eight hours, at the open of that minute."""
    rows = np.arange(0, len(frame), 480)
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "ts": frame["ts_open"].to_numpy()[rows],
            "funding_rate": rng.normal(1e-4, 1e-4, len(rows)),
            "mark_price": frame["mark_open"].to_numpy()[rows],
            "price_source": "mark",
        }
    )
