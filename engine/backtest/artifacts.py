"""The files of a run: result.json, four Parquet files, and a manifest with the hash of each.

A run's folder is immutable. The manifest is written last, so a folder without one was never finished.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from fsspec import get_filesystem_class
from upath import UPath

from engine.backtest.parquet import frame_from_parquet, frame_to_parquet
from engine.backtest.result import BacktestResult
from engine.errors import ConfigurationError, CorruptData, DataNotFound
from engine.hashing import canonical_json, sha256_hex

if TYPE_CHECKING:
    import pandas as pd

FRAMES = ("trades", "fills", "equity", "funding")
RESULT, MANIFEST = "result.json", "manifest.json"


def artifact_base(uri: str) -> UPath:
    """Return the folder or the address in an object store that artifacts are kept under.

    What an object store lists is asked for anew each time: other processes write there too. Credentials come
    from the environment (for S3 `AWS_ACCESS_KEY_ID` and so on, or a profile), never with the address.

    Raises
    ------
    ConfigurationError
        If the address names credentials, or a store nothing here can talk to.
    """
    if "://" not in uri:
        return UPath(uri)
    protocol, _, rest = uri.partition("://")
    if "@" in rest.partition("/")[0]:
        raise ConfigurationError(
            f"TRADE_ARTIFACTS holds credentials in its {protocol}:// address",
            way_out="leave them out of the address and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    try:
        get_filesystem_class(protocol)
    except (ValueError, ImportError) as error:
        raise ConfigurationError(
            f"TRADE_ARTIFACTS is {uri!r}, and nothing here can talk to {protocol}://: {error}",
            way_out="use a folder or s3://bucket/path, or install the fsspec package for that store",
        ) from error
    return UPath(uri, use_listings_cache=False)


def reachable_base(uri: str) -> UPath:
    """Return `artifact_base` of an address after asking whether its bucket is there.

    Raises
    ------
    ConfigurationError
        As `artifact_base` does; or if the bucket is not there, or nobody may see it.
    """
    base = artifact_base(uri)
    if base.protocol not in ("s3", "s3a"):
        return base
    from botocore.exceptions import BotoCoreError

    try:
        base.fs.info(base.drive)
    except (OSError, BotoCoreError) as error:
        raise ConfigurationError(
            f"the bucket {base.drive} of TRADE_ARTIFACTS cannot be reached: {error}",
            way_out="create it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL where "
            "it is not Amazon's",
        ) from error
    return base


class RunFiles(Protocol):
    """What has the files of a run: its summary, and the frames of `FRAMES` under their names."""

    @property
    def run_id(self) -> str:
        """The id of the run."""

    def summary(self) -> dict[str, Any]:
        """Return everything but the frames, as plain data that JSON can hold."""


def write_artifacts(result: RunFiles, folder: UPath) -> dict[str, str]:
    """Write the files of `result` into `folder` and return the hash of each by name.

    What is there already is replaced; with the same run id it has the same bytes.
    """

    def written(name: str) -> str:
        data = _content(result, name)
        write_atomically(folder / name, data)
        return sha256_hex(data)

    folder.mkdir(parents=True, exist_ok=True)
    names = sorted((RESULT, *(f"{frame}.parquet" for frame in FRAMES)))
    # compressing and hashing let go of the interpreter, and the equity takes as long as all the others
    with ThreadPoolExecutor(2) as pool:
        hashes = dict(zip(names, pool.map(written, names), strict=True))
    write_atomically(folder / MANIFEST, canonical_json({"run_id": result.run_id, "files": hashes}).encode())
    return hashes


def read_artifacts(folder: UPath) -> BacktestResult:
    """Return the result in `folder`, after holding every file against the manifest.

    Raises
    ------
    DataNotFound, CorruptData
        As `read_files` does.
    """
    return BacktestResult.from_summary(*read_files(folder))


def read_files(folder: UPath) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Return the summary and the frames in `folder`, after holding every file against the manifest.

    Raises
    ------
    DataNotFound
        If there is no finished run.
    CorruptData
        If a file is missing or not what the manifest says.
    """
    try:
        expected_hashes = dict(json.loads((folder / MANIFEST).read_text())["files"])
    except FileNotFoundError:
        raise DataNotFound(
            f"there is no finished run in {folder}", way_out="run the backtest again"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise _corrupt(folder / MANIFEST) from None
    data = {}
    for name, expected in expected_hashes.items():
        try:
            data[name] = (folder / name).read_bytes()
        except FileNotFoundError:
            raise _corrupt(folder / name) from None
        if sha256_hex(data[name]) != expected:
            raise _corrupt(folder / name)
    frames = {name: frame_from_parquet(data[f"{name}.parquet"], str(folder / name)) for name in FRAMES}
    return json.loads(data[RESULT]), frames


def write_atomically(path: UPath, data: bytes) -> None:
    """Write `data` so that a reader sees the old content or the new, never a part."""
    if path.protocol in ("", "file"):
        temporary = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            temporary.write_bytes(data)
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)
    else:
        # An object store shows an object only once it is whole.
        path.write_bytes(data)


def _content(result: RunFiles, name: str) -> bytes:
    if name == RESULT:
        return canonical_json(result.summary()).encode()
    return frame_to_parquet(getattr(result, name.removesuffix(".parquet")))


def _corrupt(path: UPath) -> CorruptData:
    return CorruptData(
        f"{path} is missing, or is not what its manifest says", way_out="remove the folder and run it again"
    )
