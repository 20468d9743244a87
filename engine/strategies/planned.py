"""A card's choice of a strategy in Python, checked: is it there, in that version, with what it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import CardError, CardProblem, ConfigurationError
from engine.idea_card.frozen import to_plain
from engine.idea_card.strategy_choice import StrategyChoice
from engine.idea_card.validation import card_problems
from engine.rules.names import NameTable, Reference, UnknownName
from engine.strategies.base import BaseStrategy, StrategyParameters
from engine.strategies.registry import StrategyRegistry

_KEY = "signal_rules.strategy"


@dataclass(frozen=True)
class PlannedStrategy:
    """A strategy with its parameters and what it looks at. `new` makes one for a run."""

    strategy: type[BaseStrategy]
    parameters: StrategyParameters
    inputs: frozenset[Reference]

    @property
    def name(self) -> str:
        """What cards call it."""
        return self.strategy.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags its signals may carry."""
        return self.strategy.tags

    def new(self) -> BaseStrategy:
        """Return a fresh strategy."""
        return self.strategy(self.parameters)


def plan_strategy(choice: StrategyChoice, names: NameTable, registry: StrategyRegistry) -> PlannedStrategy:
    """Check a card's choice against the code.

    Raises
    ------
    CardError
        With every problem: there is no such strategy, its code has another version, a parameter is not one,
        or the card lacks what the strategy looks at.
    """
    try:
        strategy = registry.get(choice.name)
    except ConfigurationError as error:
        problem = CardProblem(f"{_KEY}.name", "is no strategy there is", error.way_out, choice.name)
        raise CardError("signal_rules", [problem]) from None
    plain = to_plain(choice.params)
    inputs, unknown = _resolved(strategy, names)
    wrong_values = [_below(problem) for problem in card_problems(plain, strategy.takes)]
    problems = [*_version_problems(choice, strategy), *wrong_values, *unknown]
    if problems:
        raise CardError("signal_rules", problems)
    return PlannedStrategy(strategy, strategy.takes.model_validate(plain), inputs)


def _version_problems(choice: StrategyChoice, strategy: type[BaseStrategy]) -> Iterator[CardProblem]:
    if choice.version != strategy.version:
        yield CardProblem(
            f"{_KEY}.version",
            f"is not that of the code, which is {strategy.version}",
            f"write {strategy.version}, and look at the results anew: the strategy says something else now",
            choice.version,
        )


def _below(problem: CardProblem) -> CardProblem:
    where = f"{_KEY}.params" + (f".{problem.key_path}" if problem.key_path else "")
    return CardProblem(where, problem.problem, problem.way_out, problem.value)


def _resolved(
    strategy: type[BaseStrategy], names: NameTable
) -> tuple[frozenset[Reference], list[CardProblem]]:
    found, problems = set(), []
    for text in strategy.inputs:
        try:
            found.add(names.resolve(text))
        except UnknownName as unknown:
            problem = f"looks at {text!r}, and that {unknown.problem}"
            way_out = f"give the card what {strategy.__name__} looks at: {', '.join(strategy.inputs)}"
            problems.append(CardProblem(f"{_KEY}.name", problem, way_out, strategy.name))
    return frozenset(found), problems
