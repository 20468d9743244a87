"""A folder of recorded candles, as `trade sandbox --replay` takes it: made here, for none may be tracked."""

from __future__ import annotations

from pathlib import Path

from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.timeframes import Timeframe, parse_utc

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
TIMEFRAMES = (Timeframe.M15, Timeframe.H1, Timeframe.H4)


def record_market(
    folder: Path,
    *,
    symbols: tuple[str, ...] = SYMBOLS,
    timeframes: tuple[Timeframe, ...] = TIMEFRAMES,
    first: str = "2024-10-01",
    end: str = "2025-01-01",
) -> Path:
    """Write candles, hourly mark klines and funding of a market that is not the demo's; return `folder`."""
    market, end_ms = GeneratedMarket(seed=3), parse_utc(end)
    window = RowWindow(parse_utc(first), end_ms - 1, 1_000_000)
    folder.mkdir()
    for symbol in symbols:
        for timeframe in timeframes:
            frame = market.klines(symbol, timeframe, window, end_ms).drop(columns="turnover")
            frame.to_parquet(folder / f"{symbol}_{timeframe}.parquet")
        marks = market.mark_klines(symbol, Timeframe.H1, window, end_ms)
        marks.to_parquet(folder / f"mark_{symbol}_1h.parquet")
        market.funding(symbol, window, end_ms).to_parquet(folder / f"funding_{symbol}.parquet")
    return folder
