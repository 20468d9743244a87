"""The replay market: recorded candles of a folder of Parquet files, served as Bybit would.

| file                     | columns                                                              |
|--------------------------|----------------------------------------------------------------------|
| `SYMBOL_TF.parquet`      | `ts_open`, `open`, `high`, `low`, `close`, `volume` (base coin)       |
| `mark_SYMBOL_TF.parquet` | `ts_open`, `open`, `high`, `low`, `close`                             |
| `index_SYMBOL_TF.parquet`| `ts_open`, `open`, `high`, `low`, `close`                             |
| `funding_SYMBOL.parquet` | `ts`, `funding_rate` (a fraction; positive: long pays)                |
| `oi_SYMBOL_TF.parquet`   | `ts`, `open_interest` (base coin)                                     |

`TF` is 1m … 1w; times are UTC milliseconds. Any file may be missing: its endpoint then answers an empty list.
The files carry no turnover; `volume * (open + high + low + close) / 4` stands in for it. Trading rules come
from the sandbox's catalogue; a launch is moved before the first candle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import ConfigurationError
from engine.hashing import hash_of
from engine.sandbox.catalogue import CATALOGUE, Instrument
from engine.sandbox.protocol import RowWindow
from engine.sandbox.replay_files import (
    FUNDING_COLUMNS,
    INTEREST_COLUMNS,
    MARK_COLUMNS,
    OHLCV_COLUMNS,
    PRICES,
    Key,
    read_folder,
)
from engine.timeframes import Timeframe


class ReplayMarket:
    """A recorded market. Every file is read and checked when it is made, so a bad one is found at once.

    Parameters
    ----------
    folder : Path
        The folder with the files; folders inside it are not read.

    Raises
    ------
    ConfigurationError
        If the folder is not there or holds no candles.
    DataError
        If a file cannot be read, is not named or shaped as above, or is of a symbol without rules; the
        message names the file.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigurationError(
                f"there is no folder {folder} to replay", way_out="give a folder that exists"
            )
        self._files = read_folder(folder)
        if not self._files.klines:
            raise ConfigurationError(
                f"{folder} holds no candles to replay",
                way_out="put files named SYMBOL_TF.parquet into it, for example BTCUSDT_1h.parquet",
            )
        self._identity = f"sandbox:replay:{folder.resolve().name}:{hash_of(self._files.hashes)[:12]}"
        first_opens: dict[str, int] = {}
        for (symbol, _), frame in self._files.klines.items():
            first_ts = int(frame["ts_open"].iloc[0])
            first_opens[symbol] = min(first_ts, first_opens.get(symbol, first_ts))
        self._instruments = {
            symbol: replace(CATALOGUE[symbol], launch_ms=min(CATALOGUE[symbol].launch_ms, first_ts))
            for symbol, first_ts in sorted(first_opens.items())
        }

    @property
    def identity(self) -> str:
        """Who this market is: the folder's name and a hash of the files' content."""
        return self._identity

    @property
    def is_generated(self) -> bool:
        """Always false."""
        return False

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The instruments that have candles."""
        return self._instruments

    @property
    def last_common_close_ms(self) -> int:
        """The earliest last close over the kline files: the moment up to which every series is current."""
        return min(key[1].close(int(frame["ts_open"].iloc[-1])) for key, frame in self._files.klines.items())

    def klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return recorded candles; the bar that contains `now_ms` is made of a finer file, or of its open."""
        rows = _recorded(self._files.klines, symbol, timeframe, window, now_ms, OHLCV_COLUMNS)
        typical = (rows["open"] + rows["high"] + rows["low"] + rows["close"]) / 4.0
        return rows.assign(turnover=rows["volume"] * typical)

    def mark_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return recorded mark-price candles; the bar that contains `now_ms` as in `klines`."""
        return _recorded(self._files.marks, symbol, timeframe, window, now_ms, MARK_COLUMNS)

    def index_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return recorded index-price candles; the bar that contains `now_ms` as in `klines`."""
        return _recorded(self._files.indices, symbol, timeframe, window, now_ms, MARK_COLUMNS)

    def premium_klines(
        self,
        symbol: str,  # noqa: ARG002 - nobody records it
        timeframe: Timeframe,  # noqa: ARG002
        window: RowWindow,  # noqa: ARG002
        now_ms: int,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Return nothing: a folder holds no premium index."""
        return _empty(MARK_COLUMNS)

    def funding(self, symbol: str, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return recorded funding events up to `now_ms`."""
        frame = self._files.funding.get(symbol, _empty(FUNDING_COLUMNS))
        return window.select(frame[frame["ts"] <= now_ms], "ts").reset_index(drop=True)

    def open_interest(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return recorded open interest up to `now_ms`; a longer timeframe is sampled from a recorded one."""
        frame = _empty(INTEREST_COLUMNS)
        for recorded in sorted(key[1] for key in self._files.interest if key[0] == symbol):
            if timeframe.ms % recorded.ms == 0:
                candidate = self._files.interest[symbol, recorded]
                frame = candidate[candidate["ts"] % timeframe.ms == 0]
        return window.select(frame[frame["ts"] <= now_ms], "ts").reset_index(drop=True)


def _recorded(
    files: Mapping[Key, pd.DataFrame],
    symbol: str,
    timeframe: Timeframe,
    window: RowWindow,
    now_ms: int,
    columns: tuple[str, ...],
) -> pd.DataFrame:
    """Return the wanted rows of what is known at `now_ms` of a recorded series, the forming bar last."""
    frame = files.get((symbol, timeframe))
    if frame is None:
        return _empty(columns)
    times = frame["ts_open"].to_numpy()
    begun = frame.iloc[: int(times.searchsorted(now_ms, side="right"))]
    rows = window.select(begun, "ts_open").reset_index(drop=True)
    if len(rows) == 0 or timeframe.close(int(rows["ts_open"].iloc[-1])) <= now_ms:
        return rows
    forming = _forming(files, symbol, timeframe, rows.iloc[-1], now_ms)
    return pd.concat([rows.iloc[:-1], forming[list(columns)]], ignore_index=True)


def _forming(
    files: Mapping[Key, pd.DataFrame], symbol: str, timeframe: Timeframe, row: pd.Series, now_ms: int
) -> pd.DataFrame:
    """Return the bar of `row` as it stands at `now_ms`: the finest file's candles closed since its open.

    Without a finer file nothing but its open is known, and it stands flat with no volume; the recorded high,
    low and close lie in the future.
    """
    ts_open, price = int(row["ts_open"]), float(row["open"])
    bar: dict[str, float] = dict.fromkeys(PRICES, price) | {"volume": 0.0}
    finer = min((key[1] for key in files if key[0] == symbol), default=timeframe)
    inside = files[symbol, finer]
    inside = inside[(inside["ts_open"] >= ts_open) & (inside["ts_open"] <= now_ms - finer.ms)]
    if finer < timeframe and len(inside) > 0:
        bar["high"] = max(price, float(inside["high"].max()))
        bar["low"] = min(price, float(inside["low"].min()))
        bar["close"] = float(inside["close"].iloc[-1])
        bar["volume"] = float(inside["volume"].sum()) if "volume" in inside else 0.0
    return pd.DataFrame({"ts_open": [ts_open], **{name: [value] for name, value in bar.items()}})


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: np.zeros(0, dtype=np.int64 if name.startswith("ts") else float) for name in columns}
    )
