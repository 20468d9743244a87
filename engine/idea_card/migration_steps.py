"""What changed in the card language from version to version, and what that asks of a file.

`STEPS[0]` leads from version 1 to 2, and so on. To change the language so that old files no longer mean what
they said, add a step: everything else (the refusal, `trade cards migrate`) follows from it. A step never
changes once it is released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.idea_card.base import at
from engine.idea_card.findings import Where
from engine.idea_card.level_features import level_features_in
from engine.idea_card.placeholders import PARAMETERS, is_placeholder

type Data = Mapping[str, Any]


@dataclass(frozen=True)
class Rewrite:
    """One word to write in place of another: in a key, or in a value."""

    where: Where
    in_key: bool
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """One thing an old file has to change: where, why, what to write by hand, and every place of it."""

    key_path: str
    problem: str
    way_out: str
    rewrites: tuple[Rewrite, ...]


type Step = Callable[[Data], Sequence[Change]]
"""The way from one version of the language to the next: what a file of the older one has to change."""


# The words that version 2 gave to the market, the calendar and the open position; version 1 left them to
# features.
_WORDS_OF_2 = (
    "funding_rate",
    "open_interest",
    "open_interest_change",
    "hour",
    "minute",
    "weekday",
    "bars_in_trade",
    "unrealised_r",
    "unrealised_pct",
    "entry_price",
)
_STRATEGY = ("signal_rules", "strategy")


def _features_called_as_words_of_2(data: Data) -> list[Change]:
    features = data.get("features")
    if not isinstance(features, Mapping):
        return []
    found = []
    for name in features:
        if name in _WORDS_OF_2:
            new = _free_name(name, features)
            by_hand = f"call the feature {new}, here and where it is used"
            if at(data, *_STRATEGY) is not None:
                by_hand += " (the strategy in Python that looks at it, too)"
            found.append(
                Change(
                    f"features.{name}",
                    "is a word of the card language since version 2, so no feature can have this name",
                    by_hand,
                    tuple(_uses_of_feature(data, name, new)),
                )
            )
    return found


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    endings = ("_feature", *(f"_feature_{number}" for number in range(2, len(taken) + 3)))
    return next(name + ending for ending in endings if name + ending not in taken)


def _uses_of_feature(data: Data, name: str, new: str) -> Iterator[Rewrite]:
    """Yield every place of a file of version 1 that says the name of a feature."""
    yield Rewrite(("features", name), True, name, new)
    for where, text in _texts(data.get("signal_rules"), ("signal_rules",)):
        if _names(text, name):
            yield Rewrite(where, False, name, new)
    for where, text in level_features_in(data):
        if _names(text, name):
            yield Rewrite(where, False, name, new)
    # A parameter may stand for the name of a feature.
    for where, text in _texts(data.get(PARAMETERS), (PARAMETERS,)):
        if _names(text, name):
            yield Rewrite(where, False, name, new)


def _names(text: str, name: str) -> bool:
    # alone, an output of it, or some bars back
    return text == name or text.startswith((f"{name}.", f"{name}["))


def _texts(value: Any, where: Where) -> Iterator[tuple[Where, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping) and not is_placeholder(value):
        for key, item in value.items():
            if (*where, key) != _STRATEGY:
                yield from _texts(item, (*where, str(key)))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _texts(item, (*where, position))


STEPS: tuple[Step, ...] = (_features_called_as_words_of_2,)
"""The steps, in order: the first leads from version 1 to version 2."""
