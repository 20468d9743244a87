"""The parameters around the chosen ones: a good point among bad ones is luck."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.backtest.history import History
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SweepHistory
from engine.backtest.sweep_results import SetResult
from engine.errors import ConfigurationError
from engine.idea_card.parameter_space import Binding, ParameterSpace

MOST_NEIGHBOURS = 200


@dataclass(frozen=True)
class Neighbour:
    """A set of parameters near the chosen one, how many steps away, and what it came to."""

    binding: Binding
    steps: int
    value: float


@dataclass(frozen=True)
class Neighbourhood:
    """The chosen set and those around it.

    Attributes
    ----------
    chosen : float
        The objective of the chosen set.
    neighbours : tuple of Neighbour
        Nearest first. NaN where the objective is not defined.
    """

    chosen: float
    neighbours: tuple[Neighbour, ...]

    def share_at_least(self, share: float) -> float:
        """Return which part of the neighbours reaches `share` of the chosen objective.

        1 where the chosen one is zero or less: there is nothing to hold on to. NaN without neighbours.
        """
        if not self.neighbours:
            return math.nan
        if not self.chosen > 0:
            return 1.0
        return sum(each.value >= share * self.chosen for each in self.neighbours) / len(self.neighbours)


def neighbours_of(
    space: ParameterSpace, chosen: Binding, *, radius: int, seed: int
) -> tuple[tuple[Binding, int], ...]:
    """Return the sets of the grid within `radius` steps of `chosen`, the nearest first.

    A step is to the next choice of one parameter; steps of different parameters add up. Where there are more
    than `MOST_NEIGHBOURS` so many are drawn at random, the same for the same seed.

    Raises
    ------
    ConfigurationError
        If a value of `chosen` is not one of its parameter's choices.
    """
    axes: list[list[tuple[int, object]]] = []
    for name, parameter in space.parameters.items():
        choices = list(parameter.choices)
        if chosen[name] not in choices:
            raise ConfigurationError(
                f"{chosen[name]!r} is not on the grid of parameter {name}",
                way_out="choose a set of the grid, or widen the parameter's range",
            )
        place = choices.index(chosen[name])
        near = range(max(0, place - radius), min(len(choices), place + radius + 1))
        axes.append([(abs(at - place), choices[at]) for at in near])
    found = []
    for values in itertools.product(*axes):
        steps = sum(distance for distance, _ in values)
        binding = {name: value for name, (_, value) in zip(space.parameters, values, strict=True)}
        if 0 < steps <= radius and space.holds(binding):
            found.append((binding, steps))
    if len(found) > MOST_NEIGHBOURS:
        rng = random.Random(seed)
        order = sorted(range(len(found)), key=lambda _: rng.random())[:MOST_NEIGHBOURS]
        found = [found[place] for place in sorted(order)]
    return tuple(sorted(found, key=lambda each: each[1]))


def neighbourhood(
    space: ParameterSpace,
    chosen: Binding,
    history: History,
    *,
    objective: str,
    radius: int = 2,
    seed: int = 0,
    start_ms: int | None = None,
    end_ms: int | None = None,
    workers: int = 1,
    on_swept: Callable[[SweepHistory, Sequence[SetResult]], None] | None = None,
) -> Neighbourhood:
    """Run the chosen set and those around it over a history.

    Parameters
    ----------
    space : ParameterSpace
    chosen : Binding
    history : History
    objective : str
        A metric of `BasicMetrics` of which more is better.
    radius, seed : int
        As for `neighbours_of`.
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded.
    workers : int
        Threads.
    on_swept : callable, optional
        Told of the history and the results, those of the chosen set first.

    Raises
    ------
    ConfigurationError
        As `neighbours_of` does.
    """
    near = neighbours_of(space, chosen, radius=radius, seed=seed)
    swept = SweepHistory(history, start_ms, end_ms)
    sets = [chosen, *(binding for binding, _ in near)]
    results = run_sweep(space, sets, swept, workers=workers)
    if on_swept is not None:
        on_swept(swept, results)
    first, *others = results
    return Neighbourhood(
        chosen=first.metrics[objective],
        neighbours=tuple(
            Neighbour(binding, steps, result.metrics[objective])
            for (binding, steps), result in zip(near, others, strict=True)
        ),
    )
