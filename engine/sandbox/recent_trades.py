"""The newest trades of an instrument, made up so that they add up to its candles.

The market has candles and no trades. Of each of the newest candles there are four trades: at its open, its
two extremes in the order in which the sandbox walks through a candle, and its close, with a quarter of its
volume each. Candles made of them are the market's.
"""

from __future__ import annotations

from typing import Any

from engine.sandbox.catalogue import Instrument
from engine.sandbox.protocol import Market, RowWindow
from engine.sandbox.tickers import finest_timeframe
from engine.sandbox.wire import number

_PER_CANDLE = 4


def recent_trade_rows(
    market: Market, instrument: Instrument, limit: int, now_ms: int
) -> list[dict[str, Any]]:
    """Return the rows of a recent-trade answer at `now_ms`, newest first."""
    timeframe = finest_timeframe(market, instrument.symbol, now_ms)
    window = RowWindow(0, now_ms, -(-limit // _PER_CANDLE))
    candles = market.klines(instrument.symbol, timeframe, window, now_ms)
    rows: list[dict[str, Any]] = []
    for candle in candles.iloc[::-1].to_dict("records"):
        ts_open = int(candle["ts_open"])
        elapsed_ms = min(timeframe.ms, now_ms - ts_open + 1)
        steps = round(candle["volume"] * instrument.steps_per_unit)
        is_rising = candle["close"] >= candle["open"]
        extremes = ("low", "high") if is_rising else ("high", "low")
        prices = [candle[name] for name in ("open", *extremes, "close")]
        for place in reversed(range(_PER_CANDLE)):
            time_ms = ts_open + place * (elapsed_ms - 1) // (_PER_CANDLE - 1)
            quarter = steps // _PER_CANDLE
            size = steps - 3 * quarter if place == _PER_CANDLE - 1 else quarter
            before = prices[max(place - 1, 0)]
            sequence = ts_open // timeframe.ms * _PER_CANDLE + place
            rows.append(
                {
                    "execId": f"{instrument.symbol}-{sequence}",
                    "symbol": instrument.symbol,
                    "price": number(prices[place]),
                    "size": number(size / instrument.steps_per_unit),
                    "side": "Buy" if prices[place] >= before else "Sell",
                    "time": str(time_ms),
                    "isBlockTrade": False,
                    "isRPITrade": False,
                    "seq": str(sequence),
                }
            )
    return rows[:limit]
