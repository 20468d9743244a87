"""The replay market: recorded candles of a folder of Parquet files, served as Bybit would.

| file                     | columns                                                              |
|--------------------------|----------------------------------------------------------------------|
| `SYMBOL_TF.parquet`      | `ts_open`, `open`, `high`, `low`, `close`, `volume` (base coin)       |
| `mark_SYMBOL_TF.parquet` | `ts_open`, `open`, `high`, `low`, `close`                             |
| `funding_SYMBOL.parquet` | `ts`, `funding_rate` (a fraction; positive: long pays)                |
| `oi_SYMBOL_TF.parquet`   | `ts`, `open_interest` (base coin)                                     |

`TF` is 1m … 1w; times are UTC milliseconds. Any file may be missing: its endpoint then answers an empty list.
The files carry no turnover; `volume * (open + high + low + close) / 4` stands in for it. Trading rules come
from the sandbox's catalogue, launch dates included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import ConfigurationError, CorruptData, DataError
from engine.hashing import hash_of, sha256_hex
from engine.sandbox.catalogue import CATALOGUE, Instrument
from engine.sandbox.protocol import RowWindow
from engine.timeframes import Timeframe, format_utc

_PRICES = ("open", "high", "low", "close")
_OHLCV = ("ts_open", *_PRICES, "volume")
_MARK = ("ts_open", *_PRICES)
_FUNDING = ("ts", "funding_rate")
_INTEREST = ("ts", "open_interest")

_NAME = re.compile(
    r"(?:(?P<kind>mark|oi|funding)_)?(?P<symbol>[A-Z0-9-]+)(?:_(?P<timeframe>\d+[mhdw]))?\.parquet"
)
_NAMING = (
    "name it SYMBOL_TF.parquet, mark_SYMBOL_TF.parquet, funding_SYMBOL.parquet or oi_SYMBOL_TF.parquet, "
    "or move it out of the folder"
)

Key = tuple[str, Timeframe]


@dataclass
class _Files:
    """The frames of a folder by what they hold, and the hash of each file."""

    klines: dict[Key, pd.DataFrame] = field(default_factory=dict)
    marks: dict[Key, pd.DataFrame] = field(default_factory=dict)
    interest: dict[Key, pd.DataFrame] = field(default_factory=dict)
    funding: dict[str, pd.DataFrame] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


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
        self._files = _read_folder(folder)
        if not self._files.klines:
            raise ConfigurationError(
                f"{folder} holds no candles to replay",
                way_out="put files named SYMBOL_TF.parquet into it, for example BTCUSDT_1h.parquet",
            )
        self._identity = f"sandbox:replay:{folder.resolve().name}:{hash_of(self._files.hashes)[:12]}"
        self._instruments = {
            symbol: CATALOGUE[symbol] for symbol in sorted({key[0] for key in self._files.klines})
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
        known = _known(self._files.klines, symbol, timeframe, now_ms, _OHLCV)
        rows = window.select(known, "ts_open")
        typical = (rows["open"] + rows["high"] + rows["low"] + rows["close"]) / 4.0
        return rows.assign(turnover=rows["volume"] * typical).reset_index(drop=True)

    def mark_klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return recorded mark-price candles; the bar that contains `now_ms` as in `klines`."""
        known = _known(self._files.marks, symbol, timeframe, now_ms, _MARK)
        return window.select(known, "ts_open").reset_index(drop=True)

    def funding(self, symbol: str, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """Return recorded funding events up to `now_ms`."""
        frame = self._files.funding.get(symbol, _empty(_FUNDING))
        return window.select(frame[frame["ts"] <= now_ms], "ts").reset_index(drop=True)

    def open_interest(
        self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int
    ) -> pd.DataFrame:
        """Return recorded open interest up to `now_ms`; a longer timeframe is sampled from a recorded one."""
        frame = _empty(_INTEREST)
        for recorded in sorted(key[1] for key in self._files.interest if key[0] == symbol):
            if timeframe.ms % recorded.ms == 0:
                candidate = self._files.interest[symbol, recorded]
                frame = candidate[candidate["ts"] % timeframe.ms == 0]
        return window.select(frame[frame["ts"] <= now_ms], "ts").reset_index(drop=True)


def _known(
    files: Mapping[Key, pd.DataFrame],
    symbol: str,
    timeframe: Timeframe,
    now_ms: int,
    columns: tuple[str, ...],
) -> pd.DataFrame:
    """Return what is known at `now_ms` of a recorded series, the forming bar last."""
    frame = files.get((symbol, timeframe))
    if frame is None:
        return _empty(columns)
    times = frame["ts_open"].to_numpy()
    closed = int(times.searchsorted(now_ms - timeframe.ms, side="right"))
    if closed == len(times) or times[closed] > now_ms:
        return frame.iloc[:closed]
    forming = _forming(files, symbol, timeframe, frame.iloc[closed], now_ms)
    return pd.concat([frame.iloc[:closed], forming[list(columns)]], ignore_index=True)


def _forming(
    files: Mapping[Key, pd.DataFrame], symbol: str, timeframe: Timeframe, row: pd.Series, now_ms: int
) -> pd.DataFrame:
    """Return the bar of `row` as it stands at `now_ms`: the finest file's candles closed since its open.

    Without a finer file nothing but its open is known, and it stands flat with no volume; the recorded high,
    low and close lie in the future.
    """
    ts_open, price = int(row["ts_open"]), float(row["open"])
    bar: dict[str, float] = dict.fromkeys(_PRICES, price) | {"volume": 0.0}
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


def _read_folder(folder: Path) -> _Files:
    files = _Files()
    for path in sorted(folder.glob("*.parquet")):
        match = _NAME.fullmatch(path.name)
        if match is None or (match["kind"] != "funding") != (match["timeframe"] is not None):
            raise DataError(f"{path}: the name does not say what is in it", way_out=_NAMING)
        symbol = match["symbol"]
        if symbol not in CATALOGUE:
            raise DataError(
                f"{path}: the sandbox has no trading rules for {symbol}",
                way_out=f"replay symbols it knows ({', '.join(sorted(CATALOGUE))}), or add its rules to "
                "engine/sandbox/catalogue.py",
            )
        files.hashes[path.name] = sha256_hex(path.read_bytes())
        if match["kind"] == "funding":
            files.funding[symbol] = _read(path, _FUNDING)
            continue
        key = (symbol, _timeframe_of(path, match["timeframe"]))
        if match["kind"] == "oi":
            files.interest[key] = _read(path, _INTEREST, on_grid=key[1])
        elif match["kind"] == "mark":
            files.marks[key] = _read(path, _MARK, on_grid=key[1])
        else:
            files.klines[key] = _read(path, _OHLCV, on_grid=key[1])
    return files


def _timeframe_of(path: Path, name: str) -> Timeframe:
    try:
        return Timeframe.parse(name)
    except ConfigurationError as error:
        raise DataError(f"{path}: {error.problem}", way_out=error.way_out) from None


def _read(path: Path, columns: tuple[str, ...], *, on_grid: Timeframe | None = None) -> pd.DataFrame:
    """Return the checked frame of one file.

    Raises
    ------
    DataError
        If a column is missing or a row cannot be right.
    CorruptData
        If the file is not Parquet or is torn.
    """
    import pyarrow

    try:
        frame = pd.read_parquet(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise CorruptData(
            f"{path} cannot be read as Parquet: {error}",
            way_out="fetch the file again, or move it out of the folder",
        ) from error
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path}: column {missing[0]} is missing (found: {', '.join(map(str, frame.columns))})",
            way_out=f"the columns must be {', '.join(columns)}",
        )
    frame = frame[list(columns)].reset_index(drop=True)
    _check(path, frame, on_grid)
    return frame.astype({name: np.int64 if name.startswith("ts") else np.float64 for name in columns})


