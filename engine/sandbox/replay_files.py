"""Reading the Parquet files of a replay folder: every file is checked before anything of it is served."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import ConfigurationError, CorruptData, DataError
from engine.hashing import sha256_hex
from engine.sandbox.catalogue import CATALOGUE
from engine.timeframes import Timeframe, format_utc, parse_utc

PRICES = ("open", "high", "low", "close")
OHLCV_COLUMNS = ("ts_open", *PRICES, "volume")
MARK_COLUMNS = ("ts_open", *PRICES)
FUNDING_COLUMNS = ("ts", "funding_rate")
INTEREST_COLUMNS = ("ts", "open_interest")

_EARLIEST_MS = parse_utc("2009-01-01")

_NAME = re.compile(
    r"(?:(?P<kind>mark|index|oi|funding)_)?(?P<symbol>[A-Z0-9-]+)(?:_(?P<timeframe>\d+[mhdw]))?\.parquet"
)
_NAMING = (
    "name it SYMBOL_TF.parquet, mark_SYMBOL_TF.parquet, index_SYMBOL_TF.parquet, funding_SYMBOL.parquet or "
    "oi_SYMBOL_TF.parquet, or move it out of the folder"
)

Key = tuple[str, Timeframe]


@dataclass
class RecordedFiles:
    """The frames of a folder by symbol and timeframe, and the hash of each file by name."""

    klines: dict[Key, pd.DataFrame] = field(default_factory=dict)
    marks: dict[Key, pd.DataFrame] = field(default_factory=dict)
    indices: dict[Key, pd.DataFrame] = field(default_factory=dict)
    interest: dict[Key, pd.DataFrame] = field(default_factory=dict)
    funding: dict[str, pd.DataFrame] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def read_folder(folder: Path) -> RecordedFiles:
    """Return the checked content of every Parquet file in `folder`; folders inside it are not read.

    Raises
    ------
    DataError
        If a file is not named as the layout says, is of a symbol without rules, lacks a column, or holds a
        row that cannot be right.
    CorruptData
        If a file is not Parquet or is torn.
    """
    files = RecordedFiles()
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
            files.funding[symbol] = _read(path, FUNDING_COLUMNS)
            continue
        key = (symbol, _timeframe_of(path, match["timeframe"]))
        if match["kind"] == "oi":
            files.interest[key] = _read(path, INTEREST_COLUMNS, on_grid=key[1])
        elif match["kind"] == "index":
            files.indices[key] = _read(path, MARK_COLUMNS, on_grid=key[1])
        elif match["kind"] == "mark":
            files.marks[key] = _read(path, MARK_COLUMNS, on_grid=key[1])
        else:
            files.klines[key] = _read(path, OHLCV_COLUMNS, on_grid=key[1])
    return files


def _timeframe_of(path: Path, name: str) -> Timeframe:
    try:
        return Timeframe.parse(name)
    except ConfigurationError as error:
        raise DataError(f"{path}: {error.problem}", way_out=error.way_out) from None


def _read(path: Path, columns: tuple[str, ...], *, on_grid: Timeframe | None = None) -> pd.DataFrame:
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
    off_grid = (times - on_grid.floor(0)) % on_grid.ms != 0 if on_grid else np.zeros_like(wrong)
    for fault, what in (
        (times < _EARLIEST_MS, "is from before 2009: times must be UTC milliseconds, not seconds"),
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
