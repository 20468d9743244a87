"""Plain data that cannot change any more: what YAML gives, with the lists and mappings made immutable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Never, override

from pydantic import BaseModel

from engine.idea_card.findings import Finding, Where


class FrozenDict[K, V](dict[K, V]):
    """A dict that refuses every change; hashable, can be pickled and compared like any other dict."""

    def _refuse(self, *_: object, **__: object) -> Never:
        raise TypeError("a card is immutable: load it again, or copy the part with dict(...)")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _refuse

    @override
    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    @override
    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        return FrozenDict, (dict(self),)


class OrderedBlock[K, V](FrozenDict[K, V]):
    """A `FrozenDict` whose order says something: equal only to one of the same order."""

    @override
    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and list(self) == list(other)  # type: ignore[call-overload]

    @override
    def __ne__(self, other: object) -> bool:
        return not self == other  # dict has one of its own

    @override
    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    @override
    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        return OrderedBlock, (dict(self),)


_SCALARS = frozenset((str, int, float, bool, type(None)))


def freeze(value: Any) -> Any:
    """Return YAML's plain data with lists as tuples and mappings as `FrozenDict`, all the way down."""
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def impure_values(value: Any, where: Where = ()) -> Iterator[Finding]:
    """Yield what YAML can write and a card cannot hold: dates, sets, infinite numbers, keys not text."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield Finding(where, f"has a key that is not text: {key!r}", "put the key in quotes")
            yield from impure_values(item, (*where, str(key)))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from impure_values(item, (*where, position))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Finding(where, "is not a finite number", "write a number", value)
    elif not isinstance(value, str | bool | int | float | None):
        yield Finding(
            where,
            f"is a {type(value).__name__}",
            "use numbers, text, lists and blocks only; quote text",
            value,
        )


def to_plain(value: Any) -> Any:
    """Return a card, or a part of one, as dicts, lists and scalars; enums by their value."""
    # Most values are scalars, and cards are made by the thousand in a sweep.
    if type(value) in _SCALARS:
        return value
    if isinstance(value, BaseModel):
        return {name: to_plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return getattr(value, "value", value)
