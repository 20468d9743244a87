"""Hashing: the one place that says when two things are the same.

A hash here is the hexadecimal SHA-256 of a canonical form: key order, the spelling of a number (1, 1.0)
and the machine do not matter; every value does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return _canonical(value.value)
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.generic):
        return _canonical(value.item())
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, int):
        return value
    if isinstance(value, Sequence):
        return [_canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def canonical_json(value: Any) -> str:
    """Return the canonical JSON of plain data: sorted keys, no spaces, integral floats as integers.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, for which JSON has no form.
    """
    return json.dumps(
        _canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256_hex(data: bytes | memoryview | str) -> str:
    """Return the SHA-256 of `data` (text as UTF-8) as 64 hexadecimal digits."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def hash_of(value: Any) -> str:
    """Return the hash of plain data by its canonical JSON."""
    return sha256_hex(canonical_json(value))


def hash_of_frame(frame: pd.DataFrame) -> str:
    """Return the hash of a frame's content: column names, dtypes, row count and every value, not its index.

    Numbers are hashed by their bytes (little-endian), so two frames are equal when they are equal to the
    bit; every NaN counts as the same.
    """
    digest = hashlib.sha256()
    digest.update(f"{len(frame)}\n".encode())
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "iufb":
            numbers = np.ascontiguousarray(column.to_numpy())
            if numbers.dtype.kind == "f" and (missing := np.isnan(numbers)).any():
                numbers = np.where(missing, np.nan, numbers)
            numbers = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{name}:{numbers.dtype.str}\n".encode())
            digest.update(numbers.view(np.uint8).data)
        else:
            digest.update(f"{name}:text\n".encode())
            values = [None if gone else str(v) for v, gone in zip(column, column.isna(), strict=True)]
            digest.update(canonical_json(values).encode())
    return digest.hexdigest()
