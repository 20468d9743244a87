"""Plain data: what may leave a tool. Everything in it has a JSON form."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel


def to_plain(value: Any) -> Any:
    """Return `value` as None, booleans, integers, finite floats, text, lists and dictionaries.

    NaN and infinities become None, for which JSON has no number. Enums give their value, paths their text,
    decimals their exact digits as text, NumPy scalars their Python number; characters that no encoding has
    (halves of a pair) become question marks; dataclasses and pydantic models become dictionaries; sets are
    sorted by their text, so that the order is always the same.

    Raises
    ------
    TypeError
        If something in it has no plain form. Frames and arrays have none on purpose: a tool says which part
        of a table it answers with.
    """
    if isinstance(value, Enum):
        return to_plain(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value) if value.isascii() else value.encode(errors="replace").decode()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else None
    if isinstance(value, BaseModel):
        return to_plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, PurePath):
        return to_plain(str(value))
    if isinstance(value, AbstractSet):
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [to_plain(item) for item in value]
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return to_plain(value.item())
    raise TypeError(f"{type(value).__name__} has no plain form: {value!r}")
