"""A market for gates to look at: five minutes and everything above, marks, funding and open interest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from bitcoin_rules import BITCOIN

from engine.backtest.candles import Candles
from engine.features.inputs import Stamped
from engine.gates.known_market import KnownMarket
from engine.sim.market import FundingEvents
from engine.timeframes import HOUR_MS, Timeframe, parse_utc

START = parse_utc("2024-01-01")
INSTRUMENT = replace(BITCOIN, as_of_ms=START)
TIMEFRAMES = (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)


def market(days: int, seed: int = 1, timeframes: tuple[Timeframe, ...] = TIMEFRAMES) -> KnownMarket:
    """Return a market of so many days that trends, swings and jumps."""
    rng = np.random.default_rng(seed)
    count = days * 288
    trend = 0.03 * np.sin(np.arange(count) / 400) + 0.01 * np.sin(np.arange(count) / 55)
    jumps = rng.normal(0, 0.01, count) * (rng.random(count) < 0.01)
    close = np.round(40_000 * np.exp(trend + np.cumsum(rng.normal(0, 0.0012, count) + jumps)), 1)
    open_ = np.r_[close[0], close[:-1]]
    wick = np.abs(rng.normal(0, 0.001, (2, count)))
    prices = {
        "open": open_,
        "high": np.round(np.maximum(open_, close) * (1 + wick[0]), 1),
        "low": np.round(np.minimum(open_, close) * (1 - wick[1]), 1),
        "close": close,
    }
    basis = 1 + 0.0005 * np.sin(np.arange(count) / 300)
    base = Candles(
        ts_open=START + np.arange(count) * Timeframe.M5.ms,
        **prices,
        volume=rng.lognormal(3, 1, count),
        is_filled=rng.random(count) < 0.002,
        **{f"mark_{name}": values * basis for name, values in prices.items()},
    )
    every_8_hours = START + np.arange(0, days * 3 + 1) * 8 * HOUR_MS
    hours = START + np.arange(days * 24) * HOUR_MS
    at = np.minimum(np.arange(len(every_8_hours)) * 96, count - 1)
    return KnownMarket(
        "BTCUSDT",
        {timeframe: aggregated(base, timeframe) for timeframe in timeframes},
        FundingEvents(every_8_hours, rng.normal(0.0001, 0.0003, len(at)), open_[at]),
        INSTRUMENT,
        Stamped(hours, 1e6 * np.exp(np.cumsum(rng.normal(0, 0.01, len(hours))))),
    )


def aggregated(candles: Candles, timeframe: Timeframe) -> Candles:
    """Return the bars of a timeframe that are complete in five-minute candles."""
    inside = timeframe.ms // Timeframe.M5.ms
    whole = len(candles) // inside

    def rows(name: str) -> np.ndarray:
        return getattr(candles, name)[: whole * inside].reshape(whole, inside)

    how: Mapping[str, object] = {
        "open": lambda values: values[:, 0],
        "high": lambda values: values.max(axis=1),
        "low": lambda values: values.min(axis=1),
        "close": lambda values: values[:, -1],
    }
    columns = {
        f"{kind}{name}": np.ascontiguousarray(take(rows(f"{kind}{name}")))
        for kind in ("", "mark_")
        for name, take in how.items()
    }
    return Candles(
        ts_open=rows("ts_open")[:, 0].copy(),
        **columns,
        volume=rows("volume").sum(axis=1),
        is_filled=rows("is_filled").any(axis=1),
    )
