"""The features the orders look at: for a stop, a target, an offset or a size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.idea_card.base import at
from engine.idea_card.findings import Where


def level_features_in(card: Any) -> Iterator[tuple[Where, str]]:
    """Yield the place and the name of every feature the orders of a card as plain data look at.

    The order is fixed: the stop's, the targets', the entry offset's, the sizing's. A name may come twice.
    """
    stop = at(card, "risk_model", "stop_loss")
    for key in ("feature", "long", "short"):
        yield from _named(stop, ("risk_model", "stop_loss"), key)
    targets = at(card, "risk_model", "take_profit")
    if isinstance(targets, list):
        for position, target in enumerate(targets):
            yield from _named(target, ("risk_model", "take_profit", position), "feature")
    else:
        yield from _named(targets, ("risk_model", "take_profit"), "feature")
    yield from _named(at(card, "entry_order", "offset"), ("entry_order", "offset"), "feature")
    yield from _named(at(card, "risk_model", "sizing"), ("risk_model", "sizing"), "feature")


def _named(block: Any, where: Where, key: str) -> Iterator[tuple[Where, str]]:
    name = at(block, key)
    if isinstance(name, str):
        yield (*where, key), name
