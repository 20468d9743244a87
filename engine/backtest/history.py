"""The history of one symbol: looked at once at the door, and shared by every card that runs over it."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.backtest.candles import Candles
from engine.backtest.fingerprint import fingerprint_of, with_columns
from engine.errors import DataError, DataNotFound
from engine.features.builder import compute_feature
from engine.features.inputs import MARK_INPUTS, OPEN_INTEREST, OPEN_INTEREST_INPUTS, BarInputs, Stamped
from engine.idea_card.features import FeatureSpec
from engine.market_data.instruments import InstrumentRules
from engine.market_data.price_columns import STORED_PRICES, price_column
from engine.runtime.alignment import Alignment
from engine.sim.detail import DetailBars, detail_bars
from engine.sim.market import FundingEvents, MarketBars
from engine.sim.records import Floats
from engine.timeframes import MINUTE_MS, Timeframe, format_utc

type Array = NDArray[Any]
type Outputs = Mapping[str, Floats]

# Verdicts of rules and stacks of levels that are kept; half a megabyte and more each on a year of 1m.
_KEPT = 8


@dataclass(frozen=True, eq=False)
class Window:
    """The part of a history that is traded: its rows, bars and funding events."""

    rows: slice
    bars: MarketBars
    funding: FundingEvents

    @property
    def span(self) -> tuple[int, int]:
        """First ts_open and last ts_close."""
        return int(self.bars.ts_open[0]), int(self.bars.ts_open[-1]) + self.bars.bar_ms


class History:
    """Candles, funding and exchange rules of one symbol, and every feature that was asked for on them.

    Safe to share between threads. What it hands out is shared and cannot be written to.

    Parameters
    ----------
    symbol : str
    candles : mapping of Timeframe to Candles
    funding : FundingEvents
        Of at least the windows that are traded.
    instrument : InstrumentRules
    features : mapping of (Timeframe, FeatureSpec) to outputs by name, optional
        Those that are computed already.
    open_interest : callable, optional
        Gives the open interest; called once, when a card that looks at it comes along.
    inputs : mapping of (Timeframe, name) to float64[bars], optional
        Columns of `engine.features.inputs.JOINED_INPUTS` that are joined already.
    data_fingerprint : str, optional
        Known from before; computed when it is first asked for if left out.
    feature_bytes : int, optional
        Computed features are kept up to this size; beyond it the one not asked for longest goes, and is
        computed again if it is asked for again. All are kept if left out.
    """

    def __init__(
        self,
        symbol: str,
        candles: Mapping[Timeframe, Candles],
        funding: FundingEvents,
        instrument: InstrumentRules,
        *,
        features: Mapping[tuple[Timeframe, FeatureSpec], Outputs] | None = None,
        open_interest: Callable[[], Stamped] | None = None,
        inputs: Mapping[tuple[Timeframe, str], Floats] | None = None,
        data_fingerprint: str | None = None,
        feature_bytes: int | None = None,
    ) -> None:
        self.symbol = symbol
        self.candles = dict(candles)
        self.funding = funding
        self.instrument = instrument
        self._given = dict(features or {})
        self._given_inputs = dict(inputs or {})
        self._open_interest = None if open_interest is None else cache(open_interest)
        self._inputs: dict[Timeframe, BarInputs] = {}
        self._features: OrderedDict[tuple[Timeframe, FeatureSpec], Outputs] = OrderedDict()
        self._features_computed = 0
        self._feature_room = math.inf if feature_bytes is None else feature_bytes
        self._making: dict[tuple[Timeframe, FeatureSpec], threading.Lock] = {}
        self._fingerprint = data_fingerprint
        self._bars: dict[Timeframe, MarketBars] = {}
        self._alignments: dict[tuple[Timeframe, Timeframe], Alignment] = {}
        self._windows: dict[tuple[Timeframe, int, int], Window] = {}
        self._details: dict[tuple[Timeframe, Timeframe, int, int], DetailBars] = {}
        self._kept: OrderedDict[Hashable, Array] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def features_computed(self) -> int:
        """How many features were computed so far."""
        return self._features_computed

    @property
    def open_interest(self) -> Stamped | None:
        """The open interest; None where it is not known at all."""
        return None if self._open_interest is None else self._open_interest()

    @property
    def data_fingerprint(self) -> str:
        """Hash of the candles, the funding events and the exchange's rules."""
        with self._lock:
            if self._fingerprint is None:
                bars = {timeframe: self.bars(timeframe) for timeframe in self.candles}
                self._fingerprint = fingerprint_of(bars, self.funding, self.instrument)
            return self._fingerprint

    def bars(self, timeframe: Timeframe) -> MarketBars:
        """Return the bars of a timeframe, looked at when they are first asked for.

        Raises
        ------
        DataError, SimulationError
            If there are none, or one is no bar.
        """
        with self._lock:
            if timeframe not in self._bars:
                self._bars[timeframe] = self.candles[timeframe].bars(timeframe)
            return self._bars[timeframe]

    def fingerprint_with(self, inputs: Iterable[tuple[Timeframe, str]]) -> str:
        """Return the hash of the data and of what else of the contract a card looks at.

        Funding is part of `data_fingerprint`, and so are mark klines: of these only where they are missing
        is left to say. A card that looks at nothing else has `data_fingerprint` itself.
        """
        columns: dict[str, Array] = {}
        for timeframe, name in sorted(set(inputs)):
            there = self.candles[timeframe].has_mark
            if name in OPEN_INTEREST_INPUTS:
                columns[f"{timeframe} {OPEN_INTEREST}"] = self.column(timeframe, OPEN_INTEREST)
            elif name in MARK_INPUTS and there is not None and not there.all():
                columns[f"{timeframe} has_mark"] = there
        return with_columns(self.data_fingerprint, columns) if columns else self.data_fingerprint

    def column(self, timeframe: Timeframe, name: str) -> Floats:
        """Return a price or another input of `engine.features.inputs` at each bar of a timeframe.

        Raises
        ------
        DataError
            If the open interest is asked for, and it is not known at all.
        """
        values: Floats = price_column(self.inputs(timeframe), name)
        return values

    def inputs(self, timeframe: Timeframe) -> BarInputs:
        """Return the columns of a timeframe by name, each joined when it is first asked for."""
        with self._lock:
            if timeframe not in self._inputs:
                bars, candles = self.bars(timeframe), self.candles[timeframe]
                columns = {name: getattr(bars, name) for name in ("ts_open", *STORED_PRICES)}
                if candles.has_mark is not None:
                    columns |= {name: getattr(candles, name) for name in MARK_INPUTS}
                given = {name: values for (of, name), values in self._given_inputs.items() if of is timeframe}
                self._inputs[timeframe] = BarInputs(
                    bar_ms=timeframe.ms,
                    candles=columns | given,
                    funding=Stamped(self.funding.ts, self.funding.rate),
                    open_interest=self._open_interest,
                )
            return self._inputs[timeframe]

    def feature(self, timeframe: Timeframe, feature: FeatureSpec) -> Outputs:
        """Return the outputs of a feature on a timeframe by name, float64[bars of it] each."""
        key = timeframe, feature
        if key in self._given:
            return self._given[key]
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        # whoever asks for another feature need not wait
        with making:
            with self._lock:
                if key in self._features:
                    self._features.move_to_end(key)
                    return self._features[key]
            outputs = compute_feature(feature, self.inputs(timeframe))
            self._keep_feature(key, outputs)
            return outputs

    def _keep_feature(self, key: tuple[Timeframe, FeatureSpec], outputs: Outputs) -> None:
        with self._lock:
            self._features[key] = outputs
            self._features_computed += 1
            self._feature_room -= _size(outputs)
            while self._feature_room < 0 and len(self._features) > 1:
                _, oldest = self._features.popitem(last=False)
                self._feature_room += _size(oldest)

    def alignment(self, exec_timeframe: Timeframe, timeframe: Timeframe) -> Alignment:
        """Return how the bars of `timeframe` are seen by those of `exec_timeframe`."""
        key = exec_timeframe, timeframe
        with self._lock:
            if key not in self._alignments:
                self._alignments[key] = Alignment.of(
                    self.bars(exec_timeframe).ts_open,
                    exec_timeframe,
                    self.bars(timeframe).ts_open,
                    timeframe,
                )
            return self._alignments[key]

    def kept(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """Return what `make` returned for the same key lately, or make it."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def window(self, timeframe: Timeframe, start_ms: int | None, end_ms: int | None) -> Window:
        """Return the bars of `timeframe` with start_ms <= ts_open < end_ms, and the funding they settle.

        Raises
        ------
        DataNotFound
            If there is no such bar.
        DataError
            If funding or mark klines do not cover the window.
        """
        whole = self.bars(timeframe)
        first = 0 if start_ms is None else int(np.searchsorted(whole.ts_open, start_ms))
        last = len(whole) if end_ms is None else int(np.searchsorted(whole.ts_open, end_ms))
        if first >= last:
            raise DataNotFound(
                f"{self.symbol} has no bars in the window asked for; it has bars from "
                f"{format_utc(int(whole.ts_open[0]))} to {format_utc(int(whole.ts_open[-1]))}",
                way_out="choose other dates, or sync more history (TRADE_HISTORY_START)",
            )
        key = timeframe, first, last
        with self._lock:
            if key not in self._windows:
                rows = slice(first, last)
                self._refuse_uncovered_marks(timeframe, rows)
                bars = whole if last - first == len(whole) else whole.cut(rows)
                self._windows[key] = Window(rows, bars, self._funding_of(bars))
            return self._windows[key]

    def detail(self, timeframe: Timeframe, window: Window, finer: Timeframe) -> DetailBars:
        """Return the bars of a window of `timeframe` with those of `finer` inside them.

        A finer bar without a mark kline is not run on where the window has mark klines.

        Raises
        ------
        DataError
            If there are no finer bars.
        SimulationError
            If a finer bar is no bar, or finer bars do not make the bar they are in.
        """
        key = timeframe, finer, window.rows.start, window.rows.stop
        with self._lock:
            if key not in self._details:
                usable = self.candles[finer].has_mark if window.bars.has_marks else None
                self._details[key] = detail_bars(window.bars, self.bars(finer), usable=usable)
            return self._details[key]

    def _refuse_uncovered_marks(self, timeframe: Timeframe, rows: slice) -> None:
        there = self.candles[timeframe].has_mark
        if there is None or there[rows].all() or not there[rows].any():
            return
        bars = self.bars(timeframe)
        # What the exchange did not have has no mark either; a single hole is bridged by the last price.
        missing = ~(there[rows] | bars.is_filled[rows])
        edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)
        holes = edges[edges[:, 1] - edges[:, 0] > 1]
        if len(holes):
            first, after = (int(edge) + rows.start for edge in holes[0])
            raise DataError(
                f"{self.symbol}: the mark klines of {timeframe} do not cover the window: there are none from "
                f"{format_utc(int(bars.ts_open[first]))} to {format_utc(int(bars.ts_open[after - 1]))}",
                way_out="sync the mark klines of the whole window, or start later (TRADE_HISTORY_START)",
            )

    def _funding_of(self, bars: MarketBars) -> FundingEvents:
        ts = self.funding.ts
        first, last = int(bars.ts_open[0]), int(bars.ts_open[-1]) + bars.bar_ms
        # The interval changes over time: the longest one seen is the most a gap at the edges may be.
        longest = max(self.instrument.funding_interval_minutes * MINUTE_MS, int(np.diff(ts).max(initial=0)))
        if len(ts) == 0 or ts[0] - longest > first or ts[-1] + longest < last:
            known = f"from {format_utc(int(ts[0]))} to {format_utc(int(ts[-1]))}" if len(ts) else "not at all"
            raise DataError(
                f"{self.symbol}: funding is known {known}, and the run goes from {format_utc(first)} to "
                f"{format_utc(last)}; without funding the result would be wrong",
                way_out="choose dates inside, or sync the funding of the whole window",
            )
        inside = slice(*np.searchsorted(ts, (first, last), side="right"))
        return FundingEvents(ts[inside], self.funding.rate[inside], self.funding.mark_price[inside])


def _size(outputs: Outputs) -> int:
    return sum(values.nbytes for values in outputs.values())
