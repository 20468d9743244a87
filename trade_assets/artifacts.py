"""Artifacts: what the assets make, as immutable files under one base, a folder or an object store.

An object is written under a name that holds the hash of its bytes and is never changed afterwards. Beside it
a small pointer per partition says which object is the current one, from what it was made, and by whom;
replacing the pointer is the only moment at which anything changes, and it is atomic. So a reader sees the
old object or the new one, a killed run leaves nothing anybody would read, and many workers can write at once.

    healed_ohlcv/BTCUSDT/15m.json                     the pointer
    healed_ohlcv/BTCUSDT/15m/3f2a….parquet            the object (and the one before it)
    healed_ohlcv/BTCUSDT/15m.refused.json             why the newest attempt was refused, if it was

Knows nothing of Dagster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from upath import UPath

from engine.errors import CorruptData, DataNotFound, GateRefused
from engine.timeframes import Timeframe
from trade_assets.files import replace_file, to_json
from trade_assets.formats import format_called, format_of
from trade_assets.partitions import Partition


@dataclass(frozen=True)
class Address:
    """Where the artifact of an asset's partition is."""

    asset_key: tuple[str, ...]
    partition: Partition

    @classmethod
    def parse(cls, path: str) -> Self:
        """Return the address whose `path` this is."""
        *asset_key, symbol, timeframe = path.split("/")
        return cls(tuple(asset_key), Partition(symbol, Timeframe.parse(timeframe)))

    @property
    def path(self) -> str:
        """Path below the base: the asset key, the symbol and the timeframe."""
        return "/".join((*self.asset_key, self.partition.symbol, str(self.partition.timeframe)))

    @property
    def way_out(self) -> str:
        """The command that makes it."""
        asset = "/".join(self.asset_key)
        return (
            "materialize it: dagster asset materialize -m trade_assets.definitions "
            f"--select 'key:\"{asset}\"' --partition '{self.partition.key}'"
        )

    def __str__(self) -> str:
        return f"{'/'.join(self.asset_key)} of {self.partition}"


@dataclass(frozen=True)
class Pointer:
    """Which object is the current one of a partition.

    Parameters
    ----------
    format : str
        How to read it: "parquet", "json" or "run".
    file : str
        The object's path below the base.
    sha256 : str
        Hash of its content.
    code_version : str
        Version of the code that made it.
    inputs : mapping of str to str
        Address and hash of everything it was made from.
    dagster_run : str
        The run that made it.
    superseded : str
        The object that was current before; kept until the next one, for whoever is reading it.
    """

    format: str
    file: str
    sha256: str
    code_version: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    dagster_run: str = ""
    superseded: str = ""


class ArtifactStore:
    """The artifacts under `base`.

    Parameters
    ----------
    base : UPath
        A folder, or any address fsspec knows.
    """

    def __init__(self, base: UPath) -> None:
        self.base = base

    def write(
        self,
        address: Address,
        value: Any,
        *,
        code_version: str,
        inputs: Mapping[str, str] | None = None,
        dagster_run: str = "",
    ) -> Pointer:
        """Store `value` as the current artifact of `address` and lift a refusal that stood there.

        Raises
        ------
        TypeError
            If there is no format for such a value.
        """
        how = format_of(value)
        before = self._pointer_or_none(address)
        file, sha256 = how.write(self.base, address.path, value)
        superseded = before.file if before is not None and before.file != file else ""
        pointer = Pointer(how.name, file, sha256, code_version, dict(inputs or {}), dagster_run, superseded)
        replace_file(self.base / f"{address.path}.json", to_json(asdict(pointer)))
        (self.base / f"{address.path}.refused.json").unlink(missing_ok=True)
        if before is not None and before.superseded not in ("", file, superseded):
            how.remove(self.base, before.superseded)
        return pointer

    def read(self, address: Address) -> Any:
        """Return the current artifact of `address`.

        Raises
        ------
        DataNotFound
            If there is none.
        GateRefused
            If the newest attempt to make it was refused: what is there is no longer what should be used.
        CorruptData
            If it cannot be read, or is not what was written.
        """
        refusal = self._json_or_none(address, ".refused.json")
        if refusal is not None:
            by = f" by its check {refusal['check']!r}" if refusal.get("check") else ""
            raise GateRefused(
                f"{address} was refused{by}: {refusal.get('message')}",
                way_out=f"remove the cause, then {address.way_out}",
            )
        pointer = self.pointer(address)
        try:
            return format_called(pointer.format).read(self.base, pointer.file, pointer.sha256)
        except CorruptData as error:
            raise CorruptData(f"{address}: {error.problem}", way_out=address.way_out) from error

    def pointer(self, address: Address) -> Pointer:
        """Return what is current at `address`.

        Raises
        ------
        DataNotFound
            If nothing is.
        CorruptData
            If the pointer cannot be read.
        """
        found = self._json_or_none(address, ".json")
        if found is None:
            raise DataNotFound(f"{address} has not been made yet", way_out=address.way_out)
        try:
            return Pointer(**found)
        except TypeError as error:
            raise CorruptData(
                f"{self.base / address.path}.json is not a pointer to an artifact", way_out=address.way_out
            ) from error

    def refuse(self, address: Address, *, check: str, message: str, dagster_run: str) -> None:
        """Record that the newest attempt to make `address` was refused; readers are turned away by it."""
        verdict = {"check": check, "message": message, "dagster_run": dagster_run}
        replace_file(self.base / f"{address.path}.refused.json", to_json(verdict))

    def is_refused(self, address: Address) -> bool:
        """Whether a refusal stands at `address`."""
        return (self.base / f"{address.path}.refused.json").exists()

    def is_present(self, pointer: Pointer) -> bool:
        """Whether the object of a pointer is there; its content is not looked at."""
        return (self.base / pointer.file).exists()

    def _pointer_or_none(self, address: Address) -> Pointer | None:
        # A pointer that cannot be read must not stop the write that repairs it.
        try:
            return self.pointer(address)
        except (DataNotFound, CorruptData):
            return None

    def _json_or_none(self, address: Address, ending: str) -> dict[str, Any] | None:
        path = self.base / f"{address.path}{ending}"
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise CorruptData(f"{path} is not JSON: {error}", way_out=address.way_out) from error
        if not isinstance(found, dict):
            raise CorruptData(f"{path} does not hold what was written there", way_out=address.way_out)
        return found
