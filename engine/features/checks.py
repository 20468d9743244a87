"""Checks a card's features against the catalogue, before anything is computed."""

from __future__ import annotations

from engine.errors import CardProblem
from engine.features.registry import INDICATORS
from engine.features.spec import IndicatorSpec
from engine.idea_card.features import SOURCES, FeatureSpec
from engine.idea_card.findings import did_you_mean


def check_feature(name: str, feature: FeatureSpec) -> list[CardProblem]:
    """Return everything that is wrong with one feature of a card; nothing if it can be computed.

    Parameters
    ----------
    name : str
        The feature's name in the card; only used for the key paths.
    feature : FeatureSpec
    """
    path = f"features.{name}"
    indicator = INDICATORS.get(feature.indicator)
    if indicator is None:
        advice = did_you_mean(feature.indicator, sorted(INDICATORS))
        return [CardProblem(f"{path}.indicator", "there is no such indicator", advice, feature.indicator)]
    return _source_problems(path, indicator, feature.source) + _param_problems(path, indicator, feature)


def _source_problems(path: str, indicator: IndicatorSpec, source: str | None) -> list[CardProblem]:
    if indicator.takes_source and source is None:
        advice = f"say what {indicator.name} is computed on: one of {', '.join(SOURCES)}"
        return [CardProblem(f"{path}.source", "is missing", advice)]
    if not indicator.takes_source and source is not None:
        advice = f"leave it out: {indicator.name} always reads {', '.join(indicator.inputs)}"
        return [CardProblem(f"{path}.source", f"is not for {indicator.name}", advice, source)]
    return []


def _param_problems(path: str, indicator: IndicatorSpec, feature: FeatureSpec) -> list[CardProblem]:
    declared = {param.name: param for param in indicator.params}
    problems = []
    for given, value in feature.params.items():
        if given not in declared:
            known = did_you_mean(given, declared) if declared else "leave it out: it takes no parameters"
            problems.append(
                CardProblem(f"{path}.params.{given}", f"is not a parameter of {indicator.name}", known, value)
            )
        elif not declared[given].accepts(value):
            problem = f"is not a value {indicator.name} takes"
            problems.append(
                CardProblem(f"{path}.params.{given}", problem, f"give {declared[given].allowed}", value)
            )
    for wanted, param in declared.items():
        if wanted not in feature.params:
            advice = f"give {param.allowed}; there is no default"
            problems.append(CardProblem(f"{path}.params.{wanted}", "is missing", advice))
    if not problems:
        for left, sign, right in indicator.disorder(feature.params):
            values = f"{left} {feature.params[left]}, {right} {feature.params[right]}"
            advice = f"choose {left} and {right} so that {left} {sign} {right}"
            problems.append(CardProblem(f"{path}.params", f"{left} must be {sign} {right}", advice, values))
    return problems
