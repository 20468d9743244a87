"""What the gates on market data judge, and how they speak of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from engine.gates.base import Gate, GateResult, GateViolation
from engine.timeframes import Timeframe, format_utc

# Holes by the hundred say no more than the first few and their number.
_SHOWN = 10


def _no_events() -> pd.DataFrame:
    return pd.DataFrame({"ts": np.array([], np.int64), "funding_rate": np.array([], np.float64)})


@dataclass(frozen=True, eq=False)
class MarketEvidence:
    """What is stored of one symbol.

    Attributes
    ----------
    symbol : str
        For example "BTCUSDT".
    candles, marks : mapping of Timeframe to DataFrame
        Raw candles and mark klines, sorted, one row per key; a timeframe without any is left out or empty.
    funding : DataFrame
        ts, funding_rate, sorted.
    """

    symbol: str
    candles: Mapping[Timeframe, pd.DataFrame] = field(default_factory=dict)
    marks: Mapping[Timeframe, pd.DataFrame] = field(default_factory=dict)
    funding: pd.DataFrame = field(default_factory=_no_events)

    def candle_series(self) -> Iterator[tuple[str, Timeframe, pd.DataFrame]]:
        """Give every series of candles that has rows, with its name: last prices, then marks."""
        for kind, frames in (("", self.candles), ("mark ", self.marks)):
            for timeframe in sorted(frames):
                if len(frames[timeframe]):
                    yield f"{kind}{self.symbol} {timeframe}", timeframe, frames[timeframe]


class MarketGate(Gate[MarketEvidence]):
    """A gate on stored market data; `threshold` is the largest value of its figure that passes."""

    threshold: float
    remedy: str

    def verdict(
        self, violations: Sequence[GateViolation], summary: str, observed: float | None
    ) -> GateResult:
        """Return the result: the first violations, and one that counts the others."""
        shown = tuple(violations[:_SHOWN])
        left = len(violations) - len(shown)
        if left:
            more = GateViolation(
                where="further places", what="the same", how_much=f"{left} more", remedy=self.remedy
            )
            shown = (*shown, more)
        return GateResult(
            self.name, self.checks, self.severity, summary, shown, observed=observed, threshold=self.threshold
        )


def at(name: str, ts_ms: int) -> str:
    """Return a place: a series and a moment."""
    return f"{name} at {format_utc(ts_ms)}"


def percent(share: float) -> str:
    """Return a share as a percentage, with the digits a small one needs."""
    return f"{share:.3%}"
