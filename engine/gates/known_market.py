"""A market as it was known at a moment, and the same market with another future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.features.inputs import Stamped
from engine.market_data.instruments import InstrumentRules
from engine.sim.market import FundingEvents
from engine.timeframes import DAY_MS, Timeframe

_PRICES = tuple(f"{kind}{name}" for kind in ("", "mark_") for name in ("open", "high", "low", "close"))


@dataclass(frozen=True, eq=False)
class KnownMarket:
    """Everything a run may look at, of one symbol.

    Attributes
    ----------
    symbol : str
    candles : mapping of Timeframe to Candles
    funding : FundingEvents
    instrument : InstrumentRules
    open_interest : Stamped or None
        None where it is not known at all.
    """

    symbol: str
    candles: Mapping[Timeframe, Candles]
    funding: FundingEvents
    instrument: InstrumentRules
    open_interest: Stamped | None = None

    @classmethod
    def of(cls, history: History) -> Self:
        """Return the market of a history, without any feature that was computed for it."""
        return cls(
            history.symbol, history.candles, history.funding, history.instrument, history.open_interest
        )

    def history(self) -> History:
        """Return a history of this market in which nothing has been computed yet."""
        interest = self.open_interest
        return History(
            self.symbol,
            self.candles,
            self.funding,
            self.instrument,
            open_interest=None if interest is None else lambda: interest,
        )

    def until(self, moment_ms: int) -> KnownMarket:
        """Return what was known at a moment: bars that had closed, and events stamped at or before it."""
        candles = {
            timeframe: _rows(of, slice(0, _closed_by(of, timeframe, moment_ms)))
            for timeframe, of in self.candles.items()
        }
        events = slice(0, int(np.searchsorted(self.funding.ts, moment_ms, side="right")))
        funding = FundingEvents(
            self.funding.ts[events], self.funding.rate[events], self.funding.mark_price[events]
        )
        interest = self.open_interest
        if interest is not None:
            stamped = slice(0, int(np.searchsorted(interest.ts, moment_ms, side="right")))
            interest = Stamped(interest.ts[stamped], interest.values[stamped])
        return replace(self, candles=candles, funding=funding, open_interest=interest)

    def since(self, first_rows: Mapping[Timeframe, int]) -> KnownMarket:
        """Return the market whose candles begin at a row of each timeframe; events stay as they are."""
        candles = {
            timeframe: _rows(of, slice(first_rows[timeframe], None)) for timeframe, of in self.candles.items()
        }
        return replace(self, candles=candles)

    def with_another_future(self, moment_ms: int, rng: np.random.Generator) -> KnownMarket:
        """Return the market in which everything after a moment is noise.

        Prices and volumes are scaled by factors for each day, the same on every timeframe, so that bars go on
        being made of those inside them; rates and open interest are drawn anew.
        """
        last_day = max(int(of.ts_open[-1]) // DAY_MS for of in self.candles.values()) + 1
        first_day = moment_ms // DAY_MS
        days = max(int(last_day - first_day) + 1, 1)
        factors, volume_factors = np.exp(rng.normal(0.0, 0.3, (2, days)))
        candles = {}
        for timeframe, of in self.candles.items():
            first = _closed_by(of, timeframe, moment_ms)
            # a bar longer than a day has those of the day it opens on
            day = np.maximum(of.ts_open[first:] // DAY_MS - first_day, 0)
            factor, volume_factor = np.ones((2, len(of)))
            factor[first:], volume_factor[first:] = factors[day], volume_factors[day]
            changed = {name: getattr(of, name) * factor for name in _PRICES if getattr(of, name) is not None}
            candles[timeframe] = replace(of, **changed, volume=of.volume * volume_factor)
        after = int(np.searchsorted(self.funding.ts, moment_ms, side="right"))
        rate, mark = self.funding.rate.copy(), self.funding.mark_price.copy()
        rate[after:] = rng.normal(0.0, 0.001, len(rate) - after)
        mark[after:] = mark[after:] * np.exp(rng.normal(0.0, 0.3, len(mark) - after))
        interest = self.open_interest
        if interest is not None:
            values = interest.values.copy()
            later = int(np.searchsorted(interest.ts, moment_ms, side="right"))
            values[later:] = values[later:] * rng.uniform(0.2, 5.0, len(values) - later)
            interest = Stamped(interest.ts, values)
        funding = FundingEvents(self.funding.ts, rate, mark)
        return replace(self, candles=candles, funding=funding, open_interest=interest)


def _closed_by(candles: Candles, timeframe: Timeframe, moment_ms: int) -> int:
    return int(np.searchsorted(candles.ts_open, moment_ms - timeframe.ms, side="right"))


def _rows(candles: Candles, rows: slice) -> Candles:
    cut: dict[str, Any] = {
        field.name: None if (values := getattr(candles, field.name)) is None else values[rows]
        for field in fields(candles)
    }
    return replace(candles, **cut)
