"""The market a run has seen: every series from where its warm-up starts, growing by closed candles.

A series starts once and never moves its start: an indicator that remembers all bars then has the same value,
to the bit, whenever it is computed anew over the same candles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.errors import DataError
from engine.features.inputs import Stamped
from engine.market_data.instruments import InstrumentRules
from engine.sim.exchange_views import Bar
from engine.sim.market import FundingEvents
from engine.sim.records import Flags, Floats, Integers
from engine.timeframes import Timeframe, format_utc

type Mark = tuple[float, float, float, float]

_PRICES = ("open", "high", "low", "close", "volume")
_MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")
_ROOM = 1024


@dataclass(frozen=True, slots=True)
class SeenCandle:
    """A closed candle as the run has seen it. Prices in USDT, volume in base coin.

    `is_filled` says that the exchange did not have it; `mark` is its mark kline (open, high, low, close),
    None where that was not asked for or is not there.
    """

    symbol: str
    timeframe: Timeframe
    ts_open: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    is_filled: bool = False
    mark: Mark | None = None

    @property
    def ts_close(self) -> int:
        """When it closed."""
        return self.timeframe.close(self.ts_open)

    def to_plain(self) -> dict[str, Any]:
        """Return it as a line of a journal; `from_plain` gives it back to the bit."""
        plain: dict[str, Any] = {
            "timeframe": str(self.timeframe),
            "ts_open": self.ts_open,
            "candle": [self.open, self.high, self.low, self.close, self.volume],
        }
        if self.is_filled:
            plain["is_filled"] = True
        if self.mark is not None:
            plain["mark"] = list(self.mark)
        return plain

    @classmethod
    def from_plain(cls, symbol: str, plain: Mapping[str, Any]) -> Self:
        """Return the candle that `to_plain` described."""
        mark = plain.get("mark")
        open_, high, low, close, volume = plain["candle"]
        return cls(
            symbol,
            Timeframe.parse(plain["timeframe"]),
            plain["ts_open"],
            open_,
            high,
            low,
            close,
            volume,
            is_filled=plain.get("is_filled", False),
            mark=None if mark is None else (mark[0], mark[1], mark[2], mark[3]),
        )


class CandleSeries:
    """The closed candles of one symbol and timeframe without a hole, in arrays that grow.

    Parameters
    ----------
    symbol : str
    timeframe : Timeframe
    warmup : Candles
        What was there before the run: healed, at least one.
    """

    def __init__(self, symbol: str, timeframe: Timeframe, warmup: Candles) -> None:
        if not len(warmup):
            raise DataError(
                f"there is no {timeframe} candle of {symbol} to warm up on",
                way_out="wait until the first of them has closed",
            )
        self.symbol, self.timeframe = symbol, timeframe
        self._count = len(warmup)
        room = self._count + _ROOM
        self._ts: Integers = np.zeros(room, np.int64)
        self._ts[: self._count] = warmup.ts_open
        self._is_filled: Flags = np.zeros(room, np.bool_)
        if warmup.is_filled is not None:
            self._is_filled[: self._count] = warmup.is_filled
        self._columns = {name: np.full(room, np.nan) for name in (*_PRICES, *_MARKS)}
        for name in self._columns:
            given = getattr(warmup, name)
            if given is not None:
                self._columns[name][: self._count] = given

    def __len__(self) -> int:
        return self._count

    @property
    def first_open(self) -> int:
        """When the first candle opened."""
        return int(self._ts[0])

    @property
    def next_open(self) -> int:
        """When the candle opens that is still to come: all before it are there."""
        return int(self._ts[self._count - 1]) + self.timeframe.ms

    def append(self, candle: SeenCandle) -> None:
        """Add the candle that opens at `next_open`.

        Raises
        ------
        DataError
            If it is another one.
        """
        if candle.ts_open != self.next_open:
            raise DataError(
                f"the {self.timeframe} candle of {self.symbol} at {format_utc(self.next_open)} is still to "
                f"come, and that at {format_utc(candle.ts_open)} was given",
                way_out="fill the ones between; see SymbolMarket.following",
            )
        row = self._count
        if row == len(self._ts):
            self._grow()
        self._ts[row], self._is_filled[row] = candle.ts_open, candle.is_filled
        for name in _PRICES:
            self._columns[name][row] = getattr(candle, name)
        if candle.mark is not None:
            for name, value in zip(_MARKS, candle.mark, strict=True):
                self._columns[name][row] = value
        self._count += 1

    def flat_after_last(self) -> SeenCandle:
        """Return the flat candle that stands in for the one to come: at the last close, nothing traded."""
        close = float(self._columns["close"][self._count - 1])
        return SeenCandle(
            self.symbol, self.timeframe, self.next_open, close, close, close, close, 0.0, is_filled=True
        )

    def rows_by(self, ts_ms: int) -> int:
        """Return how many candles have closed by a moment."""
        return min(self._count, max(0, (ts_ms - self.first_open) // self.timeframe.ms))

    def candles(self, rows: int) -> Candles:
        """Return the first `rows` candles; views, not copies."""
        columns: dict[str, Floats] = {name: values[:rows] for name, values in self._columns.items()}
        return Candles(ts_open=self._ts[:rows], is_filled=self._is_filled[:rows], **columns)

    def bar(self, row: int) -> Bar:
        """Return one candle as the exchange takes it; the last price stands in for a missing mark."""
        opened = int(self._ts[row])
        open_, high, low, close, volume = (float(self._columns[name][row]) for name in _PRICES)
        marks = [float(self._columns[name][row]) for name in _MARKS]
        prices = [open_, high, low, close]
        values = [*prices, *(marks if np.isfinite(marks[0]) else prices), bool(self._is_filled[row]), volume]
        return Bar._make([opened, opened + self.timeframe.ms, *values])

    def last_close(self) -> float:
        """Return the close of the newest candle."""
        return float(self._columns["close"][self._count - 1])

    def _grow(self) -> None:
        for name, values in self._columns.items():
            self._columns[name] = np.concatenate([values, np.full(len(values), np.nan)])
        self._ts = np.concatenate([self._ts, np.zeros_like(self._ts)])
        self._is_filled = np.concatenate([self._is_filled, np.zeros_like(self._is_filled)])


@dataclass(eq=False)
class SymbolMarket:
    """Everything a run knows of one symbol.

    Attributes
    ----------
    instrument : InstrumentRules
        As they were when the run began.
    series : dict of Timeframe to CandleSeries
    funding : FundingEvents
        Settled so far, from the warm-up on.
    open_interest : Stamped or None
        Known so far; None where no card looks at it.
    """

    instrument: InstrumentRules
    series: dict[Timeframe, CandleSeries]
    funding: FundingEvents = field(default_factory=FundingEvents.none)
    open_interest: Stamped | None = None

    @property
    def symbol(self) -> str:
        """Whose market it is."""
        return self.instrument.symbol

    def following(self, candle: SeenCandle) -> Iterator[SeenCandle]:
        """Yield what is to be appended so that `candle` follows: the holes before it, flat, and itself.

        Nothing if it was there already. Each is to be appended before the next is asked for.
        """
        series = self.series[candle.timeframe]
        while series.next_open < candle.ts_open:
            yield series.flat_after_last()
        if series.next_open == candle.ts_open:
            yield candle

    def is_complete_at(self, ts_close: int) -> bool:
        """Whether every series has its last candle closed by a moment, so that a decision can be made."""
        return all(each.next_open >= timeframe.floor(ts_close) for timeframe, each in self.series.items())

    def history(self, ts_close: int) -> History:
        """Return what had closed by a moment, for whatever cards decide on it then."""
        interest = self.open_interest
        return History(
            self.symbol,
            {timeframe: each.candles(each.rows_by(ts_close)) for timeframe, each in self.series.items()},
            self.funding,
            self.instrument,
            open_interest=None if interest is None else lambda: interest,
        )

    def settle(self, funding: FundingEvents) -> FundingEvents:
        """Take note of funding events; return those that are new."""
        known = int(self.funding.ts[-1]) if len(self.funding) else -1
        new = funding.ts > known
        added = FundingEvents(funding.ts[new], funding.rate[new], funding.mark_price[new])
        if len(added):
            self.funding = joined(self.funding, added)
        return added

    def note_open_interest(self, known: Stamped) -> Stamped:
        """Take note of the open interest; return what is new."""
        before = self.open_interest
        if before is None:
            self.open_interest = known
            return known
        new = known.ts > (before.ts[-1] if len(before) else -1)
        added = Stamped(known.ts[new], known.values[new])
        self.open_interest = Stamped(
            _after(before.ts, added.ts), np.concatenate([before.values, added.values])
        )
        return added


def joined(first: FundingEvents, later: FundingEvents) -> FundingEvents:
    """Return the events of both, one after the other."""
    return FundingEvents(
        _after(first.ts, later.ts),
        np.concatenate([first.rate, later.rate]),
        np.concatenate([first.mark_price, later.mark_price]),
    )


def _after(first: Integers, later: Integers) -> Integers:
    return np.concatenate([first, later])
