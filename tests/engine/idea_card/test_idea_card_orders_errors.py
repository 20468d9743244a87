"""Mistakes in how a card enters, adds, protects and leaves are told with their place and the way out."""

from __future__ import annotations

import pytest
from idea_card_example import REMOVED, changed, everything, refusal_of

from engine.idea_card.load import load_card

LIMIT = {"type": "limit", "offset": {"type": "percent", "value": 0.5}}
STOP = {"type": "stop", "offset": {"type": "ticks", "value": 3}}
SESSION = ("position_policy", "trading_session")
TARGETS = ("risk_model", "take_profit")


def rung(value: float, portion: float, **changes: object) -> dict[str, object]:
    return {"type": "percent", "value": value, "portion_pct": portion} | changes


# (where, value, key path of the problem, words of the problem, words of the way out)
CASES = {
    "detail as large as exec": (
        ("timeframes", "detail"),
        "15m",
        "timeframes.detail",
        "must be smaller than exec, which is 15m",
        "use one of 1m, 3m, 5m",
    ),
    "detail that does not divide exec": (
        ("timeframes",),
        {"exec": "5m", "mtf": "1h", "htf": "4h", "detail": "3m"},
        "timeframes.detail",
        "does not divide exec, which is 5m",
        "use one of 1m",
    ),
    "detail under the smallest": (
        ("timeframes",),
        {"exec": "1m", "mtf": "1h", "htf": "4h", "detail": "1m"},
        "timeframes.detail",
        "must be smaller",
        "leave it out: there is no smaller",
    ),
    "detail that is none": (("timeframes", "detail"), "10s", "timeframes.detail", "not a timeframe", "1m"),
    "feature on the detail bars": (
        ("features", "atr", "tf"),
        "detail",
        "features.atr.tf",
        "not a timeframe role",
        "exec, mtf, htf",
    ),
    "negative spread": (
        ("account", "half_spread_bps"),
        -1,
        "account.half_spread_bps",
        "must be 0 or more",
        "",
    ),
    "no participation": (
        ("account", "max_participation_pct"),
        0,
        "account.max_participation_pct",
        "must be above 0",
        "",
    ),
    "costs of the whole price": (
        ("account", "impact_bps"),
        9998,
        "account.slippage_bps",
        "is 10000.5 with half_spread_bps and impact_bps",
        "below 10000 together",
    ),
    "unknown entry": (("entry_order", "type"), "limt", "entry_order.type", "no such type", "mean limit?"),
    "no entry type": (
        ("entry_order",),
        {"offset": {"type": "ticks", "value": 3}},
        "entry_order.type",
        "missing",
        "type",
    ),
    "no entry at all": (("entry_order",), None, "entry_order", "is null", "keys"),
    "limit without an offset": (
        ("entry_order", "offset"),
        REMOVED,
        "entry_order.offset",
        "missing",
        "deciding bar's close",
    ),
    "offset of a market entry": (
        ("entry_order",),
        LIMIT | {"type": "market"},
        "entry_order.offset",
        "not a key",
        "fills at the next open",
    ),
    "expiry of a market entry": (
        ("entry_order",),
        {"type": "market", "expiry_bars": 3},
        "entry_order.expiry_bars",
        "not a key",
        "write type: limit or type: stop",
    ),
    "repricing a market entry": (
        ("entry_order",),
        {"type": "market", "reprice": "never"},
        "entry_order.reprice",
        "not a key",
        "write type: limit or type: stop",
    ),
    "time in force of a stop entry": (
        ("entry_order",),
        STOP | {"time_in_force": "gtc"},
        "entry_order.time_in_force",
        "not a key",
        "only a limit entry has one",
    ),
    "time in force of a market entry": (
        ("entry_order",),
        {"type": "market", "time_in_force": "ioc"},
        "entry_order.time_in_force",
        "not a key",
        "only a limit entry has one",
    ),
    "unknown time in force": (
        ("entry_order", "time_in_force"),
        "GTC",
        "entry_order.time_in_force",
        "not known",
        "gtc, ioc, fok, post_only",
    ),
    "expiry of an order that never rests": (
        ("entry_order",),
        LIMIT | {"time_in_force": "ioc", "expiry_bars": 3},
        "entry_order.expiry_bars",
        "has no effect with time_in_force ioc",
        "time_in_force: gtc",
    ),
    "repricing an order that never rests": (
        ("entry_order",),
        LIMIT | {"time_in_force": "fok", "reprice": "every_bar"},
        "entry_order.reprice",
        "has no effect with time_in_force fok",
        "leave it out",
    ),
    "rests for no bars": (("entry_order", "expiry_bars"), 0, "entry_order.expiry_bars", "1 or more", ""),
    "negative offset": (
        ("entry_order", "offset", "value"),
        -0.5,
        "entry_order.offset.value",
        "must be 0 or more",
        "",
    ),
    "part of a tick": (
        ("entry_order", "offset"),
        {"type": "ticks", "value": 2.5},
        "entry_order.offset.value",
        "must be a whole number",
        "whole number",
    ),
    "offset by the whole price": (
        ("entry_order", "offset"),
        {"type": "percent", "value": 100},
        "entry_order.offset.value",
        "below 100",
        "",
    ),
    "feature of a percent offset": (
        ("entry_order", "offset"),
        {"type": "percent", "value": 1, "feature": "atr"},
        "entry_order.offset.feature",
        "not a key",
        "only type: atr_multiple",
    ),
    "offset of a feature that does not exist": (
        ("entry_order", "offset", "feature"),
        "art",
        "entry_order.offset.feature",
        "not a feature of this card",
        "did you mean atr?",
    ),
    "size by a feature that does not exist": (
        ("risk_model", "sizing", "feature"),
        "natr",
        "risk_model.sizing.feature",
        "not a feature of this card",
        "did you mean atr?",
    ),
    "target on a feature that does not exist": (
        (*TARGETS, 2, "feature"),
        "ema",
        "risk_model.take_profit[2].feature",
        "not a feature of this card",
        "ema_fast",
    ),
    "level of a feature that does not exist": (
        ("risk_model", "stop_loss", "long"),
        "band.lower",
        "risk_model.stop_loss.long",
        "not a feature of this card",
        "did you mean bands?",
    ),
    "level that is no name": (
        ("risk_model", "stop_loss", "long"),
        "bands.lower[1]",
        "risk_model.stop_loss.long",
        "not a name",
        "one of its outputs as in channel.lower",
    ),
    "structure without levels": (
        ("risk_model", "stop_loss"),
        {"type": "structure"},
        None,
        "names no level",
        "long: channel.lower",
    ),
    "structure of one side in a card of two": (
        ("risk_model", "stop_loss", "short"),
        REMOVED,
        "risk_model.stop_loss.short",
        "is missing, and position_policy.mode is long_short",
        "level of a short position's stop",
    ),
    "structure with a value": (
        ("risk_model", "stop_loss", "value"),
        2,
        "risk_model.stop_loss.value",
        "not a key",
        "buffer_pct moves it",
    ),
    "structure with one feature": (
        ("risk_model", "stop_loss", "feature"),
        "atr",
        "risk_model.stop_loss.feature",
        "not a key",
        "a level for each direction",
    ),
    "negative buffer": (
        ("risk_model", "stop_loss", "buffer_pct"),
        -0.1,
        "risk_model.stop_loss.buffer_pct",
        "0 or more",
        "",
    ),
    "portions above the whole": (
        TARGETS,
        [rung(1, 50), rung(2, 50), rung(3, 10)],
        "risk_model.take_profit",
        "closes 110 % of the position",
        "100 or less together",
    ),
    "no targets": (TARGETS, [], "risk_model.take_profit", "is empty", "at least 1"),
    "five targets": (
        TARGETS,
        [rung(value, 10) for value in range(1, 6)],
        "risk_model.take_profit",
        "has 5 items",
        "at most 4",
    ),
    "a list of one whole target": (
        TARGETS,
        [rung(1, 100)],
        "risk_model.take_profit",
        "one target for everything",
        "without the list",
    ),
    "targets that do not rise": (
        TARGETS,
        [rung(2, 50), rung(2, 50)],
        "risk_model.take_profit[1].value",
        "must be above that of the target before it, which is 2",
        "nearest to the farthest",
    ),
    "target without a portion": (
        (*TARGETS, 0, "portion_pct"),
        REMOVED,
        "risk_model.take_profit[0].portion_pct",
        "is missing",
        "what was entered",
    ),
    "portion of nothing": (
        (*TARGETS, 1, "portion_pct"),
        0,
        "risk_model.take_profit[1].portion_pct",
        "above 0",
        "",
    ),
    "portion of a single target": (
        TARGETS,
        rung(2, 50),
        "risk_model.take_profit.portion_pct",
        "not a key",
        "only a list of targets has portions",
    ),
    "misspelt target in a list": (
        (*TARGETS, 1, "type"),
        "rr",
        "risk_model.take_profit[1].type",
        "no such type",
        "rr_ratio",
    ),
    "text in a list of targets": ((*TARGETS, 1), "2R", "risk_model.take_profit[1]", "block of keys", ""),
    "text for targets": (TARGETS, "2R", "risk_model.take_profit", "must be a block of keys", ""),
    "time stop after the end": (
        ("risk_model", "time_stop", "bars"),
        192,
        "risk_model.time_stop.bars",
        "position_policy.max_bars_in_trade is 192",
        "fewer bars here",
    ),
    "time stop without a profit": (
        ("risk_model", "time_stop", "min_profit_pct"),
        REMOVED,
        "risk_model.time_stop.min_profit_pct",
        "missing",
        "may be negative",
    ),
    "cap of no leverage": (
        ("risk_model", "max_effective_leverage"),
        0,
        "risk_model.max_effective_leverage",
        "above 0",
        "",
    ),
    "no adds": (
        ("position_policy", "scale_in", "max_adds"),
        0,
        "position_policy.scale_in.max_adds",
        "1 or more",
        "",
    ),
    "adds without a limit": (
        ("position_policy", "scale_in", "max_adds"),
        REMOVED,
        "position_policy.scale_in.max_adds",
        "missing",
        "How many times at most",
    ),
    "minutes for an hour": (
        (*SESSION, "start"),
        1200,
        "position_policy.trading_session.start",
        "not a time of day",
        'write hours and minutes, as in "08:00"',
    ),
    "an hour that is none": (
        (*SESSION, "start"),
        "24:00",
        "position_policy.trading_session.start",
        "not a time of day",
        '"08:00"',
    ),
    "an hour without minutes": (
        (*SESSION, "end"),
        "8",
        "position_policy.trading_session.end",
        "not a time of day",
        '"08:00"',
    ),
    "session of no length": (
        (*SESSION, "end"),
        "22:00",
        "position_policy.trading_session.end",
        "same as start",
        'start: "00:00" and end: "24:00"',
    ),
    "a day twice": (
        (*SESSION, "weekdays"),
        ["mon", "tue", "mon"],
        "position_policy.trading_session.weekdays[2]",
        "twice",
        "once",
    ),
    "a day in full": (
        (*SESSION, "weekdays", 0),
        "monday",
        "position_policy.trading_session.weekdays[0]",
        "not known",
        "did you mean mon?",
    ),
    "no days": ((*SESSION, "weekdays"), [], "position_policy.trading_session.weekdays", "empty", "least 1"),
    "session between two closes": (
        SESSION,
        {"start": "08:01", "end": "08:15"},
        "position_policy.trading_session",
        "would never allow an entry: no 15m bar closes inside it",
        "widen it",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_mistake_in_the_orders_is_told_with_its_place_and_the_way_out(case, tmp_path):
    where, value, path, problem_words, way_out_words = case
    error = refusal_of(changed(where, value, everything()), tmp_path)
    assert error is not None
    if path is not None:
        assert [problem.key_path for problem in error.problems] == [path]
    told = [p for p in error.problems if problem_words in p.problem and way_out_words in p.way_out]
    assert told, str(error)
    for word in ("pydantic", "input should", "tagged-union", "unwritten"):
        assert word not in str(error).lower()


@pytest.mark.parametrize(
    ("mode", "unused", "needed"), [("long_only", "short", "long"), ("short_only", "long", "short")]
)
def test_a_structure_stop_names_the_side_the_mode_needs_and_no_other(mode, unused, needed, tmp_path):
    data = changed(("position_policy", "mode"), mode, everything())
    data = changed(("position_policy", "allow_flip"), False, data)
    for rule in (f"entry_{unused}", f"exit_{unused}"):
        data = changed(("signal_rules", rule), REMOVED, data)
    [problem] = refusal_of(data, tmp_path).problems
    assert problem.key_path == f"risk_model.stop_loss.{unused}"
    assert f"would never be used: position_policy.mode is {mode}" in problem.problem
    one_sided = changed(("risk_model", "stop_loss", unused), REMOVED, data)
    assert refusal_of(one_sided, tmp_path) is None
    other_sided = changed(("risk_model", "stop_loss", needed), REMOVED, data)
    assert {p.key_path for p in refusal_of(other_sided, tmp_path).problems} == {
        "risk_model.stop_loss.long",
        "risk_model.stop_loss.short",
    }


def test_every_target_that_needs_a_stop_is_refused_without_one(tmp_path):
    error = refusal_of(changed(("risk_model", "stop_loss"), None, everything()), tmp_path)
    assert [p.key_path for p in error.problems] == [
        "risk_model.take_profit[0].type",
        "risk_model.take_profit[1].type",
    ]
    assert all("needs a stop_loss" in p.problem for p in error.problems)


def test_offset_zero_is_an_order_at_the_close(tmp_path):
    for kind in ("limit", "stop"):
        entry = {"type": kind, "offset": {"type": "percent", "value": 0}}
        assert refusal_of(changed(("entry_order",), entry, everything()), tmp_path) is None


def test_portions_may_add_up_to_the_whole(tmp_path):
    portions = (0.1, 0.3, 32.2, 67.4)
    assert sum(portions) == 100.00000000000001  # as binary numbers have it
    ladder = [rung(value, portion) for value, portion in enumerate(portions, start=1)]
    assert refusal_of(changed(TARGETS, ladder, everything()), tmp_path) is None


def test_targets_of_different_kinds_need_no_order(tmp_path):
    ladder = [rung(2, 50), {"type": "rr_ratio", "value": 1.0, "portion_pct": 50.0}]
    assert refusal_of(changed(TARGETS, ladder, everything()), tmp_path) is None


def test_hours_need_no_quotes_in_a_file(tmp_path):
    # YAML 1.1 would take 22:00 for 22 * 60
    path = tmp_path / "card.yaml"
    refusal_of(everything(), tmp_path)
    text = path.read_text(encoding="utf-8")
    quoted = load_card(path)
    assert "start: '22:00'" in text
    path.write_text(text.replace("'22:00'", "22:00").replace("'06:30'", "06:30"), encoding="utf-8")
    assert load_card(path) == quoted
