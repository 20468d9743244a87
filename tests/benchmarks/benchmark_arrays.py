"""A generated market in a file of arrays, for processes that are measured from their start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.backtest.candles import Candles
from engine.sim.market import FundingEvents
from engine.timeframes import Timeframe

_FUNDING = "funding"


def save_market(path: Path, timeframes: Sequence[Timeframe], minute_count: int) -> None:
    """Generate a market and write its candles and funding events to an .npz file."""
    from benchmark_cards import arrays, market

    candles, funding = arrays(*market(timeframes, minute_count))
    stored = {f"{each}/{name}": values for each in candles for name, values in vars(candles[each]).items()}
    stored |= {f"{_FUNDING}/{name}": values for name, values in vars(funding).items()}
    np.savez(path, **stored)


def load_market(path: Path) -> tuple[dict[Timeframe, Candles], FundingEvents]:
    """Return what `save_market` wrote, as arrays in memory."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as stored:
        for key in stored.files:
            part, _, name = key.partition("/")
            found.setdefault(part, {})[name] = stored[key]
    funding = FundingEvents(**found.pop(_FUNDING))
    return {Timeframe(each): Candles(**columns) for each, columns in found.items()}, funding
