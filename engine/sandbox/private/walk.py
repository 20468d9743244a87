"""How a price walks through its candles, and when it reaches a level.

Within a candle the price goes from the open to the extreme away from the close, to the other extreme and to
the close, a third of the candle each: the walk of `candle_rows.CandleRows.so_far`, so that tickers, forming
candles and fills tell of the same price. Prices are whole ticks; what a market records in between is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pandas as pd

from engine.sandbox.noise import IntArray
from engine.sandbox.private.terms import PriceKind
from engine.sandbox.protocol import KlineSource, Market, RowWindow
from engine.timeframes import DAY_MS, Timeframe

_LEGS = 3
_LOOK_BACK_DAYS = 31
_BLOCKS = 64  # days of one price kept, 70 kB each


@dataclass(frozen=True)
class Level:
    """A price that is waited for.

    Attributes
    ----------
    price : Decimal
        The level in USDT.
    is_above : bool
        Whether the price must rise to it; otherwise fall to it.
    is_through : bool
        Whether it must be passed by at least a tick; otherwise touching it is enough.
    """

    price: Decimal
    is_above: bool
    is_through: bool = False

    def is_reached(self, price: Decimal) -> bool:
        """Whether the price is at the level, or beyond."""
        if price == self.price:
            return not self.is_through
        return (price > self.price) == self.is_above

    def in_ticks(self, ticks_per_unit: int) -> int:
        """Return the first tick that reaches it."""
        scaled = self.price * ticks_per_unit
        if self.is_above:
            return math.floor(scaled) + 1 if self.is_through else math.ceil(scaled)
        return math.ceil(scaled) - 1 if self.is_through else math.floor(scaled)


@dataclass(frozen=True)
class _Block:
    """The candles of one day; `corners` is (candles, 4): where the walk starts, turns twice and ends."""

    ts_open: IntArray
    bar_ms: int
    corners: IntArray
    high: IntArray
    low: IntArray


class PriceWalks:
    """The walks of all prices of a market.

    Parameters
    ----------
    market : Market
        Whose candles they are, of the finest timeframe it has on a day. Where it has no mark or index price,
        that of the last price stands in, as in the tickers.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._ticks = {symbol: of.ticks_per_unit for symbol, of in market.instruments.items()}
        self._block = lru_cache(maxsize=_BLOCKS)(self._load)

    def price_at(self, symbol: str, kind: PriceKind, ts_ms: int) -> Decimal | None:
        """Return the price in USDT at a moment; None when the symbol does not trade then."""
        block = self._block(symbol, kind, ts_ms // DAY_MS)
        bar = _bar_at(block, ts_ms)
        if bar is None:
            return None
        return Decimal(_walked(block, bar, ts_ms)) / self._ticks[symbol]

    def known_at(self, symbol: str, kind: PriceKind, ts_ms: int) -> Decimal:
        """Return the price at a moment, or the last close before it; 0 if there was none in a month."""
        price = self.price_at(symbol, kind, ts_ms)
        day = ts_ms // DAY_MS
        while price is None and day > ts_ms // DAY_MS - _LOOK_BACK_DAYS:
            block = self._block(symbol, kind, day)
            before = int(block.ts_open.searchsorted(ts_ms, side="right")) - 1
            if before >= 0:
                price = Decimal(int(block.corners[before, -1])) / self._ticks[symbol]
            day -= 1
        return price or Decimal(0)

    def first_reached(
        self, symbol: str, kind: PriceKind, levels: Sequence[Level], from_ms: int, to_ms: int
    ) -> int | None:
        """Return the first moment in [from_ms, to_ms] at which the price is at a level or beyond."""
        ticks = self._ticks[symbol]
        above = min((level.in_ticks(ticks) for level in levels if level.is_above), default=2**62)
        below = max((level.in_ticks(ticks) for level in levels if not level.is_above), default=-(2**62))
        for day in range(from_ms // DAY_MS, to_ms // DAY_MS + 1):
            block = self._block(symbol, kind, day)
            reaching = np.flatnonzero((block.high >= above) | (block.low <= below))
            opens = block.ts_open[reaching]
            near = (opens + block.bar_ms > from_ms) & (opens <= to_ms)
            for bar in reaching[near].tolist():
                found = _first_in_bar(block, bar, above, below, from_ms, to_ms)
                if found is not None:
                    return found
        return None

    def _load(self, symbol: str, kind: PriceKind, day: int) -> _Block:
        market = self._market
        sources: dict[PriceKind, tuple[KlineSource, ...]] = {
            PriceKind.LAST: (market.klines,),
            PriceKind.MARK: (market.mark_klines, market.klines),
            PriceKind.INDEX: (market.index_klines, market.mark_klines, market.klines),
        }
        start = day * DAY_MS
        window = RowWindow(start, start + DAY_MS - 1, DAY_MS // Timeframe.M1.ms)
        for source in sources[kind]:
            for timeframe in Timeframe:
                # every candle of the day is asked for as it will have closed
                rows = source(symbol, timeframe, window, timeframe.close(start + DAY_MS))
                if len(rows) > 0:
                    return _block_of(rows, timeframe.ms, self._ticks[symbol])
        return _block_of(pd.DataFrame(_NO_CANDLES), Timeframe.M1.ms, 1)


_NO_CANDLES: dict[str, list[float]] = {"ts_open": [], "open": [], "high": [], "low": [], "close": []}


def _block_of(rows: pd.DataFrame, bar_ms: int, ticks_per_unit: int) -> _Block:
    prices = {
        name: np.rint(rows[name].to_numpy(dtype=np.float64) * ticks_per_unit).astype(np.int64)
        for name in ("open", "high", "low", "close")
    }
    is_rising = prices["close"] >= prices["open"]
    corners = np.stack(
        [
            prices["open"],
            np.where(is_rising, prices["low"], prices["high"]),
            np.where(is_rising, prices["high"], prices["low"]),
            prices["close"],
        ],
        axis=1,
    )
    ts_open = rows["ts_open"].to_numpy(dtype=np.int64)
    return _Block(ts_open, bar_ms, corners, prices["high"], prices["low"])


def _bar_at(block: _Block, ts_ms: int) -> int | None:
    bar = int(block.ts_open.searchsorted(ts_ms, side="right")) - 1
    if bar < 0 or ts_ms >= block.ts_open[bar] + block.bar_ms:
        return None
    return bar


def _walked(block: _Block, bar: int, ts_ms: int) -> int:
    """Return the price in ticks at a moment inside a candle."""
    passed = (ts_ms - int(block.ts_open[bar])) / block.bar_ms * _LEGS
    leg = min(int(passed), _LEGS - 1)
    start, end = int(block.corners[bar, leg]), int(block.corners[bar, leg + 1])
    return start + int((end - start) * (passed - leg))


def _first_in_bar(block: _Block, bar: int, above: int, below: int, from_ms: int, to_ms: int) -> int | None:
    """Return the first moment of a candle, within [from_ms, to_ms], at which the price is out of bounds."""
    leg_ms = block.bar_ms // _LEGS
    for leg in range(_LEGS):
        leg_start = int(block.ts_open[bar]) + leg * leg_ms
        # the last millisecond of the last leg belongs to the next candle
        leg_end = leg_start + leg_ms - (1 if leg == _LEGS - 1 else 0)
        first, last = max(leg_start, from_ms), min(leg_end, to_ms)
        if first > last:
            continue
        if _is_out(_walked(block, bar, first), above, below):
            return first
        if not _is_out(_walked(block, bar, last), above, below):
            continue
        # a leg goes one way: from here it goes out once
        while first < last:
            middle = (first + last) // 2
            if _is_out(_walked(block, bar, middle), above, below):
                last = middle
            else:
                first = middle + 1
        return last
    return None


def _is_out(ticks: int, above: int, below: int) -> bool:
    return ticks >= above or ticks <= below
