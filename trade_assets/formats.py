"""Formats: how each kind of value becomes bytes that are the same whenever the value is, and back.

| value            | format  | stored as                                                              |
|------------------|---------|------------------------------------------------------------------------|
| pandas DataFrame | parquet | Parquet, zstd, without pandas metadata                                 |
| dict             | json    | JSON, keys sorted                                                      |
| BacktestResult   | run     | a folder `runs/<run id>`, shared with nobody: the run id names content |
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import pandas as pd
from upath import UPath

from engine.backtest.artifacts import MANIFEST, read_artifacts, write_artifacts
from engine.backtest.parquet import frame_from_parquet, frame_to_parquet
from engine.backtest.result import BacktestResult
from engine.errors import CorruptData
from engine.hashing import sha256_hex
from trade_assets.files import replace_file, to_json

_NAME_DIGITS = 16
RUNS_FOLDER = "runs"


class Format(Protocol):
    """How one kind of value is stored. `file` is a path below `base`."""

    name: str

    def write(self, base: UPath, folder: str, value: Any) -> tuple[str, str]:
        """Store `value` as a new object; return its file and the hash of its content."""

    def read(self, base: UPath, file: str, sha256: str) -> Any:
        """Return the object; `CorruptData` if it is missing, unreadable or not what `sha256` says."""

    def remove(self, base: UPath, file: str) -> None:
        """Delete the object if it is there."""


class _OneFile:
    """An object that is one file, named by the hash of its bytes."""

    name: str

    def write(self, base: UPath, folder: str, value: Any) -> tuple[str, str]:
        data = self.to_bytes(value)
        sha256 = sha256_hex(data)
        file = f"{folder}/{sha256[:_NAME_DIGITS]}.{self.name}"
        # Written even if a file of this name is there: it may be the damaged one that has to be mended.
        replace_file(base / file, data)
        return file, sha256

    def read(self, base: UPath, file: str, sha256: str) -> Any:
        return self.from_bytes(_read_intact(base / file, sha256), str(base / file))

    def remove(self, base: UPath, file: str) -> None:
        (base / file).unlink(missing_ok=True)

    def to_bytes(self, value: Any) -> bytes:
        raise NotImplementedError

    def from_bytes(self, data: bytes, path: str) -> Any:
        raise NotImplementedError


class ParquetFormat(_OneFile):
    """Frames."""

    name = "parquet"

    def to_bytes(self, value: pd.DataFrame) -> bytes:
        """Return the frame as Parquet; its index is not kept."""
        return frame_to_parquet(value)

    def from_bytes(self, data: bytes, path: str) -> pd.DataFrame:
        """Return the frame with a new index."""
        return frame_from_parquet(data, path)


class JsonFormat(_OneFile):
    """Plain data."""

    name = "json"

    def to_bytes(self, value: dict[str, Any]) -> bytes:
        """Return the data as JSON."""
        return to_json(value)

    def from_bytes(self, data: bytes, path: str) -> dict[str, Any]:  # noqa: ARG002 - whole by its hash
        """Return the data."""
        found: dict[str, Any] = json.loads(data)
        return found


class RunFormat:
    """Backtests. A folder is named by its run id, and the same run id means the same bytes."""

    name = "run"

    def write(self, base: UPath, folder: str, value: BacktestResult) -> tuple[str, str]:  # noqa: ARG002
        """Store the run. One that is there already gets the same bytes again, which mends a damaged one."""
        file = f"{RUNS_FOLDER}/{value.run_id}"
        write_artifacts(value, base / file)
        return file, sha256_hex((base / file / MANIFEST).read_bytes())

    def read(self, base: UPath, file: str, sha256: str) -> BacktestResult:
        """Return the run: its manifest has to be the one that was written, and its files what that says."""
        _read_intact(base / file / MANIFEST, sha256)
        return read_artifacts(base / file)

    def remove(self, base: UPath, file: str) -> None:
        """Delete a run that is no longer current. It can be made again: same run id, same bytes."""
        folder = base / file
        if folder.exists():
            folder.fs.rm(folder.path, recursive=True)


FORMATS: dict[str, Format] = {each.name: each for each in (ParquetFormat(), JsonFormat(), RunFormat())}


def format_of(value: Any) -> Format:
    """Return the format for `value`.

    Raises
    ------
    TypeError
        If there is none.
    """
    if isinstance(value, pd.DataFrame):
        return FORMATS["parquet"]
    if isinstance(value, BacktestResult):
        return FORMATS["run"]
    if isinstance(value, dict):
        return FORMATS["json"]
    raise TypeError(f"no artifact format for {type(value).__name__}; use a frame, a dict or a BacktestResult")


def format_called(name: str) -> Format:
    """Return the format a pointer names.

    Raises
    ------
    CorruptData
        If there is none of that name.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise CorruptData(f"there is no artifact format {name!r}") from None


def _read_intact(path: UPath, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CorruptData(f"the file {path} is gone") from None
    found = sha256_hex(data)
    if found != sha256:
        raise CorruptData(f"the file {path} is damaged: its SHA-256 is {found[:12]}…, not {sha256[:12]}…")
    return data
