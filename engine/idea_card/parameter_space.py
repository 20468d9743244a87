"""What a card can be: its file with the parameters in it, and every card that binding them makes.

`engine.idea_card.load` reads a space from a file; a card without parameters is a space of one point.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.errors import CardError, CardProblem, ConfigurationError
from engine.idea_card.binding import Binder
from engine.idea_card.card import IdeaCard
from engine.idea_card.findings import did_you_mean
from engine.idea_card.frozen import freeze, to_plain
from engine.idea_card.lineage import Lineage
from engine.idea_card.parameter_constraints import Constraint
from engine.idea_card.parameters import Parameter, whole_or_not
from engine.idea_card.placeholders import PARAMETERS, filled, without_blocks
from engine.idea_card.validation import card_of
from engine.idea_card.yaml_source import YamlSource

type Binding = dict[str, Any]
"""A value for every parameter, by name, in the order the card declares them."""

_MOST_LISTED = 1_000_000
_TRIES_PER_SET = 1_000


@dataclass(frozen=True, eq=False)
class ParameterSpace:
    """A card's file, its parameters and the relations between them.

    Attributes
    ----------
    source : YamlSource
        The file, placeholders and all.
    parameters : mapping of str to Parameter
        By name, in the order of the file.
    constraints : tuple of Constraint
        What must hold of every set.
    card : IdeaCard
        The card of the defaults.
    lineage : Lineage or None
        Where the card comes from, if it was adopted from a sweep.
    """

    source: YamlSource
    parameters: Mapping[str, Parameter]
    constraints: tuple[Constraint, ...]
    card: IdeaCard
    lineage: Lineage | None = None

    @property
    def defaults(self) -> Binding:
        """The value of every parameter where nothing else is bound."""
        return {name: parameter.default for name, parameter in self.parameters.items()}

    @property
    def points(self) -> int:
        """How many sets a grid has before the constraints leave some out; 1 without parameters."""
        return math.prod(len(parameter.choices) for parameter in self.parameters.values())

    def holds(self, binding: Mapping[str, Any]) -> bool:
        """Whether the constraints allow a set that has a value for every parameter."""
        return all(constraint.holds(binding) for constraint in self.constraints)

    def grid(self) -> Iterator[Binding]:
        """Yield every set that the constraints allow: the last parameter changes first."""
        axes = [parameter.choices for parameter in self.parameters.values()]
        for values in itertools.product(*axes):
            binding = dict(zip(self.parameters, values, strict=True))
            if self.holds(binding):
                yield binding

    def sample(self, count: int, seed: int) -> tuple[Binding, ...]:
        """Return `count` different sets of the grid at random, in the grid's order; all, if it has no more.

        The same seed gives the same sets, on every machine.

        Raises
        ------
        ConfigurationError
            If `count` is not positive, or the constraints leave so little of a very large grid that `count`
            sets are not found.
        """
        if count < 1:
            raise ConfigurationError(f"a sample of {count} sets is none", way_out="ask for at least one")
        # random() is the one method whose numbers Python keeps the same from version to version
        rng = random.Random(seed)
        if self.points <= max(_MOST_LISTED, count):
            sets = list(self.grid())
            if len(sets) <= count:
                return tuple(sets)
            chosen = sorted(range(len(sets)), key=lambda _: rng.random())[:count]
            return tuple(sets[position] for position in sorted(chosen))
        axes = [parameter.choices for parameter in self.parameters.values()]
        found: set[tuple[int, ...]] = set()
        for _ in range(count * _TRIES_PER_SET):
            place = tuple(int(rng.random() * len(axis)) for axis in axes)
            if self.holds(self._at(place, axes)):
                found.add(place)
            if len(found) == count:
                return tuple(self._at(place, axes) for place in sorted(found))
        raise ConfigurationError(
            f"{self.source.name}: {len(found)} of {count} sets were found that the constraints allow, "
            f"among {self.points:,} of the grid",
            way_out="ask for fewer, narrow the ranges to where the constraints hold, or drop a constraint",
        )

    def complete(self, values: Mapping[str, Any]) -> Binding:
        """Return `values` with the defaults of the parameters left out, 9.0 as 9.

        Raises
        ------
        CardError
            If a name is no parameter, a value outside its range, or a constraint does not hold.
        """
        problems = [
            CardProblem(PARAMETERS, f"has no {name}", did_you_mean(name, self.parameters), values[name])
            for name in values
            if name not in self.parameters
        ]
        binding = self.defaults
        for name, parameter in self.parameters.items():
            if name not in values:
                continue
            binding[name] = freeze(whole_or_not(values[name]))
            if not parameter.allows(binding[name]):
                path = f"{PARAMETERS}.{name}"
                way_out = f"bind {parameter.says()}, or change the range"
                problems.append(CardProblem(path, "cannot have this value", way_out, values[name]))
        if not problems:
            problems = [
                CardProblem(
                    f"parameter_constraints[{position}]",
                    f"does not hold: {constraint}",
                    "bind values for which it holds",
                    {name: binding[name] for name in constraint.names()},
                )
                for position, constraint in enumerate(self.constraints)
                if not constraint.holds(binding)
            ]
        if problems:
            raise self.source.error(problems)
        return binding

    def bind(self, values: Mapping[str, Any]) -> IdeaCard:
        """Return the card with `values` for its parameters, and the defaults for those left out.

        Raises
        ------
        CardError
            As `complete`, or if the card cannot have these values.
        """
        return self.bind_complete(self.complete(values))

    def bind_complete(self, binding: Binding) -> IdeaCard:
        """Bind a set that `grid`, `sample` or `complete` gave, which is not checked a second time."""
        card = self._binder.bind(binding)
        if card is not None:
            return card
        return card_of(self.source, filled(self._template, to_plain(binding)))

    def range_problems(self, check: Callable[[IdeaCard], object]) -> list[CardProblem]:
        """Return the ends of ranges, and the values of lists, that `check` refuses with a CardError.

        Each is tried with every other parameter at its default; what the constraints exclude is not.
        """
        problems: list[CardProblem] = []
        for name, parameter in self.parameters.items():
            for choice in parameter.telling_choices:
                binding = self.defaults | {name: choice}
                if not self.holds(binding):
                    continue
                try:
                    check(self.bind_complete(binding))
                except CardError as error:
                    problem = _range_problem(name, parameter, choice, error.problems[0])
                    problems.append(problem)
                    break
        return problems

    @cached_property
    def _template(self) -> Any:
        return without_blocks(self.source.data)

    @cached_property
    def _binder(self) -> Binder:
        return Binder(self.card, self._template)

    def _at(self, place: tuple[int, ...], axes: list[tuple[Any, ...]]) -> Binding:
        values = (axis[position] for axis, position in zip(axes, place, strict=True))
        return dict(zip(self.parameters, values, strict=True))


def _range_problem(name: str, parameter: Parameter, choice: Any, cause: CardProblem) -> CardProblem:
    path = f"{PARAMETERS}.{name}"
    if parameter.values is not None:
        path = f"{path}.values[{parameter.values.index(choice)}]"
    elif choice in (parameter.min, parameter.max):
        path = f"{path}.{'min' if choice == parameter.min else 'max'}"
    problem = f"gives {cause.key_path} a value it cannot have: it {cause.problem}"
    return CardProblem(path, problem, f"change the range; {cause.way_out}", to_plain(choice))
