"""What can be said of a card's features and conditions when something else in it is wrong already.

Whoever writes a card wants to hear of every mistake at once. A block that is not in order hides the blocks
that look at it, and no others: a condition over a feature whose indicator does not exist is not judged, the
one beside it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.errors import CardError, CardProblem
from engine.features.builder import feature_outputs
from engine.features.checks import check_feature
from engine.features.registry import INDICATORS
from engine.idea_card.base import at
from engine.idea_card.features import FeatureSpec
from engine.idea_card.placeholders import placeholders
from engine.idea_card.signal_rules import SignalRules
from engine.idea_card.timeframe_config import TFConfig
from engine.idea_card.validation import card_problems
from engine.rules.names import EXEC_ROLE, NameTable
from engine.rules.parse import parse_signal_rules
from engine.timeframes import Timeframe


def problems_of_parts(data: Any) -> list[CardProblem]:
    """Return what is wrong with the features and conditions of a card as plain data that does not load."""
    raw_features, raw_rules = at(data, "features"), at(data, "signal_rules")
    features = {
        name: FeatureSpec.model_validate(raw)
        for name, raw in (raw_features.items() if isinstance(raw_features, Mapping) else ())
        if isinstance(name, str) and not card_problems(raw, FeatureSpec)
    }
    problems = [problem for name, feature in features.items() for problem in check_feature(name, feature)]
    if card_problems(at(data, "timeframes"), TFConfig) or card_problems(raw_rules, SignalRules):
        return problems
    if not isinstance(raw_features, Mapping) or any(placeholders(raw_rules, ("signal_rules",))):
        return problems
    roles = TFConfig.model_validate(at(data, "timeframes")).roles()
    rules = SignalRules.model_validate(raw_rules)
    return problems + problems_of_rules(rules, features, roles, unknown=raw_features.keys() - features.keys())


def problems_of_rules(
    rules: SignalRules,
    features: Mapping[str, FeatureSpec],
    roles: Mapping[str, Timeframe],
    unknown: Iterable[str] = (),
) -> list[CardProblem]:
    """Return what is wrong with conditions, as far as the features they name can be judged.

    Parameters
    ----------
    rules : SignalRules
    features : mapping of str to FeatureSpec
        Those that are well formed; their indicators may not exist.
    roles : mapping of str to Timeframe
        The card's timeframes.
    unknown : iterable of str
        Names of features that are not well formed.
    """
    known = {
        name: feature
        for name, feature in features.items()
        if feature.indicator in INDICATORS and feature.tf in roles
    }
    unjudged = {*unknown, *features} - known.keys()
    # Those that cannot be judged are there by name, so that a misspelt one is told from them.
    names = NameTable(
        features=dict.fromkeys(unjudged, ("",)) | {name: feature_outputs(known[name]) for name in known},
        feature_roles=dict.fromkeys(unjudged, EXEC_ROLE) | {name: known[name].tf for name in known},
        roles=roles,
    )
    try:
        parse_signal_rules(rules, names)
    except CardError as error:
        return [problem for problem in error.problems if not _names_one_of(problem.value, unjudged)]
    return []


def _names_one_of(value: object, features: set[str]) -> bool:
    return isinstance(value, str) and value.partition("[")[0].partition(".")[0] in features
