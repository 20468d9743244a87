"""The ticker of an instrument, from the market's own history."""

from __future__ import annotations

from typing import Any

import pandas as pd

from engine.sandbox.catalogue import Instrument
from engine.sandbox.protocol import KlineSource, Market, RowWindow
from engine.sandbox.wire import number
from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe


def ticker_row(market: Market, instrument: Instrument, now_ms: int) -> dict[str, Any]:
    """Return the row of a tickers answer at `now_ms`.

    The last 24 hours are the candles, of the finest timeframe the market has, that opened in them. What the
    market does not have is an empty string. The funding rate shown is the last one settled; Bybit shows its
    forecast of the next.
    """
    symbol = instrument.symbol
    day = _last_day(market, symbol, now_ms)
    opens, closes = day["open"].to_numpy(), day["close"].to_numpy()
    last = float(closes[-1]) if len(day) else None
    hour_ago = int(day["ts_open"].to_numpy().searchsorted(now_ms - HOUR_MS, side="right"))
    first = float(opens[0]) if len(day) else None
    newest = RowWindow(0, now_ms, 1)
    mark_price = _newest_close(market.mark_klines, symbol, now_ms) or last
    index_price = _newest_close(market.index_klines, symbol, now_ms) or mark_price
    interest = market.open_interest(symbol, Timeframe.H1, newest, now_ms)
    open_interest = float(interest["open_interest"].iloc[-1]) if len(interest) else None
    funding = market.funding(symbol, newest, now_ms)
    interval_ms = instrument.funding_interval_at(now_ms) * MINUTE_MS
    has_funding = instrument.has_funding
    tick = 1 / instrument.ticks_per_unit
    return {
        "symbol": symbol,
        "lastPrice": _text(last),
        "indexPrice": _text(index_price),
        "markPrice": _text(mark_price),
        "prevPrice24h": _text(first),
        "price24hPcnt": _text(None if last is None or first is None else round(last / first - 1, 6)),
        "highPrice24h": _text(float(day["high"].to_numpy().max()) if len(day) else None),
        "lowPrice24h": _text(float(day["low"].to_numpy().min()) if len(day) else None),
        "prevPrice1h": _text(float(opens[hour_ago]) if hour_ago < len(day) else None),
        "openInterest": _text(open_interest),
        "openInterestValue": _text(
            None if open_interest is None or mark_price is None else round(open_interest * mark_price, 2)
        ),
        "turnover24h": _text(round(float(day["turnover"].sum()), 4)),
        "volume24h": _text(round(float(day["volume"].sum()), 4)),
        "fundingRate": _text(
            float(funding["funding_rate"].iloc[-1]) if has_funding and len(funding) else None
        ),
        "nextFundingTime": str(now_ms // interval_ms * interval_ms + interval_ms) if has_funding else "",
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "" if has_funding else "0",
        "deliveryTime": str(instrument.delivery_ms),
        "ask1Size": instrument.qty_step,
        "bid1Price": _text(last),
        "ask1Price": _text(None if last is None else round(last + tick, instrument.price_decimals)),
        "bid1Size": instrument.qty_step,
        "basis": "",
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
        "fundingIntervalHour": str(interval_ms // HOUR_MS) if has_funding else "",
        "basisRateYear": "",
        "fundingCap": instrument.funding_cap if has_funding else "",
    }


def finest_timeframe(market: Market, symbol: str, now_ms: int) -> Timeframe:
    """Return the shortest timeframe of which the market has candles of the last 24 hours; 1m if none."""
    window = RowWindow(now_ms - DAY_MS + 1, now_ms, 1)
    for timeframe in Timeframe:
        if len(market.klines(symbol, timeframe, window, now_ms)) > 0:
            return timeframe
    return Timeframe.M1


def _last_day(market: Market, symbol: str, now_ms: int) -> pd.DataFrame:
    window = RowWindow(now_ms - DAY_MS + 1, now_ms, 1441)
    for timeframe in Timeframe:
        rows = market.klines(symbol, timeframe, window, now_ms)
        if len(rows) > 0:
            break
    return rows


def _newest_close(source: KlineSource, symbol: str, now_ms: int) -> float | None:
    rows = source(symbol, Timeframe.H1, RowWindow(0, now_ms, 1), now_ms)
    return float(rows["close"].iloc[-1]) if len(rows) else None


def _text(value: float | None) -> str:
    return "" if value is None else number(value)
