"""What is wrong with a card is told with its key path, its value and what would be right."""

from __future__ import annotations

import math

import pytest
from idea_card_example import REMOVED, changed, plain_example, refusal_of

from engine.errors import CardError
from engine.idea_card.load import card_from_plain

# (where, value, key path of the problem, words of the problem, words of the way out)
CASES = {
    "unknown key": (("acount",), 1, "acount", "not a key", "did you mean account?"),
    "unknown key inside": (
        ("account", "leverge"),
        3,
        "account.leverge",
        "not a key",
        "did you mean leverage? It can be starting_equity_usdt",
    ),
    "unknown key of a stop": (
        ("risk_model", "stop_loss", "multiple"),
        2,
        "risk_model.stop_loss.multiple",
        "not a key",
        "it can be type, value, feature",
    ),
    "missing block": (("promotion",), REMOVED, "promotion", "missing", "no default"),
    "missing key": (("account", "slippage_bps"), REMOVED, "account.slippage_bps", "missing", "against the"),
    "missing key of a feature": (
        ("features", "atr", "params"),
        REMOVED,
        "features.atr.params",
        "missing",
        "{} if it has none",
    ),
    "missing value": (("account", "leverage"), None, "account.leverage", "is null", "write a number"),
    "missing stop": (("risk_model", "stop_loss"), REMOVED, "risk_model.stop_loss", "missing", "null for no"),
    "missing type": (
        ("risk_model", "sizing"),
        {"risk_pct": 1},
        "risk_model.sizing.model",
        "missing",
        "model",
    ),
    "text for a number": (("account", "leverage"), "3", "account.leverage", "is text", "write 3, without"),
    "flag for a number": (
        ("account", "fee_model", "taker_bps"),
        True,
        "account.fee_model.taker_bps",
        "must be a number, and is true or false",
        "write a number",
    ),
    "flag for a whole number": (
        ("position_policy", "cooldown_bars"),
        False,
        "position_policy.cooldown_bars",
        "must be a whole number",
        "write a whole number",
    ),
    "fraction for a whole number": (
        ("promotion", "min_trades"),
        10.5,
        "promotion.min_trades",
        "must be a whole number, and is a number with a fraction",
        "write a whole number",
    ),
    "text for a flag": (
        ("position_policy", "allow_flip"),
        "no",
        "position_policy.allow_flip",
        "text",
        "true",
    ),
    "number for text": (("description",), 3, "description", "must be text", "'3'"),
    "list for a block": (("account",), [1], "account", "must be a block of keys, and is a list", "indented"),
    "text for a list": (("symbols",), "BTCUSDT", "symbols", "must be a list", "[BTCUSDT]"),
    "block for a parameter": (
        ("features", "atr", "params", "length"),
        [14],
        "features.atr.params.length",
        "is a list",
        "one value",
    ),
    "infinite number": (("account", "slippage_bps"), math.inf, "account.slippage_bps", "finite", "number"),
    "not a number": (("promotion", "min_sharpe"), math.nan, "promotion.min_sharpe", "finite", "number"),
    "number beyond floats": (("account", "leverage"), 10**400, "account.leverage", "must be a number", ""),
    "infinity in a condition": (
        ("signal_rules", "exit_long"),
        ["close", ">", math.inf],
        "signal_rules.exit_long[2]",
        "not a finite number",
        "number",
    ),
    "unknown stop type": (
        ("risk_model", "stop_loss", "type"),
        "swing",
        "risk_model.stop_loss.type",
        "no such type",
        "it can be percent, atr_multiple, fixed_points",
    ),
    "misspelt target type": (
        ("risk_model", "take_profit", "type"),
        "rr_ration",
        "risk_model.take_profit.type",
        "no such type",
        "did you mean rr_ratio?",
    ),
    "unknown sizing": (
        ("risk_model", "sizing", "model"),
        "kelly",
        "risk_model.sizing.model",
        "no such model",
        "it can be percent_equity, fixed_usdt, risk_based",
    ),
    "unknown mode": (("position_policy", "mode"), "both", "position_policy.mode", "not known", "long_short"),
    "unknown timeframe": (("timeframes", "mtf"), "45m", "timeframes.mtf", "not a timeframe", "30m, 1h"),
    "number as a timeframe": (("timeframes", "exec"), 15, "timeframes.exec", "not a timeframe", "15m"),
    "length as a role": (("features", "atr", "tf"), "1h", "features.atr.tf", "not a timeframe role", "mtf"),
    "unknown source": (
        ("features", "bands", "source"),
        "hcl3",
        "features.bands.source",
        "not a",
        "mean hlc3",
    ),
    "feature called like a price": (
        ("features", "close"),
        {"indicator": "sma", "params": {"length": 5}, "source": "close", "tf": "exec"},
        "features.close",
        "name of a price",
        "close_feature",
    ),
    "feature with a capital": (
        ("features", "RSI"),
        {"indicator": "rsi", "params": {"length": 5}, "source": "close", "tf": "exec"},
        "features.RSI",
        "not a name",
        "small letter",
    ),
    "id with a dash": (("id",), "my-card", "id", "not a name", "small letters, digits and _"),
    "id with a digit first": (("id",), "2fast", "id", "not a name", "start with a small letter"),
    "version as a number": (("version",), 1.0, "version", "not a version", "1.0.0"),
    "no symbols": (("symbols",), [], "symbols", "empty", "at least 1"),
    "symbol twice": (("symbols", 1), "BTCUSDT", "symbols[1]", "twice", "once"),
    "inverse contract": (("symbols", 0), "BTCUSD", "symbols[0]", "not a USDT perpetual", "BTCUSDT"),
    "USDC perpetual": (("symbols", 0), "BTCPERP", "symbols[0]", "not a USDT perpetual", "BTCUSDT"),
    "dated future": (("symbols", 0), "BTC-27DEC24", "symbols[0]", "not a USDT perpetual", "BTCUSDT"),
    "dated USDT future": (
        ("symbols", 0),
        "BTCUSDT-26SEP25",
        "symbols[0]",
        "not a USDT perp",
        "dated futures",
    ),
    "symbol in small letters": (("symbols", 0), "btcusdt", "symbols[0]", "not a USDT perp", "write BTCUSDT"),
    "cross margin": (("account", "margin_mode"), "cross", "account.margin_mode", "margin", "isolated_usdt"),
    "no leverage": (("account", "leverage"), 0, "account.leverage", "must be 1 or more", "range"),
    "negative leverage": (("account", "leverage"), -3, "account.leverage", "must be 1 or more", "range"),
    "unknown regime": (
        ("account", "liquidation_regime"),
        "mark",
        "account.liquidation_regime",
        "known",
        "mark_2025",
    ),
    "negative fee": (
        ("account", "fee_model", "maker_bps"),
        -1,
        "account.fee_model.maker_bps",
        "0 or more",
        "",
    ),
    "stop below zero": (("risk_model", "stop_loss", "value"), 0, "risk_model.stop_loss.value", "above 0", ""),
    "stop at nothing": (
        ("risk_model", "stop_loss"),
        {"type": "percent", "value": 100},
        "risk_model.stop_loss.value",
        "below 100",
        "range",
    ),
    "more than all equity": (
        ("risk_model", "sizing", "risk_pct"),
        101,
        "risk_model.sizing.risk_pct",
        "100",
        "",
    ),
    "no time in trade": (
        ("position_policy", "max_bars_in_trade"),
        0,
        "position_policy.max_bars_in_trade",
        "1 or more",
        "",
    ),
    "htf equal to exec": (
        ("timeframes",),
        {"exec": "15m", "mtf": "1h", "htf": "15m"},
        None,
        "larger",
        "order",
    ),
    "timeframes in the wrong order": (
        ("timeframes",),
        {"exec": "1h", "mtf": "15m", "htf": "4h"},
        "timeframes.mtf",
        "must be larger than exec, which is 1h",
        "exec < mtf < htf",
    ),
    "timeframes that do not fit": (
        ("timeframes",),
        {"exec": "15m", "mtf": "4h", "htf": "6h"},
        "timeframes.htf",
        "is not a multiple of mtf, which is 4h",
        "use one of 12h, 1d, 1w",
    ),
    "role without a timeframe": (
        ("timeframes",),
        {"exec": "15m", "htf": "4h"},
        "features.atr.tf",
        "not among the timeframes",
        "add mtf to timeframes",
    ),
    "stop on a feature that does not exist": (
        ("risk_model", "stop_loss", "feature"),
        "art",
        "risk_model.stop_loss.feature",
        "not a feature of this card",
        "did you mean atr?",
    ),
    "target on a feature that does not exist": (
        ("risk_model", "take_profit"),
        {"type": "atr_multiple", "value": 1, "feature": "atr_slow"},
        "risk_model.take_profit.feature",
        "not a feature of this card",
        "ema_fast, atr, bands",
    ),
    "no entry for an allowed direction": (
        ("signal_rules", "entry_short"),
        REMOVED,
        "signal_rules.entry_short",
        "position_policy.mode is long_short",
        "write when to enter short",
    ),
    "flip with one direction": (
        ("position_policy", "mode"),
        "long_only",
        None,
        "has no effect with mode long_only",
        "write false",
    ),
    "rules of a direction that is not allowed": (
        ("position_policy",),
        {"mode": "long_only", "allow_flip": False, "cooldown_bars": 0, "max_bars_in_trade": None},
        None,
        "would never be used: position_policy.mode is long_only",
        "remove the rule",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_is_told_with_its_place_and_the_way_out(case, tmp_path):
    where, value, path, problem_words, way_out_words = case
    error = refusal_of(changed(where, value), tmp_path)
    assert error is not None
    assert error.source.endswith("card.yaml")
    if path is not None:
        assert [problem.key_path for problem in error.problems] == [path]
    told = [p for p in error.problems if problem_words in p.problem and way_out_words in p.way_out]
    assert told, str(error)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_no_message_is_pydantics_own(case, tmp_path):
    where, value, *_ = case
    message = "\n".join(map(str, refusal_of(changed(where, value), tmp_path).problems)).lower()
    for word in ("pydantic", "http", "input should", "field required", "discriminator", "extra inputs"):
        assert word not in message


def test_rules_of_a_direction_that_is_not_allowed_are_each_named(tmp_path):
    policy = {"mode": "short_only", "allow_flip": False, "cooldown_bars": 0, "max_bars_in_trade": None}
    error = refusal_of(changed(("position_policy",), policy), tmp_path)
    assert [p.key_path for p in error.problems] == ["signal_rules.entry_long", "signal_rules.exit_long"]


def test_break_even_does_not_move_the_stop_beyond_its_trigger():
    data = plain_example()
    data["risk_model"]["break_even"] = {"trigger_pct": 0.5, "offset_pct": 0.5}
    with pytest.raises(CardError) as caught:
        card_from_plain(data, "here")
    assert "risk_model.break_even.offset_pct" in str(caught.value)
    assert "must be below trigger_pct, which is 0.5" in str(caught.value)


@pytest.mark.parametrize("kept", ["take_profit", "sizing"])
def test_what_needs_a_stop_is_refused_without_one(kept, tmp_path):
    data = changed(("risk_model", "stop_loss"), None)
    if kept == "take_profit":
        data["risk_model"]["sizing"] = {"model": "fixed_usdt", "notional_usdt": 100}
    else:
        data["risk_model"]["take_profit"] = None
    error = refusal_of(data, tmp_path)
    key = {"take_profit": "type", "sizing": "model"}[kept]
    assert [p.key_path for p in error.problems] == [f"risk_model.{kept}.{key}"]
    assert "needs a stop_loss" in error.problems[0].problem


def test_every_problem_is_told_at_once(tmp_path):
    data = changed(("account", "leverage"), -1)
    data = changed(("symbols", 0), "BTCUSD", data)
    data = changed(("risk_model", "stop_loss", "feature"), "art", data)
    data = changed(("features", "bands", "tf"), "1h", data)
    data = changed(("signal_rules", "entry_short"), REMOVED, data)
    data = changed(("position_policy", "cooldown_bars"), REMOVED, data)
    error = refusal_of(data, tmp_path)
    assert {problem.key_path for problem in error.problems} == {
        "account.leverage",
        "symbols[0]",
        "risk_model.stop_loss.feature",
        "features.bands.tf",
        "signal_rules.entry_short",
        "position_policy.cooldown_bars",
    }


def test_the_value_is_told_where_there_is_one(tmp_path):
    [problem] = refusal_of(changed(("account", "leverage"), -3), tmp_path).problems
    assert problem.value == -3
    assert "(value: -3)" in str(problem)


def test_the_line_is_told(tmp_path):
    error = refusal_of(changed(("account", "leverage"), -3), tmp_path)
    text = (tmp_path / "card.yaml").read_text(encoding="utf-8").splitlines()
    [problem] = error.problems
    assert text[problem.line - 1].strip() == "leverage: -3"
    assert f"line {problem.line}, account.leverage" in str(error)


def test_a_missing_key_is_placed_at_its_block(tmp_path):
    error = refusal_of(changed(("account", "leverage"), REMOVED), tmp_path)
    text = (tmp_path / "card.yaml").read_text(encoding="utf-8").splitlines()
    assert text[error.problems[0].line - 1] == "account:"


@pytest.mark.parametrize("data", [[1, 2], "text", 3, True])
def test_a_card_that_is_no_block_is_refused(data):
    with pytest.raises(CardError, match=r"\(whole file\): must be a block of keys"):
        card_from_plain(data, "here")


def test_keys_that_are_not_text_are_refused():
    with pytest.raises(CardError) as refused:
        card_from_plain({**plain_example(), 3: 4, True: 5}, "here")
    assert [problem.key_path for problem in refused.value.problems] == ["3", "True"]
