"""Problems of a card's features, found before anything is computed."""

from __future__ import annotations

import pytest

from engine.features.checks import check_feature
from engine.idea_card.features import FeatureSpec


def problems(indicator: str, params: dict, source: str | None = None) -> list[tuple[str, str, str]]:
    feature = FeatureSpec(indicator=indicator, params=params, source=source, tf="exec")
    return [(found.key_path, found.problem, found.way_out) for found in check_feature("mine", feature)]


def the_only_problem(indicator: str, params: dict, source: str | None = None) -> tuple[str, str, str]:
    (only,) = problems(indicator, params, source)
    return only


@pytest.mark.parametrize(
    ("indicator", "params", "source"),
    [
        ("ema", {"length": 9}, "close"),
        ("ema", {"length": 9.0}, "hl2"),
        ("atr", {"length": 14}, None),
        ("obv", {}, None),
        ("bbands", {"length": 20, "std": 2}, "volume"),
        ("kc", {"length": 20, "scalar": 1.5, "mamode": "sma"}, None),
        ("macd", {"fast": 12, "slow": 26, "signal": 9}, "close"),
    ],
)
def test_a_good_feature_has_no_problems(indicator, params, source):
    assert problems(indicator, params, source) == []


def test_an_unknown_indicator_gets_a_suggestion():
    path, problem, way_out = the_only_problem("supertrent", {"length": 7})
    assert (path, problem) == ("features.mine.indicator", "there is no such indicator")
    assert "did you mean supertrend?" in way_out


def test_a_missing_source():
    path, problem, way_out = the_only_problem("ema", {"length": 9})
    assert (path, problem) == ("features.mine.source", "is missing")
    assert "hlc3" in way_out


def test_a_source_where_none_is_taken():
    path, problem, way_out = the_only_problem("atr", {"length": 14}, "close")
    assert (path, problem) == ("features.mine.source", "is not for atr")
    assert "always reads high, low, close" in way_out


def test_a_misspelt_parameter_is_both_unknown_and_missing():
    unknown, missing = problems("ema", {"lenght": 9}, "close")
    assert unknown[:2] == ("features.mine.params.lenght", "is not a parameter of ema")
    assert "did you mean length?" in unknown[2]
    assert missing[:2] == ("features.mine.params.length", "is missing")


def test_a_parameter_where_none_is_taken():
    path, _, way_out = the_only_problem("obv", {"length": 9})
    assert path == "features.mine.params.length"
    assert "takes no parameters" in way_out


@pytest.mark.parametrize("value", [1, 0, -3, 5001, 9.5, "9", True])
def test_a_length_that_cannot_be(value):
    path, problem, way_out = the_only_problem("ema", {"length": value}, "close")
    assert (path, problem) == ("features.mine.params.length", "is not a value ema takes")
    assert way_out == "give a whole number from 2 to 5000"


@pytest.mark.parametrize("value", [0, -2.0, 101, "2"])
def test_a_factor_that_cannot_be(value):
    path, _, way_out = the_only_problem("bbands", {"length": 20, "std": value}, "close")
    assert path == "features.mine.params.std"
    assert way_out == "give a number from 0.01 to 100"


@pytest.mark.parametrize("value", ["wma", 1, True])
def test_a_choice_that_is_none(value):
    path, _, way_out = the_only_problem("kc", {"length": 20, "scalar": 2, "mamode": value})
    assert (path, way_out) == ("features.mine.params.mamode", "give one of ema, sma")


@pytest.mark.parametrize(("fast", "slow"), [(26, 12), (12, 12)])
def test_lengths_in_the_wrong_order(fast, slow):
    path, problem, _ = the_only_problem("macd", {"fast": fast, "slow": slow, "signal": 9}, "close")
    assert (path, problem) == ("features.mine.params", "fast must be < slow")


def test_every_problem_is_reported():
    found = problems("macd", {"fast": 0, "slow": "26", "smooth": 9})
    assert [path for path, _, _ in found] == [
        "features.mine.source",
        "features.mine.params.fast",
        "features.mine.params.slow",
        "features.mine.params.smooth",
        "features.mine.params.signal",
    ]
