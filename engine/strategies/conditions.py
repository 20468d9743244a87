"""Conditions over two bars, as strategies in Python ask them of a snapshot."""

from __future__ import annotations

from engine.runtime.snapshot import RuntimeSnapshotView


def crosses_above(snapshot: RuntimeSnapshotView, left: str, right: str) -> bool:
    """Whether `left` is above `right` now and was not at the exec bar before; both are exec columns.

    False where a value is missing at either bar. The same as `[left, cross_above, right]` in a card; the
    inputs have to name both with [1].
    """
    value = snapshot.value
    return value(left) > value(right) and value(left, offset=1) <= value(right, offset=1)


def crosses_below(snapshot: RuntimeSnapshotView, left: str, right: str) -> bool:
    """Whether `left` is below `right` now and was not at the exec bar before; see `crosses_above`."""
    value = snapshot.value
    return value(left) < value(right) and value(left, offset=1) >= value(right, offset=1)
