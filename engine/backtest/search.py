"""Bayesian search: which sets of a parameter space to run next, learned from those that were run.

The proposals are made by Optuna's tree-structured Parzen estimator over the places of the grid, so that every
trial is a set a grid could have run as well: the same system hash, the same run id, the same journal.

Sets are asked for in batches of a fixed size and told in the order they were asked for, however many workers
run them: the same space, seed and results give the same trials on any number of threads. A search that was
interrupted is asked for again from its beginning; what the journal knows is answered from there, so it comes
to the same trials and goes on where it stopped. More trials begin with the same ones as fewer.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.backtest.sweep_results import SetResult
from engine.errors import ConfigurationError
from engine.hashing import canonical_json
from engine.idea_card.frozen import to_plain
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.idea_card.parameters import Parameter

if TYPE_CHECKING:
    import optuna

BATCH_SETS = 8
"""Sets asked for before any of them is told. Part of what makes a search repeatable: not a setting."""

STARTUP_SETS = 16
"""Sets drawn at random before the estimator says anything: two batches."""

# Where good sets are exhausted most proposals are known ones; an ask costs milliseconds.
_PROPOSALS_PER_SET = 20


@dataclass(frozen=True)
class Objective:
    """What a search is after: a metric of `SetResult.metrics`, and whether more of it is better."""

    metric: str
    higher_is_better: bool


def bayesian_search(
    space: ParameterSpace,
    trials: int,
    seed: int,
    objective: Objective,
    run: Callable[[Sequence[Binding]], Sequence[SetResult]],
) -> tuple[SetResult, ...]:
    """Run `trials` different sets, each batch chosen by what the ones before came to.

    Parameters
    ----------
    space : ParameterSpace
    trials : int
        How many sets. Where the grid has no more than that it is run whole, in its own order; where the
        constraints leave fewer, all that they leave are run.
    seed : int
        The same seed, space and results give the same sets in the same order.
    objective : Objective
        A set whose value is not a finite number counts as worse than every other.
    run : callable
        Runs sets and returns their results in the same order: `run_sweep` with everything but the sets given.

    Returns
    -------
    tuple of SetResult
        In the order they were asked for.

    Raises
    ------
    ConfigurationError
        If `trials` is not positive, or the constraints leave so little of a very large grid that not enough
        sets are found.

    Notes
    -----
    Optuna's TPESampler: Watanabe, Tree-Structured Parzen Estimator (2023), arXiv:2304.11127. A proposal that
    the constraints exclude, or that was run before, is dropped and another one asked for; where that comes to
    nothing a set of the grid is drawn at random.
    """
    if trials < 1:
        raise ConfigurationError(f"a search of {trials} trials is none", way_out="ask for at least one")
    if space.points <= trials:
        return tuple(run(tuple(space.grid())))
    proposer = _Proposer(space, seed, objective)
    results: list[SetResult] = []
    while len(results) < trials:
        batch = proposer.ask(min(BATCH_SETS, trials - len(results)))
        if not batch:
            break
        told = run([binding for _, binding in batch])
        for (trial, _), result in zip(batch, told, strict=True):
            proposer.tell(trial, result)
        results += told
    return tuple(results)


class _Proposer:
    """The study of one search: what was asked, what is known."""

    def __init__(self, space: ParameterSpace, seed: int, objective: Objective) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._space, self._seed, self._objective = space, seed, objective
        self._tried: set[str] = set()
        self._axes = {name: _axis(parameter) for name, parameter in space.parameters.items()}
        self._study = optuna.create_study(
            direction="maximize" if objective.higher_is_better else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_SETS),
        )

    def ask(self, count: int) -> list[tuple[optuna.Trial, Binding]]:
        """Return `count` sets that were not tried before, or what is left of them."""
        batch: list[tuple[optuna.Trial, Binding]] = []
        learning = True
        while len(batch) < count:
            found = self._proposed() if learning else None
            if found is None:
                # What the estimator thinks good is known by now: nothing is learned before the batch is told.
                learning = False
                found = self._drawn()
            if found is None:
                break
            self._tried.add(_identity(found[1]))
            batch.append(found)
        return batch

    def tell(self, trial: optuna.Trial, result: SetResult) -> None:
        """Let the study know what became of a set."""
        value = result.metrics[self._objective.metric]
        if math.isfinite(value):
            self._study.tell(trial, value)
        else:
            # Without a value and with no step on the way: the estimator ranks it below every finished one.
            self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)

    def _proposed(self) -> tuple[optuna.Trial, Binding] | None:
        for _ in range(_PROPOSALS_PER_SET):
            trial = self._study.ask(self._axes)
            binding = {
                name: parameter.choices[trial.params[name]]
                for name, parameter in self._space.parameters.items()
            }
            if self._space.holds(binding) and _identity(binding) not in self._tried:
                return trial, binding
            # The estimator looks at no failed trial, and its next proposal is another one.
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return None

    def _drawn(self) -> tuple[optuna.Trial, Binding] | None:
        # Of one set more than were tried one at least is new, unless there is no such set.
        place = self._seed + len(self._tried)
        sets = self._space.sample(len(self._tried) + 1, place)
        new = [binding for binding in sets if _identity(binding) not in self._tried]
        if not new:
            return None
        binding = new[int(random.Random(place).random() * len(new))]
        places = {
            name: _place(parameter, binding[name]) for name, parameter in self._space.parameters.items()
        }
        self._study.enqueue_trial(places)
        return self._study.ask(self._axes), binding


def _axis(parameter: Parameter) -> optuna.distributions.BaseDistribution:
    """Return the places of a parameter's grid: in order where its values have one, else as names."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    places = len(parameter.choices)
    if _in_order(parameter.choices):
        return IntDistribution(0, places - 1)
    return CategoricalDistribution(tuple(range(places)))


def _in_order(choices: Sequence[object]) -> bool:
    numbers = [value for value in choices if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(choices) and numbers == sorted(numbers)


def _place(parameter: Parameter, value: object) -> int:
    sought = canonical_json(to_plain(value))
    return next(
        place for place, choice in enumerate(parameter.choices) if canonical_json(to_plain(choice)) == sought
    )


def _identity(binding: Binding) -> str:
    return canonical_json(to_plain(binding))
