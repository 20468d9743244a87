"""Many cards of one space, quickly: a part that two sets share is checked and made once.

A sweep binds thousands of sets, and most of a card is the same in all of them. What is made here is what
reading the whole card would make; where that is not certain nothing is made, and the whole card is to be
read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from engine.hashing import canonical_json
from engine.idea_card.base import CardPart
from engine.idea_card.card import IdeaCard
from engine.idea_card.features import FeatureSpec
from engine.idea_card.frozen import FrozenDict, to_plain
from engine.idea_card.placeholders import filled, is_placeholder, placeholders

_FEATURES = "features"
# Small things that are made anew in no time; this many fit into a megabyte or two.
_MOST_PARTS = 2048


@dataclass(frozen=True)
class _Place:
    """A part of the card with parameters in it: a block, or one feature."""

    block: str
    feature: str | None
    template: Any
    parameters: tuple[str, ...]
    part: type[CardPart]


class Binder:
    """Makes the cards of a template, which differ in the values of its placeholders only.

    Threads may share one: at worst two of them make the same part.

    Parameters
    ----------
    card : IdeaCard
        One card of the template.
    template : dict
        The card's data, placeholders and all.
    """

    def __init__(self, card: IdeaCard, template: Any) -> None:
        self._card, self._template = card, template
        self._places = tuple(_places(template))
        reached = sum(len(list(placeholders(place.template, ("",)))) for place in self._places)
        self._reaches_all = reached == len(list(placeholders(template)))
        self._known: dict[tuple[object, ...], tuple[Any, CardPart]] = {}

    def bind(self, binding: Mapping[str, Any]) -> IdeaCard | None:
        """Return the card with the values of `binding`, or None where the whole card has to be read."""
        if not self._reaches_all:
            return None
        block: dict[str, Any] = dict(self._template)
        made: dict[str, Any] = {}
        for place in self._places:
            found = self._part(place, binding)
            if found is None:
                return None
            plain, part = found
            if place.feature is None:
                block[place.block], made[place.block] = plain, part
            else:
                if _FEATURES not in made:
                    block[_FEATURES], made[_FEATURES] = dict(block[_FEATURES]), dict(self._card.features)
                block[_FEATURES][place.feature], made[_FEATURES][place.feature] = plain, part
        if any(True for _ in IdeaCard.inconsistencies(block)):
            return None
        if _FEATURES in made:
            made[_FEATURES] = FrozenDict(made[_FEATURES])
        return self._card.model_copy(update=made)

    def _part(self, place: _Place, binding: Mapping[str, Any]) -> tuple[Any, CardPart] | None:
        values = {name: binding[name] for name in place.parameters}
        key = (place.block, place.feature, *map(_identity, values.values()))
        known = self._known.get(key)
        if known is None:
            plain = filled(place.template, {name: to_plain(value) for name, value in values.items()})
            try:
                known = plain, place.part.model_validate(plain)
            except ValidationError:
                return None
            if len(self._known) >= _MOST_PARTS:
                self._known.clear()
            self._known[key] = known
        return known


def _places(template: Any) -> Iterator[_Place]:
    for block, field in IdeaCard.model_fields.items():
        inside, kind = template.get(block), field.annotation
        if block == _FEATURES and not is_placeholder(inside):
            for name, feature in inside.items():
                if names := _parameters_in(feature):
                    yield _Place(block, name, feature, names, FeatureSpec)
        elif isinstance(kind, type) and issubclass(kind, CardPart) and not field.metadata:
            names = _parameters_in(inside)
            yield from [_Place(block, None, inside, names, kind)] if names else []


def _parameters_in(part: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(placeholder.named) for placeholder in placeholders(part, ("",))))


def _identity(value: Any) -> object:
    # true is not 1, neither by itself nor inside a list
    return (type(value), value) if isinstance(value, bool | int | float | str) else canonical_json(value)