def _check(path: Path, frame: pd.DataFrame, on_grid: Timeframe | None) -> None:
    key = str(frame.columns[0])
    if len(frame) == 0:
        raise DataError(f"{path} holds no rows", way_out="fetch the file again, or move it out of the folder")
    for name in frame.columns:
        if frame[name].dtype.kind not in ("i" if name == key else "if"):
            wanted = "UTC milliseconds as int64" if name == key else "numbers"
            raise DataError(f"{path}: column {name} is {frame[name].dtype}", way_out=f"it must hold {wanted}")
    times = frame[key].to_numpy()
    values = frame.drop(columns=key)
    wrong = ~np.isfinite(values.to_numpy(dtype=np.float64)).all(axis=1)
    if "high" in frame:
        body_top = frame[["open", "close", "low"]].max(axis=1)
        body_bottom = frame[["open", "close", "high"]].min(axis=1)
        wrong |= ((frame["high"] < body_top) | (frame["low"] > body_bottom) | (frame["low"] <= 0)).to_numpy()
    for name in ("volume", "open_interest"):
        if name in frame:
            wrong |= (frame[name] < 0).to_numpy()
    out_of_order = np.diff(times, prepend=times[:1] - 1) <= 0
    off_grid = (
        times != np.array([on_grid.floor(int(ts)) for ts in times]) if on_grid else np.zeros_like(wrong)
    )
    for fault, what in (
        (out_of_order, "is not later than the row before it"),
        (off_grid, f"does not open on the {on_grid} grid"),
        (wrong, "holds values that cannot be right"),
    ):
        if fault.any():
            row = int(np.flatnonzero(fault)[0])
            raise DataError(
                f"{path}: row {row} ({format_utc(int(times[row]))}) {what}: {frame.iloc[row].to_dict()}",
                way_out="mend or fetch the file again",
            )
