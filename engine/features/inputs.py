"""What indicators and rules can read of a market: candles, and what was known of the contract at each close.

| name                 | at each bar of a timeframe                                       | unit          |
|----------------------|------------------------------------------------------------------|---------------|
| funding_rate         | rate of the last event settled at or before the bar's close      | fraction      |
| funding_settled      | sum of the rates settled after the bar's open, up to its close   | fraction      |
| open_interest        | last value stamped at or before the bar's close                  | base coin     |
| open_interest_change | change of open_interest since the bar before                     | percent       |
| mark_open … _close   | the mark kline of the bar                                        | USDT          |
| ts_open, ts_close    | when the bar opened and closed                                   | epoch ms, UTC |

NaN where it is not known: before the first event, and where there is no mark kline. Nothing stamped after a
bar's close is looked at, and no spacing of the events is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.features.registry import INDICATORS
from engine.features.spec import FloatArray
from engine.idea_card.features import DERIVATIVE_INPUTS, FeatureSpec

type IntArray = NDArray[np.int64]

FUNDING_RATE, FUNDING_SETTLED = "funding_rate", "funding_settled"
OPEN_INTEREST, OPEN_INTEREST_CHANGE = "open_interest", "open_interest_change"

TS_CLOSE = "ts_close"

FUNDING_INPUTS = frozenset({FUNDING_RATE, FUNDING_SETTLED})
OPEN_INTEREST_INPUTS = frozenset({OPEN_INTEREST, OPEN_INTEREST_CHANGE})
MARK_INPUTS = frozenset(name for name in DERIVATIVE_INPUTS if name.startswith("mark_"))
JOINED_INPUTS = (FUNDING_RATE, OPEN_INTEREST, OPEN_INTEREST_CHANGE)
"""Those a feature frame holds if its card names them, in this order; the mark columns are always there."""


@dataclass(frozen=True, eq=False)
class Stamped:
    """Values that became known at their times.

    Attributes
    ----------
    ts : int64[m]
        UTC epoch milliseconds, strictly rising.
    values : float64[m]

    Raises
    ------
    DataError
        If times and values differ in number, or times do not rise.
    """

    ts: IntArray
    values: FloatArray

    def __post_init__(self) -> None:
        if len(self.ts) != len(self.values) or (np.diff(self.ts) <= 0).any():
            raise DataError(
                "events are out of order, or times and values differ in number",
                way_out="sort them by time and keep one of each; or sync them again",
            )

    def __len__(self) -> int:
        return len(self.ts)

    def known_at(self, moments: IntArray) -> FloatArray:
        """Return the last value stamped at or before each moment (rising); NaN before the first."""
        shown = np.concatenate([[np.nan], self.values])
        return shown[np.searchsorted(self.ts, moments, side="right")]

    def summed_between(self, edges: IntArray) -> FloatArray:
        """Return the sum of the values stamped after one edge and up to the next, float64[edges - 1].

        NaN where the first event lies after the first of the two edges: there may have been others.
        """
        rows = np.searchsorted(self.ts, edges, side="right")
        sums = np.zeros(len(edges) - 1)
        # summed event by event: nothing of an event is left in the bars after it
        np.add.at(sums, np.repeat(np.arange(len(sums)), np.diff(rows)), self.values[rows[0] : rows[-1]])
        begins = self.ts[0] if len(self) else np.iinfo(np.int64).max
        sums[edges[:-1] < begins] = np.nan
        return sums


@dataclass(frozen=True, eq=False)
class BarInputs(Mapping[str, FloatArray]):
    """The columns of one timeframe by name, each joined when it is first asked for.

    Attributes
    ----------
    bar_ms : int
        Length of a bar.
    candles : mapping of str to array
        ts_open, open, high, low, close, volume and, where there are mark klines, the mark columns.
    funding : Stamped or None
        Rates at their events; None if the funding is not at hand.
    open_interest : callable or None
        Gives the open interest when it is needed; None if it is not at hand.
    """

    bar_ms: int
    candles: Mapping[str, FloatArray]
    funding: Stamped | None = None
    open_interest: Callable[[], Stamped] | None = None
    _joined: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def __getitem__(self, name: str) -> FloatArray:
        if name in self.candles:
            return self.candles[name]
        if name not in self._joined:
            self._joined[name] = self._join(name)
        return self._joined[name]

    def __iter__(self) -> Iterator[str]:
        return iter(
            dict.fromkeys((*self.candles, TS_CLOSE, *JOINED_INPUTS, FUNDING_SETTLED, *sorted(MARK_INPUTS)))
        )

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _join(self, name: str) -> FloatArray:
        if name in FUNDING_INPUTS:
            if self.funding is None:
                raise _absent("funding")
            if name == FUNDING_RATE:
                return self.funding.known_at(self._closes())
            opens = self._opens()
            return self.funding.summed_between(np.append(opens, opens[-1:] + self.bar_ms))
        if name == OPEN_INTEREST:
            if self.open_interest is None:
                raise _absent("open interest")
            return self.open_interest().known_at(self._closes())
        if name == TS_CLOSE:
            return self._closes().astype(np.float64)
        if name == OPEN_INTEREST_CHANGE:
            return percent_change(self[OPEN_INTEREST])
        if name in MARK_INPUTS:
            return np.full(len(self._opens()), np.nan)
        raise KeyError(name)

    def _opens(self) -> IntArray:
        return np.asarray(self.candles["ts_open"], np.int64)

    def _closes(self) -> IntArray:
        return self._opens() + self.bar_ms


def feature_inputs(feature: FeatureSpec) -> frozenset[str]:
    """Return the names of the columns a checked feature reads, its source among them."""
    return frozenset(INDICATORS[feature.indicator].columns(feature.source, feature.params))


def derivative_inputs(names: Collection[str]) -> frozenset[str]:
    """Return what `names` needs beside candles: `DERIVATIVE_INPUTS`, and the funding settled in a bar."""
    return frozenset(names) & {*DERIVATIVE_INPUTS, FUNDING_SETTLED}


def percent_change(values: FloatArray) -> FloatArray:
    """Return the change since the row before in percent; NaN where that is missing or nought."""
    change = np.full(len(values), np.nan)
    there = np.flatnonzero(values[:-1] != 0.0) + 1
    before = values[there - 1]
    change[there] = 100.0 * (values[there] - before) / before
    return change


def _absent(what: str) -> DataError:
    return DataError(
        f"a feature or rule looks at the {what}, and it was not handed over with the candles",
        way_out=f"pass the {what} of the symbol along with its candles",
    )
