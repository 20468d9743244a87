"""What comes in from the exchange while a run goes on: candles, marks, funding, open interest.

Whatever is taken in is written down first and known afterwards, so that the journal alone brings back what
the run knew at each of its decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from engine.backtest.prepare import funding_from_frame
from engine.errors import DataError, ExchangeError
from engine.exchange.stream import CandleTopic, ClosedCandle
from engine.features.builder import stamped
from engine.features.inputs import OPEN_INTEREST, Stamped
from engine.live.journal import Journal, JournalEntry, JournalKind
from engine.live.market import Mark, SeenCandle, SymbolMarket
from engine.market_data.funding import price_funding_events
from engine.market_data.market_client import MarketDataClient
from engine.sim.market import FundingEvents
from engine.timeframes import HOUR_MS, Timeframe

# A candle that has closed this very moment may still be served unfinished.
_SETTLES_MS = 2_000
# What is stamped with a full hour is there to be asked for soon after it.
_PUBLISHED_MS = 60_000
_INTEREST_TIMEFRAME = Timeframe.H1


class Intake:
    """Takes the market of one symbol in.

    Parameters
    ----------
    market : SymbolMarket
        Grows by what is taken in.
    client : MarketDataClient
        For what no stream tells.
    journal : Journal
    with_marks : bool
        Whether each candle needs its mark kline.
    with_funding : bool
        Whether funding events are needed.
    """

    def __init__(
        self,
        market: SymbolMarket,
        client: MarketDataClient,
        journal: Journal,
        *,
        with_marks: bool,
        with_funding: bool,
    ) -> None:
        self.market = market
        self._client, self._journal = client, journal
        self._with_marks, self._with_funding = with_marks, with_funding
        self._asked_ms = 0

    def topics(self) -> dict[CandleTopic, int]:
        """Return what to subscribe to, each with the opening time of the first candle that is wanted."""
        market = self.market
        return {CandleTopic(market.symbol, each.timeframe): each.next_open for each in market.series.values()}

    def take(self, candle: ClosedCandle, now_ms: int) -> bool:
        """Take a closed candle in, with the holes before it; return whether it was new.

        Raises
        ------
        ExchangeError
            If it is no candle, or its mark kline is needed and the exchange does not give it: nothing is
            taken then.
        DataError
            If the journal cannot be written.
        """
        timeframe = candle.topic.timeframe
        series = self.market.series[timeframe]
        if candle.ts_open < series.next_open:
            return False
        _refuse_unsound(candle)
        marks = self._marks(timeframe, series.next_open, candle.ts_open + timeframe.ms)
        seen = SeenCandle(
            self.market.symbol,
            timeframe,
            candle.ts_open,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
        )
        self._append(seen, marks, now_ms)
        return True

    def catch_up(self, now_ms: int) -> bool:
        """Fetch what has closed and was not told; return whether there was any. Raises as `take` does."""
        found = False
        for timeframe, series in sorted(self.market.series.items()):
            first, after = series.next_open, timeframe.floor(now_ms - _SETTLES_MS)
            if first >= after:
                continue
            rows = self._client.klines(self.market.symbol, timeframe, first, after)
            marks = self._marks(timeframe, first, after) if len(rows) else {}
            names = ("ts_open", "open", "high", "low", "close", "volume")
            for ts_open, *prices in zip(*(rows[name].tolist() for name in names), strict=True):
                seen = SeenCandle(self.market.symbol, timeframe, int(ts_open), *prices)
                self._append(seen, marks, now_ms)
                found = True
        return found

    def settle(self, ts_close: int, now_ms: int) -> None:
        """Ask for the funding and the open interest that a decision at `ts_close` may look at.

        Asked for around each full hour only: at no other time does Bybit settle, or publish the hour's
        open interest.

        Raises
        ------
        ExchangeError
            If the exchange does not answer.
        """
        if not self._with_funding and self.market.open_interest is None:
            return
        if HOUR_MS * (ts_close // HOUR_MS) <= self._asked_ms - _PUBLISHED_MS:
            return
        until = max(ts_close, now_ms) + 1
        if self._with_funding:
            known = self.market.funding
            first = int(known.ts[-1]) + 1 if len(known) else ts_close - HOUR_MS
            events = self._client.funding(self.market.symbol, first, until)
            if len(events):
                self._settle(self.market.settle(self._priced(events)), now_ms)
        interest = self.market.open_interest
        if interest is not None:
            first = int(interest.ts[-1]) + 1 if len(interest) else ts_close - HOUR_MS
            rows = self._client.open_interest(self.market.symbol, _INTEREST_TIMEFRAME, first, until)
            new = self.market.note_open_interest(stamped(rows, OPEN_INTEREST))
            if len(new):
                self._write({"open_interest": [new.ts.tolist(), new.values.tolist()]}, now_ms)
        self._asked_ms = until - 1

    @staticmethod
    def restore_into(market: SymbolMarket, plain: Mapping[str, Any]) -> None:
        """Let a market take in again what an entry of the journal tells.

        Raises
        ------
        DataError
            If it does not follow what is known.
        """
        if "candle" in plain:
            seen = SeenCandle.from_plain(market.symbol, plain)
            market.series[seen.timeframe].append(seen)
        elif "funding" in plain:
            ts, rate, price = plain["funding"]
            market.settle(FundingEvents(np.array(ts, np.int64), np.array(rate), np.array(price)))
        elif "open_interest" in plain:
            ts, values = plain["open_interest"]
            market.note_open_interest(Stamped(np.array(ts, np.int64), np.array(values, np.float64)))
        else:
            raise DataError(
                f"an entry of {market.symbol} is no market data: {sorted(plain)}",
                way_out="the journal was changed; move the run's folder away and start anew",
            )

    def _append(self, candle: SeenCandle, marks: Mapping[int, Mark], now_ms: int) -> None:
        for each in self.market.following(candle):
            marked = replace(each, mark=marks.get(each.ts_open))
            self._write(marked.to_plain(), now_ms)
            self.market.series[each.timeframe].append(marked)

    def _settle(self, new: FundingEvents, now_ms: int) -> None:
        if len(new):
            told = [new.ts.tolist(), new.rate.tolist(), new.mark_price.tolist()]
            self._write({"funding": told}, now_ms)

    def _priced(self, events: Any) -> FundingEvents:
        """Return events with the mark price of their moments, as the backtest has them."""
        finest = min(self.market.series)
        first, last = int(events["ts"].iloc[0]), int(events["ts"].iloc[-1])
        marks = {}
        for timeframe in self.market.series:
            window = timeframe.floor(first), timeframe.floor(last) + 1
            marks[timeframe] = self._client.mark_klines(self.market.symbol, timeframe, *window)
        ohlcv = self._client.klines(self.market.symbol, finest, finest.floor(first) - finest.ms, last + 1)
        return funding_from_frame(price_funding_events(events, marks, ohlcv))

    def _marks(self, timeframe: Timeframe, first: int, after: int) -> dict[int, Mark]:
        if not self._with_marks:
            return {}
        rows = self._client.mark_klines(self.market.symbol, timeframe, first, after)
        names = ("ts_open", "open", "high", "low", "close")
        return {
            int(ts_open): (open_, high, low, close)
            for ts_open, open_, high, low, close in zip(*(rows[name].tolist() for name in names), strict=True)
        }

    def _write(self, plain: Mapping[str, Any], now_ms: int) -> None:
        self._journal.append(JournalEntry(now_ms, JournalKind.CANDLE, symbol=self.market.symbol, data=plain))


def _refuse_unsound(candle: ClosedCandle) -> None:
    """Refuse what is no candle: once written down it would stop the run at every start."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    inside = candle.low <= min(candle.open, candle.close) and max(candle.open, candle.close) <= candle.high
    finite = all(isfinite(value) for value in (*prices, candle.volume))
    if not (finite and candle.low > 0.0 and inside and candle.volume >= 0.0):
        raise ExchangeError(
            f"what is told as a {candle.topic.timeframe} candle of {candle.topic.symbol} is none: {candle}",
            way_out="it is asked for again over REST",
        )
    if not candle.topic.timeframe.is_aligned(candle.ts_open):
        raise ExchangeError(
            f"the stream tells of a {candle.topic.timeframe} candle that is off the grid: {candle}"
        )
