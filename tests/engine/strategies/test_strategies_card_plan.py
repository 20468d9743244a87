"""What a card's own file cannot tell: indicators, references and levels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.errors import CardError
from engine.rules.names import Reference
from engine.settings import PROJECT_ROOT
from engine.strategies.card_plan import load_plan, load_plans

sys.path.insert(0, str(Path(__file__).parents[1] / "backtest"))
from backtest_case import CARD


def refusal(tmp_path: Path, *changes: tuple[str, str]) -> str:
    text = CARD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(CardError) as caught:
        load_plan(path)
    return str(caught.value)


def test_shipped_cards_all_have_a_plan() -> None:
    folder = load_plans(PROJECT_ROOT / "idea_cards")
    assert folder.errors == {}
    assert len(folder.plans) >= 3


def test_plan_lists_features_and_warm_up_by_role(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(CARD)
    plan = load_plan(tmp_path / "card.yaml")
    assert set(plan.features_of("exec")) == {"fast", "slow", "atr"}
    assert set(plan.features_of("htf")) == {"trend"}
    # the slow average is known from its 12th bar on, and a crossing looks at the bar before too
    assert plan.warmup_bars("exec") in (11, 12)
    assert plan.warmup_bars("htf") == 7
    assert len(plan.system_hash) == 64


def test_unknown_indicator(tmp_path: Path) -> None:
    message = refusal(tmp_path, ("indicator: atr", "indicator: art"))
    assert "card.yaml" in message
    assert "features.atr.indicator" in message
    assert "'art'" in message
    assert "atr" in message.split("'art'")[1]


def test_missing_and_impossible_parameters(tmp_path: Path) -> None:
    message = refusal(tmp_path, ("{length: 5}", "{}"), ("{length: 12}", "{length: 0}"))
    assert "features.fast.params.length: is missing" in message
    assert "features.slow.params.length" in message


def test_condition_naming_a_feature_that_does_not_exist(tmp_path: Path) -> None:
    message = refusal(
        tmp_path, ("[fast, cross_above, slow], [close@htf", "[fats, cross_above, slow], [close@htf")
    )
    assert "signal_rules.entry_long" in message
    assert "fats" in message
    assert "fast" in message


def test_a_distance_needs_a_feature_of_one_output(tmp_path: Path) -> None:
    message = refusal(
        tmp_path,
        (
            "{indicator: atr, params: {length: 10}, tf: exec}",
            "{indicator: adx, params: {length: 10}, tf: exec}",
        ),
    )
    assert "risk_model.stop_loss.feature" in message
    assert "an order needs one value here: does not say which part of atr" in message
    assert "it can be atr.adx, atr.dmp, atr.dmn" in message


def test_a_distance_may_be_one_output_of_a_feature(tmp_path: Path) -> None:
    text = CARD.replace("{indicator: atr, params: {length: 10}", "{indicator: adx, params: {length: 10}")
    path = tmp_path / "card.yaml"
    path.write_text(text.replace("value: 2.0, feature: atr", "value: 2.0, feature: atr.adx"))
    assert load_plan(path).level_references == (Reference("atr.adx", "exec", 0),)


ORDERS = (
    (
        "trend: {",
        "channel: {indicator: donchian, params: {lower_length: 30, upper_length: 20}, tf: htf}\n  trend: {",
    ),
    (
        "stop_loss: {type: atr_multiple, value: 2.0, feature: atr}",
        "stop_loss: {type: structure, long: channel.lower, short: channel.upper}",
    ),
    (
        "sizing: {model: risk_based, risk_pct: 1.0}",
        "sizing: {model: volatility_target, annual_volatility_pct: 20, feature: atr}",
    ),
)


def test_the_orders_features_are_references_and_warm_up(tmp_path: Path) -> None:
    text = CARD
    for old, new in ORDERS:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "card.yaml"
    path.write_text(text)
    plan = load_plan(path)
    assert plan.level_references == (
        Reference("channel.lower", "htf", 0),
        Reference("channel.upper", "htf", 0),
        Reference("atr", "exec", 0),
    )
    assert set(plan.level_references) <= plan.references()
    # a channel of 30 bars is known from its 30th on: 29 rows before it
    assert plan.warmup_bars("htf") == 29
    assert plan.warmup_bars("exec") in (11, 12)


def test_a_level_names_an_output_the_feature_has(tmp_path: Path) -> None:
    message = refusal(tmp_path, *ORDERS, ("long: channel.lower", "long: channel.low"))
    assert "risk_model.stop_loss.long: an order needs one value here: channel has no part low" in message
    assert "channel.lower" in message


def test_a_level_of_a_single_value_has_no_parts(tmp_path: Path) -> None:
    message = refusal(tmp_path, *ORDERS, ("long: channel.lower", "long: atr.lower"))
    assert "atr has one value and no parts" in message
    assert "write atr" in message


def test_a_place_in_a_ladder_is_told_with_its_line(tmp_path: Path) -> None:
    ladder = """take_profit:
    - {type: rr_ratio, value: 1, portion_pct: 50}
    - {type: atr_multiple, value: 3, feature: channel, portion_pct: 50}"""
    message = refusal(tmp_path, *ORDERS, ("take_profit: {type: rr_ratio, value: 2.0}", ladder))
    line = (tmp_path / "card.yaml").read_text().splitlines().index(ladder.splitlines()[2]) + 1
    assert f"line {line}, risk_model.take_profit[1].feature" in message
    assert "does not say which part of channel" in message


def test_a_bad_card_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(CARD)
    (tmp_path / "worse.yaml").write_text(
        CARD.replace("indicator: atr", "indicator: art").replace("id: cross", "id: x")
    )
    (tmp_path / "bad.yaml").write_text("id: [")
    folder = load_plans(tmp_path)
    assert set(folder.plans) == {"cross"}
    assert set(folder.errors) == {"worse.yaml", "bad.yaml"}


EVERYTHING_WRONG = (
    ("  leverage: 3\n", "  leverage: 0\n"),
    ("ema_fast:  {indicator: ema,", "ema_fast:  {indicator: emma,"),
    ("ema_slow:  {indicator: ema, params: {length: 21}", "ema_slow:  {indicator: ema, params: {lenght: 21}"),
    (
        "vol_avg:   {indicator: sma, params: {length: 20}, source: volume",
        "vol_avg:   {indicator: sma, source: vol",
    ),
    ("- [ema_fast, cross_above, ema_slow] ", "- [ema_fats, cross_above, ema_slow] "),
    ("[rsi_1h, between, [40, 70]]", "[rsi_1h.upper, between, [70, 40]]"),
    ("cooldown_bars: 2 ", "cooldwn_bars: 2 "),
    ("feature: atr}", "feature: art}"),
)


def test_mistakes_everywhere_are_told_at_once_and_hide_only_what_looks_at_them(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "idea_cards" / "trend_pullback.yaml").read_text()
    for written, wrong in EVERYTHING_WRONG:
        assert text.count(written) == 1
        text = text.replace(written, wrong)
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(CardError) as caught:
        load_plan(path)
    told = {problem.key_path: problem for problem in caught.value.problems}
    assert list(told) == [
        "account.leverage",
        "features.ema_fast.indicator",
        "features.ema_slow.params.lenght",
        "features.ema_slow.params.length",
        "features.vol_avg.params",
        "features.vol_avg.source",
        "signal_rules.entry_long.all[1][0]",
        "signal_rules.entry_long.all[2][0]",
        "signal_rules.entry_long.all[2][2]",
        "position_policy.cooldown_bars",
        "position_policy.cooldwn_bars",
        "risk_model.stop_loss.feature",
    ]
    lines = text.splitlines()
    assert all(str(problem).startswith("line ") for problem in told.values())
    assert "emma" in lines[told["features.ema_fast.indicator"].line - 1]
    assert "did you mean ema_fast?" in told["signal_rules.entry_long.all[1][0]"].way_out
    assert len(str(told["features.ema_fast.indicator"])) < 300
    folder = load_plans(tmp_path)
    assert [p.key_path for p in folder.errors["wrong.yaml"].problems] == list(told)


def test_a_bad_feature_does_not_hide_the_rules_of_a_card_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(
        CARD.replace("indicator: ema", "indicator: emma", 1).replace("cross_above", "crosses_over")
    )
    with pytest.raises(CardError) as caught:
        load_plan(path)
    assert len(caught.value.problems) >= 2
    assert {problem.key_path.partition(".")[0] for problem in caught.value.problems} == {
        "features",
        "signal_rules",
    }


def test_a_parameter_that_is_not_declared_hides_no_feature(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    text = (PROJECT_ROOT / "idea_cards" / "trend_pullback.yaml").read_text()
    text = text.replace("between, [40, 70]]", "between, [{param: low}, 70]]").replace(
        "{indicator: atr", "{indicator: art"
    )
    path.write_text(text)
    with pytest.raises(CardError) as caught:
        load_plan(path)
    paths = [problem.key_path for problem in caught.value.problems]
    assert paths == ["features.atr.indicator", "signal_rules.entry_long.all[2][2][0]"]
