"""Funding events with the price at which each was settled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.timeframes import Timeframe


def price_funding_events(
    funding: pd.DataFrame, marks: Mapping[Timeframe, pd.DataFrame], ohlcv: pd.DataFrame
) -> pd.DataFrame:
    """Put the price beside each funding event: size times this price times the rate is what is paid.

    Bybit settles at the mark price of the event's moment and does not publish it. Its best stand-in is the
    open of a mark kline that opens just then, from the finest timeframe that has one. Without any, it is the
    last traded price known at that moment: the open of the candle the event falls into, or the close of the
    one before if that candle is missing. Nothing after the event is looked at, and no spacing of the events
    is assumed.

    Parameters
    ----------
    funding : DataFrame
        ts, funding_rate (a fraction; positive: long pays).
    marks : mapping of Timeframe to DataFrame
        Mark klines, per timeframe; may be empty.
    ohlcv : DataFrame
        Candles of the last price, sorted, of one timeframe.

    Returns
    -------
    DataFrame
        ts, funding_rate, mark_price (finite, above 0), price_source ("mark" or "last"). Events before the
        first candle that no mark kline prices are left out: no position can be held there.
    """
    times = funding["ts"].to_numpy()
    price = np.full(len(times), np.nan)
    source = np.full(len(times), "last", dtype=object)
    for timeframe in sorted(marks):
        klines = marks[timeframe]
        at, is_there = _exactly_at(klines["ts_open"].to_numpy(), times)
        wanted = is_there & np.isnan(price)
        price[wanted] = klines["open"].to_numpy()[at[wanted]]
        source[wanted] = "mark"
    unpriced = np.isnan(price)
    if unpriced.any():
        price[unpriced] = _last_price(ohlcv, times[unpriced])
    priced = ~np.isnan(price)
    return pd.DataFrame(
        {
            "ts": times[priced],
            "funding_rate": funding["funding_rate"].to_numpy()[priced],
            "mark_price": price[priced],
            "price_source": pd.array(source[priced], dtype="str"),
        }
    )


def _exactly_at(
    opens: npt.NDArray[np.int64],
    times: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    if not len(opens):
        return np.zeros(len(times), dtype=np.int64), np.zeros(len(times), dtype=bool)
    at = np.minimum(np.searchsorted(opens, times), len(opens) - 1)
    return at, opens[at] == times


def _last_price(ohlcv: pd.DataFrame, times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    opens = ohlcv["ts_open"].to_numpy()
    if not len(opens):
        return np.full(len(times), np.nan)
    # A candle's close is known only once it is over, and the shortest step between candles is its length.
    length = np.diff(opens).min() if len(opens) > 1 else np.inf
    at = np.searchsorted(opens, times, side="right") - 1
    is_over = times >= opens[at] + length
    price = np.where(is_over, ohlcv["close"].to_numpy()[at], ohlcv["open"].to_numpy()[at])
    return np.where(at >= 0, price, np.nan)
