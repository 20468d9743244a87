"""One way to ask for a sweep: how its sets are chosen, whether that can be, and the results ranked.

The grid, sets at random, or those a Bayesian search asks for. Who runs the sets, on how many workers, is said
by whoever asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.backtest.search import Objective, bayesian_search
from engine.backtest.sweep_history import SWEPT_METRICS
from engine.backtest.sweep_results import SetResult
from engine.errors import ConfigurationError
from engine.hashing import hash_of
from engine.idea_card.findings import did_you_mean
from engine.idea_card.frozen import to_plain
from engine.idea_card.parameter_space import Binding, ParameterSpace

MOST_SETS = 100_000
"""Sets of one sweep: more are asked for at random, or by mistake."""

MOST_SEARCHED = 5_000
"""Trials of one Bayesian search. The proposals of the first thousand take some ten seconds; of twice as many
trials they take about three times as long."""

_ID_DIGITS = 12


class Search(Enum):
    """How the sets of a sweep are chosen."""

    GRID = "grid"
    RANDOM = "random"
    BAYESIAN = "bayesian"


@dataclass(frozen=True)
class SearchRequest:
    """Which sets are asked for.

    Attributes
    ----------
    search : Search
    trials : int or None
        How many sets; of random and Bayesian.
    seed : int
        Of random and Bayesian.
    objective : str or None
        The metric a Bayesian search is after.

    Raises
    ------
    ConfigurationError
        For what says nothing with this kind of search, and for what it needs and has not.
    """

    search: Search = Search.GRID
    trials: int | None = None
    seed: int = 0
    objective: str | None = None

    def __post_init__(self) -> None:
        kind = self.search.value
        if self.objective is not None:
            refuse_unknown_metric(self.objective)
        if self.search is Search.GRID and self.trials is not None:
            raise ConfigurationError(
                f"a grid has the sets it has, and {self.trials:,} trials were asked for",
                way_out="choose them with --search random or --search bayesian, or leave --trials out",
            )
        if self.search is not Search.GRID and self.trials is None:
            raise ConfigurationError(f"a {kind} search does not end by itself", way_out="say --trials 200")
        if self.search is not Search.BAYESIAN and self.objective is not None:
            raise ConfigurationError(
                f"a {kind} search is after nothing: it runs the same sets for every objective",
                way_out=f"rank them with --by {self.objective}, or say --search bayesian",
            )
        most = MOST_SEARCHED if self.search is Search.BAYESIAN else MOST_SETS
        if self.trials is not None and self.trials > most:
            raise ConfigurationError(
                f"{self.trials:,} sets are more than the {most:,} of one {kind} search",
                way_out="ask for fewer",
            )
        if self.search is Search.BAYESIAN:
            _objective(self.objective)

    def sets(self, space: ParameterSpace) -> tuple[Binding, ...] | None:
        """Return the sets; None for a Bayesian search, which learns them on the way.

        Raises
        ------
        ConfigurationError
            If the card has no parameters, its grid is too large, or its constraints leave nothing of it.
        """
        _refuse_without_parameters(space)
        if self.search is Search.BAYESIAN:
            return None
        if self.trials is not None:
            found = space.sample(self.trials, self.seed)
        elif space.points > MOST_SETS:
            raise ConfigurationError(
                f"the grid of card {space.card.id} has {space.points:,} sets",
                way_out="choose among them (--search random --trials 1000, or --search bayesian), or narrow "
                "the ranges",
            )
        else:
            found = tuple(space.grid())
        if not found:
            raise _no_set_of(space)
        return found

    def results(
        self, space: ParameterSpace, run: Callable[[Sequence[Binding]], Sequence[SetResult]]
    ) -> tuple[SetResult, ...]:
        """Run what is asked for and return the results in the order of the sets.

        Parameters
        ----------
        space : ParameterSpace
        run : callable
            Runs sets and returns their results in the same order.

        Raises
        ------
        ConfigurationError
            As `sets` does.
        """
        sets = self.sets(space)
        if sets is not None:
            return tuple(run(sets))
        found = bayesian_search(space, self.trials or 0, self.seed, _objective(self.objective), run)
        if not found:
            raise _no_set_of(space)
        return found

    def identity(self, space: ParameterSpace, **on: Any) -> str:
        """Name a sweep by what is asked, so that asking again finds it, and asking otherwise does not.

        Parameters
        ----------
        space : ParameterSpace
        on : plain data
            What it runs on.
        """
        sets = self.sets(space)
        # More trials of one search go on where the first ended: how many they are is no part of its name.
        searched = {
            "parameters": {name: to_plain(parameter) for name, parameter in space.parameters.items()},
            "constraints": [str(constraint) for constraint in space.constraints],
            "seed": self.seed,
            "objective": self.objective,
        }
        chosen: dict[str, Any] = {"search": searched} if sets is None else {"sets": sets}
        return hash_of({"card": space.card.system_hash(), **on, **chosen})[:_ID_DIGITS]


def refuse_unknown_metric(name: str) -> None:
    """Refuse a metric that sweeps do not measure.

    Raises
    ------
    ConfigurationError
        With names that look like it.
    """
    if name not in SWEPT_METRICS:
        raise ConfigurationError(
            f"a sweep does not measure {name!r}", way_out=did_you_mean(name, SWEPT_METRICS)
        )


def ranked(results: Sequence[SetResult], by: str) -> list[SetResult]:
    """Return the results, the best first; equals in the order of the sets, the undefined last."""
    # what computes all metrics is a second of imports
    from engine.metrics.catalogue import metric_spec

    lower_is_better = metric_spec(by).better.value == "lower"

    def place(result: SetResult) -> tuple[bool, float]:
        value = result.metrics[by]
        if not math.isfinite(value):
            return True, 0.0
        return False, value if lower_is_better else -value

    return sorted(results, key=place)


def _objective(metric: str | None) -> Objective:
    from engine.metrics.catalogue import metric_spec

    if metric is None:
        raise ConfigurationError(
            "a Bayesian search has to know what it is after", way_out="say --objective sharpe"
        )
    better = metric_spec(metric).better.value
    if better == "neither":
        raise ConfigurationError(
            f"{metric} is better neither higher nor lower, so nothing can be after it",
            way_out="search for one of the others, as sharpe, and rank with --by",
        )
    return Objective(metric, better == "higher")


def _refuse_without_parameters(space: ParameterSpace) -> None:
    if not space.parameters:
        raise ConfigurationError(
            f"card {space.card.id} has no parameters to sweep",
            way_out="write {param: name} for a value, and its range under parameters: "
            "{name: {default: 9, min: 5, max: 20, step: 1}}",
        )


def _no_set_of(space: ParameterSpace) -> ConfigurationError:
    return ConfigurationError(
        f"the constraints of card {space.card.id} leave no set of its grid", way_out="loosen one of them"
    )
