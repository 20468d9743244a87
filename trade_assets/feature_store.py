"""Features by content: computed once for all cards, runs and processes that want the same of the same data.

A feature is known by its indicator, parameters and source, the symbol and timeframe, the hashes of the
artifacts it was made of and the version of the code that computes it, and by nothing of the card. Its file is
written whole under a name of its own and never changed; two processes that write the same one write the same
bytes. What is read is held against the key and the hash in its first line: a torn file or another's is not
found, and computed again.

    features/BTCUSDT/15m/7d02…/ema-5c1f….feature

A folder belongs to the hash of the candles. Candles that have moved on do not come back, so the first feature
of new ones removes the folders of those before: whoever still wanted them computes them. `prune` makes room
beyond that, the oldest first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from upath import UPath

from engine.features.builder import feature_outputs
from engine.features.inputs import FUNDING_INPUTS, OPEN_INTEREST_INPUTS, feature_inputs
from engine.features.registry import INDICATORS
from engine.features.spec import FloatArray
from engine.features.version import features_version
from engine.hashing import hash_of, sha256_hex
from engine.idea_card.features import FeatureSpec
from trade_assets.files import replace_file
from trade_assets.partitions import Partition

FOLDER = "features"
_ENDING = ".feature"
_NAME_DIGITS = 16
_DTYPE = np.dtype("<f8")
_ALIGNED = 64


@dataclass(frozen=True)
class DataHashes:
    """Hashes of what features of a partition are made of; "" for what is not at hand.

    Parameters
    ----------
    candles, funding, open_interest : str
    """

    candles: str
    funding: str = ""
    open_interest: str = ""

    def read_by(self, feature: FeatureSpec) -> dict[str, str]:
        """Return the hashes of what `feature` reads. Candles are always among it: they are its rows."""
        inputs = feature_inputs(feature)
        read = {"candles": self.candles}
        if inputs & FUNDING_INPUTS:
            read["funding"] = self.funding
        if inputs & OPEN_INTEREST_INPUTS:
            read["open_interest"] = self.open_interest
        return read


@dataclass(eq=False)
class StoredFeatures:
    """The features of one partition's data, stored below `base`. A `KnownFeatures` of `engine.features`.

    Parameters
    ----------
    base : UPath
        Where the artifacts are: a folder or an object store.
    partition : Partition
    data : DataHashes
    reused, computed : list of FeatureSpec
        What was found so far, and what was kept.
    """

    base: UPath
    partition: Partition
    data: DataHashes
    reused: list[FeatureSpec] = field(default_factory=list)
    computed: list[FeatureSpec] = field(default_factory=list)

    def find(self, feature: FeatureSpec) -> dict[str, FloatArray] | None:
        """Return the outputs of `feature` by name, or None if they are not there as they were written.

        They cannot be written to.
        """
        key = self.key(feature)
        try:
            data = self._file(feature, key).read_bytes()
        except FileNotFoundError:
            return None
        outputs = _unpacked(data, key, feature_outputs(feature))
        if outputs is not None:
            self.reused.append(feature)
        return outputs

    def keep(self, feature: FeatureSpec, outputs: Mapping[str, FloatArray]) -> None:
        """Store the outputs of `feature`."""
        key = self.key(feature)
        if not self.computed:
            self._remove_others()
        # another process may know newer candles already, and remove this folder meanwhile
        with suppress(FileNotFoundError):
            replace_file(self._file(feature, key), _packed(outputs, key))
        self.computed.append(feature)

    def key(self, feature: FeatureSpec) -> str:
        """Return what the outputs of a checked feature are known by."""
        return hash_of(
            {
                "indicator": feature.indicator,
                "params": INDICATORS[feature.indicator].bind(feature.params),
                "columns": INDICATORS[feature.indicator].columns(feature.source, feature.params),
                "symbol": self.partition.symbol,
                "timeframe": str(self.partition.timeframe),
                "data": self.data.read_by(feature),
                "version": features_version(),
            }
        )

    def _file(self, feature: FeatureSpec, key: str) -> UPath:
        return self._folder / f"{feature.indicator}-{key[:_NAME_DIGITS]}{_ENDING}"

    @cached_property
    def _folder(self) -> UPath:
        name = self.data.candles[:_NAME_DIGITS]
        return self.base.joinpath(FOLDER, self.partition.symbol, str(self.partition.timeframe), name)

    def _remove_others(self) -> None:
        """Remove the features of other candles of the partition."""
        # not there yet, in the words of a disk and of an object store; or another process was quicker
        with suppress(FileNotFoundError, NotADirectoryError):
            for other in list(self._folder.parent.iterdir()):
                if other.name != self._folder.name:
                    other.fs.rm(other.path, recursive=True)


@dataclass(frozen=True)
class Pruned:
    """What a prune removed and what it left: files and bytes."""

    removed_files: int
    removed_bytes: int
    kept_files: int
    kept_bytes: int


def prune(base: UPath, *, keep_bytes: int) -> Pruned:
    """Remove stored features, the oldest first, until at most `keep_bytes` of them are left.

    Nothing is lost by it: what is asked for again is computed again.
    """
    found = []
    for file in (base / FOLDER).rglob(f"*{_ENDING}"):
        about = file.stat()
        found.append((about.st_mtime, about.st_size, file))
    kept, removed = [0, 0], [0, 0]
    for _, size, file in sorted(found, key=lambda each: each[0], reverse=True):
        stays = kept[1] + size <= keep_bytes
        if not stays:
            file.unlink(missing_ok=True)
        count = kept if stays else removed
        count[0] += 1
        count[1] += size
    return Pruned(*removed, *kept)


def _packed(outputs: Mapping[str, FloatArray], key: str) -> bytes:
    values = np.stack([np.asarray(each, _DTYPE) for each in outputs.values()]).tobytes()
    head = json.dumps({"key": key, "outputs": list(outputs), "sha256": sha256_hex(values)}, sort_keys=True)
    # numbers begin where a processor likes to find them, so that they are read without being moved
    return head.encode().ljust(-(-(len(head) + 1) // _ALIGNED) * _ALIGNED - 1) + b"\n" + values


def _unpacked(data: bytes, key: str, names: tuple[str, ...]) -> dict[str, FloatArray] | None:
    begin = data.find(b"\n") + 1
    try:
        head: Any = json.loads(data[:begin])
    except ValueError:
        return None
    if not isinstance(head, dict) or head.get("key") != key or head.get("outputs") != list(names):
        return None
    values = memoryview(data)[begin:]
    if head.get("sha256") != sha256_hex(values) or len(values) % (_DTYPE.itemsize * len(names)):
        return None
    rows = np.frombuffer(values, _DTYPE).reshape(len(names), -1)
    return dict(zip(names, rows.astype(np.float64, copy=False), strict=True))
