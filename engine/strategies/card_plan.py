"""What a card needs to run: its rules as trees, its features by timeframe, its warm-up.

A card that loads is well formed; a card that has a plan also makes sense: every indicator exists, every
condition names something the card has.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from engine.errors import CardError, CardProblem
from engine.features.builder import feature_outputs, feature_warmup
from engine.features.checks import check_feature
from engine.features.inputs import derivative_inputs, feature_inputs
from engine.idea_card.card import IdeaCard
from engine.idea_card.features import FeatureSpec
from engine.idea_card.load import load_cards, load_space, with_defaults
from engine.idea_card.parameter_space import ParameterSpace
from engine.idea_card.schema_version import version_problems
from engine.idea_card.yaml_source import key_path, line_of, read_yaml, within
from engine.rules.names import NameTable, Reference, UnknownName
from engine.rules.nodes import Lookback
from engine.rules.parse import parse_signal_rules
from engine.rules.rule_set import RuleSet
from engine.strategies.partial_check import problems_of_parts, problems_of_rules
from engine.strategies.planned import PlannedStrategy, plan_strategy
from engine.strategies.registry import STRATEGIES, StrategyRegistry
from engine.timeframes import Timeframe


@dataclass(frozen=True, eq=False)
class CardPlan:
    """A checked card with its parsed rules, or with the strategy in Python that stands in their place."""

    card: IdeaCard
    rules: RuleSet
    strategy: PlannedStrategy | None = None

    @cached_property
    def system_hash(self) -> str:
        """The card's system hash: 64 hexadecimal digits."""
        return self.card.system_hash()

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The tags its trades may carry; the number of a tag is its place here, from 1."""
        return self.rules.tags() if self.strategy is None else self.strategy.tags

    @cached_property
    def level_references(self) -> tuple[Reference, ...]:
        """The features the orders look at, in the order of the card's `level_features`."""
        return tuple(self._feature(name) for name in self.card.level_features)

    def features_of(self, role: str) -> dict[str, FeatureSpec]:
        """Return the features computed on the timeframe of `role`, by name."""
        return {name: feature for name, feature in self.card.features.items() if feature.tf == role}

    def references(self) -> frozenset[Reference]:
        """Return everything a decision may look at."""
        looked_at = self.rules.references() if self.strategy is None else self.strategy.inputs
        return looked_at.union(self.level_references)

    def inputs(self, role: str | None = None) -> frozenset[tuple[Timeframe, str]]:
        """Return what the card looks at beside candles, by timeframe: of one role, or of all.

        Its rules may name `DERIVATIVE_INPUTS`, and its features may read them and the funding of a bar.
        """
        timeframes = self.card.timeframes.roles()
        return frozenset((timeframes[of], name) for of, name in self._inputs if role in (None, of))

    @cached_property
    def _inputs(self) -> frozenset[tuple[str, str]]:
        """What the card looks at beside candles, by role."""
        named = {(each.role, each.name) for each in self.references()}
        named |= {
            (feature.tf, name) for feature in self.card.features.values() for name in feature_inputs(feature)
        }
        wanted = derivative_inputs({name for _, name in named})
        return frozenset((role, name) for role, name in named if name in wanted)

    def looks_at(self, inputs: Collection[str]) -> bool:
        """Whether the card looks at any of `inputs`, on any timeframe."""
        return any(name in inputs for _, name in self.inputs())

    def warmup_bars(self, role: str) -> int:
        """Return how many bars of `role` pass before everything the card looks at there has a value."""
        return self._warmups.get(role, 0)

    @cached_property
    def _warmups(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for each in self.rules.lookbacks().union(Lookback(each) for each in self.references()):
            role, offset = each.reference.role, each.reference.offset
            needed = offset + self._warmup(each.reference.name) + self._bars_in(each.before_ms, role)
            found[role] = max(found.get(role, 0), needed)
        return found

    def _bars_in(self, length_ms: int, role: str) -> int:
        return -(-length_ms // self.card.timeframes.timeframe(role).ms)

    def _warmup(self, column: str) -> int:
        feature = self.card.features.get(column.partition(".")[0])
        return feature_warmup(feature) if feature is not None else 0

    def _feature(self, name: str) -> Reference:
        return Reference(name, self.card.features[name.partition(".")[0]].tf, 0)


@dataclass(frozen=True)
class PlanFolder:
    """The usable cards of a folder by id, and why the other files are not usable, by file name.

    `spaces` has what each of the usable cards can be, by id.
    """

    plans: dict[str, CardPlan]
    errors: dict[str, CardError]
    spaces: dict[str, ParameterSpace] = field(default_factory=dict)


def plan_card(card: IdeaCard, strategies: StrategyRegistry = STRATEGIES) -> CardPlan:
    """Check what the card's own file cannot tell, and parse its rules.

    Parameters
    ----------
    card : IdeaCard
    strategies : StrategyRegistry, optional
        Those the card may name.

    Raises
    ------
    CardError
        With every problem of the features and the rules; or else of the strategy and the levels, too.
    """
    problems = [p for name, feature in card.features.items() for p in check_feature(name, feature)]
    if problems:
        roles = card.timeframes.roles()
        problems += problems_of_rules(card.signal_rules, card.features, roles)
        raise CardError(f"card {card.id}", problems)
    names = NameTable(
        features={name: feature_outputs(feature) for name, feature in card.features.items()},
        feature_roles={name: feature.tf for name, feature in card.features.items()},
        roles=card.timeframes.roles(),
    )
    problems = _level_problems(card, names)
    choice = card.signal_rules.strategy
    try:
        rules = parse_signal_rules(card.signal_rules, names)
        strategy = None if choice is None else plan_strategy(choice, names, strategies)
    except CardError as error:
        raise CardError(f"card {card.id}", (*error.problems, *problems)) from None
    if problems:
        raise CardError(f"card {card.id}", problems)
    return CardPlan(card, rules, strategy)


def replan(card: IdeaCard, known: CardPlan) -> CardPlan:
    """Return `plan_card(card)`, quicker where `card` differs from that of `known` in numbers only.

    Raises
    ------
    CardError
        As `plan_card` does.
    """
    before = known.card
    same_rules = card.signal_rules == before.signal_rules and card.timeframes == before.timeframes
    if same_rules and card.level_features == before.level_features and _shape(card) == _shape(before):
        changed = (name for name in card.features if card.features[name] is not before.features[name])
        if not any(check_feature(name, card.features[name]) for name in changed):
            return CardPlan(card, known.rules, known.strategy)
    return plan_card(card)


def load_plan(path: Path) -> CardPlan:
    """Load the card at `path` and plan it.

    Raises
    ------
    CardError
        With file, line, key path, value and way out of every problem; also where a parameter's range leads
        to a card that makes no sense.
    """
    return _planned(path)[0]


def _planned(path: Path) -> tuple[CardPlan, ParameterSpace]:
    try:
        space = load_space(path)
    except CardError as error:
        raise _with_problems_of_parts(path, error) from None
    try:
        plan = plan_card(space.card)
    except CardError as error:
        raise space.source.error(error.problems) from None
    problems = space.range_problems(plan_card)
    if problems:
        raise space.source.error(problems)
    return plan, space


def load_plans(folder: Path) -> PlanFolder:
    """Load and plan every card of `folder`; a bad one does not stop the others.

    Raises
    ------
    ConfigurationError
        If there is no such folder.
    """
    loaded = load_cards(folder)
    plans: dict[str, CardPlan] = {}
    spaces: dict[str, ParameterSpace] = {}
    errors = {
        filename: _with_problems_of_parts(folder / filename, error)
        for filename, error in loaded.errors.items()
    }
    for name, path in loaded.files.items():
        try:
            plans[name], spaces[name] = _planned(path)
        except CardError as error:
            errors[path.name] = error
    return PlanFolder(plans, errors, spaces)


def _with_problems_of_parts(path: Path, error: CardError) -> CardError:
    """Return the error of a card that does not load, with what else is wrong in it where that can be told."""
    if not any(problem.key_path for problem in error.problems):
        return error  # of the whole file: it cannot be read
    source = read_yaml(path)
    if version_problems(source):
        return error
    told = [problem.key_path for problem in error.problems]
    more = [
        problem
        for problem in problems_of_parts(with_defaults(source))
        if not any(within(problem.key_path, path) for path in told)
    ]
    everything = (*error.problems, *source.error(more).problems)
    return CardError(error.source, sorted(everything, key=line_of))


def _shape(card: IdeaCard) -> list[tuple[str, str, str]]:
    """Return what the names of a card's rules depend on."""
    return [(name, feature.indicator, feature.tf) for name, feature in card.features.items()]


def _level_problems(card: IdeaCard, names: NameTable) -> list[CardProblem]:
    problems = []
    for where, name in card.level_feature_places():
        try:
            names.resolve(name)
        except UnknownName as unknown:
            problem = f"an order needs one value here: {unknown.problem}"
            problems.append(CardProblem(key_path(where), problem, unknown.way_out, name))
    return problems
