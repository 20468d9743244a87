"""The system hash: equal for equal cards, different for every value that differs."""

from __future__ import annotations

import hashlib
import json
import random
import typing
from typing import Any

import pytest
import yaml
from idea_card_example import EXAMPLE, REMOVED, WINDOWS, changed, everything, plain_example
from pydantic import BaseModel

from engine.idea_card.base import CardPart
from engine.idea_card.card import IdeaCard
from engine.idea_card.load import card_from_plain, card_from_text
from engine.idea_card.semantics import ENGINE_SEMANTICS_VERSION
from engine.idea_card.yaml_source import parse_yaml

EXAMPLE_HASH = "459c4a4c067ea6cf887e889b444c1e361de76a997c28a9caaa7bc78b8a3eb297"


def hash_of_plain(data: Any) -> str:
    return card_from_plain(data, "here").system_hash()


def test_the_hash_of_the_example_is_the_known_one():
    assert card_from_text(EXAMPLE, "here").system_hash() == EXAMPLE_HASH


def test_the_hash_is_sha256_over_sorted_compact_json_of_the_card_and_the_semantics_version():
    # the example as YAML gives it, with whole floats written as integers
    def spelled(value):
        if isinstance(value, dict):
            return {key: spelled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [spelled(item) for item in value]
        return int(value) if isinstance(value, float) and value == int(value) else value

    said = plain_example()
    # what may be left out counts as left out where it has its default
    assert said["account"].pop("liquidation_regime") == "mark_2025"
    assert said["risk_model"]["take_profit"].pop("order_type") == "market"
    assert said["features"]["atr"].pop("source") is None
    whole = {"card": spelled(said), "engine_semantics": ENGINE_SEMANTICS_VERSION}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hash_of_plain(plain_example()) == hashlib.sha256(text.encode()).hexdigest()


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    return value


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_does_not_matter(seed):
    text = yaml.safe_dump(shuffled(plain_example(), random.Random(seed)), sort_keys=False)
    assert text != yaml.safe_dump(plain_example(), sort_keys=False)
    assert card_from_text(text, "here").system_hash() == EXAMPLE_HASH


def in_another_order(value: Any) -> Any:
    """Return plain data with the keys of every block turned round, but for tags, whose order matters."""
    if isinstance(value, dict):
        return {
            key: {name: in_another_order(rule) for name, rule in item.items()}
            if key == "tags"
            else in_another_order(item)
            for key, item in reversed(value.items())
        }
    return [in_another_order(item) for item in value] if isinstance(value, list) else value


def test_the_order_of_keys_does_not_matter_in_setups_windows_and_captures():
    turned = in_another_order(everything())
    assert list(turned["signal_rules"]["setups"]) == list(reversed(everything()["signal_rules"]["setups"]))
    assert hash_of_plain(turned) == hash_of_plain(everything())


def test_the_order_of_tags_matters():
    # the first that holds is the trade's
    tags = everything()["signal_rules"]["exit_long"]["tags"]
    turned = changed(("signal_rules", "exit_long", "tags"), dict(reversed(tags.items())), everything())
    assert hash_of_plain(turned) != hash_of_plain(everything())


@pytest.mark.parametrize("block", [("setups",), ("captures",), ("exit_long", "tags")], ids=".".join)
def test_names_that_a_card_gives_matter(block):
    hashes = {hash_of_plain(everything())}
    inside = everything()["signal_rules"]
    for step in block:
        inside = inside[step]
    for name in inside:
        renamed = {(f"{key}_x" if key == name else key): item for key, item in inside.items()}
        hashes.add(hash_of_plain(changed(("signal_rules", *block), renamed, everything())))
    assert len(hashes) == len(inside) + 1


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("bars: 3,", "bars: 3.0,"),
        ("weight: 2,", "weight: 2.00,"),
        ("weight: -1,", "weight: -1e0,"),
        ("at_least: 1.5", "at_least: 15.0e-1   # of three"),
        ("duration: 4h,", "duration: '4h',"),
        ("{setup: enough}", "{'setup': \"enough\"}"),
        ("range_then: atr", "'range_then': \"atr\""),
        ("    tired:\n", "    # after half a day\n    'tired':\n"),
    ],
)
def test_the_spelling_does_not_matter_in_setups_windows_captures_and_tags(written, other):
    assert WINDOWS.count(written) == 1
    data = everything()
    data["signal_rules"] |= parse_yaml(WINDOWS.replace(written, other), "here").data
    assert hash_of_plain(data) == hash_of_plain(everything())


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("leverage: 3\n", "leverage: 3.0   # three\n"),
        ("starting_equity_usdt: 10000\n", "starting_equity_usdt: 10_000.00\n"),
        ("starting_equity_usdt: 10000\n", "starting_equity_usdt: 1e4\n"),
        ("value: 2.0}", "value: 2}"),
        ("cooldown_bars: 2,", "cooldown_bars: 2.0,"),
        ("params: {length: 9}", "params: {length: 9.0}"),
        ("std: 2.5}", "std: 25.0e-1}"),
        ("[1, 2.5]", "[1.0, 2.50]"),
        ("id: example", '"id": "example"'),
        ('">"', "'>'"),
        ("symbols: [BTCUSDT, 1000PEPEUSDT]", "symbols:\n  - BTCUSDT\n  - '1000PEPEUSDT'"),
        ("min_trades: 100\n", "\n\n  # enough\n  min_trades: 100\n"),
        ("source: null, ", ""),
        ("  liquidation_regime: mark_2025\n", ""),
        (", order_type: market", ""),
    ],
)
def test_the_spelling_does_not_matter(written, other):
    assert EXAMPLE.count(written) == 1 or written in ('">"', "value: 2.0}")
    assert card_from_text(EXAMPLE.replace(written, other), "here").system_hash() == EXAMPLE_HASH


@pytest.mark.parametrize(
    ("where", "empty"),
    [
        (("timeframes", "htf"), None),
        (("risk_model", "max_notional_usdt"), None),
        (("signal_rules", "exit_long"), None),
    ],
)
def test_null_and_left_out_are_the_same(where, empty):
    data = plain_example()
    data["features"].pop("bands")
    data["signal_rules"]["entry_long"] = ["close", ">", 1]
    assert hash_of_plain(changed(where, None, data)) == hash_of_plain(changed(where, REMOVED, data))


def leaves(value: Any, where: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*where, key))]
    if isinstance(value, list):
        return [leaf for position, item in enumerate(value) for leaf in leaves(item, (*where, position))]
    return [(where, value)]


# Another value that loads, for every value of the example that is no number, flag or part of a condition.
OTHER: dict[tuple[str | int, ...], Any] = {
    ("id",): "other",
    ("version",): "1.2.4",
    ("description",): "Buy what falls.",
    ("symbols", 0): "ETHUSDT",
    ("symbols", 1): "SOLUSDT",
    ("timeframes", "exec"): "5m",
    ("timeframes", "mtf"): "30m",
    ("timeframes", "htf"): "12h",
    ("account", "liquidation_regime"): "legacy",
    ("features", "ema_fast", "indicator"): "sma",
    ("features", "ema_fast", "source"): "open",
    ("features", "ema_fast", "tf"): "htf",
    ("features", "atr", "indicator"): "natr",
    ("features", "atr", "source"): "close",
    ("features", "atr", "tf"): "exec",
    ("features", "bands", "indicator"): "kc",
    ("features", "bands", "source"): "ohlc4",
    ("features", "bands", "tf"): "mtf",
    ("risk_model", "stop_loss", "feature"): "ema_fast",
    ("risk_model", "take_profit", "order_type"): "limit",
    ("timeframes", "detail"): "3m",
    ("entry_order", "offset", "feature"): "ema_fast",
    ("entry_order", "time_in_force"): "gtc",
    ("entry_order", "reprice"): "every_bar",
    ("position_policy", "trading_session", "start"): "22:01",
    ("position_policy", "trading_session", "end"): "06:31",
    ("position_policy", "trading_session", "weekdays", 0): "sun",
    ("position_policy", "trading_session", "weekdays", 1): "wed",
    ("position_policy", "trading_session", "weekdays", 2): "sat",
    ("risk_model", "stop_loss", "long"): "bands.middle",
    ("risk_model", "stop_loss", "short"): "bands.middle",
    ("risk_model", "take_profit", 0, "value"): 1.5,
    ("risk_model", "take_profit", 0, "order_type"): "market",
    ("risk_model", "take_profit", 1, "order_type"): "market",
    ("risk_model", "take_profit", 2, "feature"): "atr",
    ("risk_model", "sizing", "feature"): "ema_fast",
}


# Values that change only together with their block (see BLOCKS below), and one of which there is no other.
FIXED: set[tuple[str | int, ...]] = {
    ("position_policy", "mode"),
    ("risk_model", "stop_loss", "type"),
    ("risk_model", "take_profit", "type"),
    ("risk_model", "sizing", "model"),
    ("account", "margin_mode"),
    ("entry_order", "type"),
    ("entry_order", "offset", "type"),
    ("risk_model", "take_profit", 0, "type"),
    ("risk_model", "take_profit", 1, "type"),
    ("risk_model", "take_profit", 2, "type"),
}


def other_value(where: tuple[str | int, ...], value: Any) -> Any:
    if where in OTHER:
        return OTHER[where]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    assert where[0] == "signal_rules", f"{where} is new: say in OTHER what else it can be"
    return f"{value}x"


CHANGEABLE = [leaf for leaf in leaves(plain_example()) if leaf[0] not in FIXED]


@pytest.mark.parametrize("leaf", CHANGEABLE, ids=lambda leaf: ".".join(map(str, leaf[0])))
def test_every_value_matters(leaf):
    where, value = leaf
    assert hash_of_plain(changed(where, other_value(where, value))) != EXAMPLE_HASH


OPTIONAL = [
    leaf for leaf in leaves(everything()) if leaf not in leaves(plain_example()) and leaf[0] not in FIXED
]


def test_every_value_of_a_block_that_may_be_left_out_matters():
    hashes = {
        where: hash_of_plain(changed(where, other_value(where, value), everything()))
        for where, value in OPTIONAL
    }
    assert len(hashes) > 30
    assert len({hash_of_plain(everything()), *hashes.values()}) == len(hashes) + 1


def from_python(**said: Any) -> dict[str, Any]:
    return {"strategy": {"name": "mine", "version": "1.0.0", "params": {"level": 2}} | said}


BLOCKS = {
    "strategy": (("signal_rules",), from_python()),
    "strategy of another name": (("signal_rules",), from_python(name="yours")),
    "strategy of another version": (("signal_rules",), from_python(version="1.0.1")),
    "strategy with another value": (("signal_rules",), from_python(params={"level": 3})),
    "strategy with another parameter": (("signal_rules",), from_python(params={"edge": 2})),
    "strategy without parameters": (("signal_rules",), from_python(params={})),
    "percent stop": (("risk_model", "stop_loss"), {"type": "percent", "value": 1.5}),
    "fixed stop": (("risk_model", "stop_loss"), {"type": "fixed_points", "value": 1.5}),
    "trailing stop": (
        ("risk_model", "stop_loss"),
        {"type": "trailing_percent", "value": 1.5, "activation_pct": 1.0},
    ),
    "trailing atr stop": (
        ("risk_model", "stop_loss"),
        {"type": "trailing_atr", "value": 1.5, "feature": "atr", "activation_pct": 1.0},
    ),
    "break even": (("risk_model", "break_even"), {"trigger_pct": 2.0, "offset_pct": 0.15}),
    "percent target": (("risk_model", "take_profit"), {"type": "percent", "value": 2.0}),
    "fixed target": (("risk_model", "take_profit"), {"type": "fixed_points", "value": 2.0}),
    "atr target": (("risk_model", "take_profit"), {"type": "atr_multiple", "value": 2.0, "feature": "atr"}),
    "no target": (("risk_model", "take_profit"), None),
    "equity sizing": (("risk_model", "sizing"), {"model": "percent_equity", "equity_pct": 1.0}),
    "fixed sizing": (("risk_model", "sizing"), {"model": "fixed_usdt", "notional_usdt": 1.0}),
    "structure stop": (
        ("risk_model", "stop_loss"),
        {"type": "structure", "long": "bands.lower", "short": "bands.upper", "buffer_pct": 0.1},
    ),
    "ladder": (
        ("risk_model", "take_profit"),
        [
            {"type": "percent", "value": 1.0, "portion_pct": 40.0},
            {"type": "rr_ratio", "value": 2.0, "portion_pct": 40.0},
        ],
    ),
    "ladder of others": (
        ("risk_model", "take_profit"),
        [
            {"type": "fixed_points", "value": 1.0, "portion_pct": 40.0},
            {"type": "atr_multiple", "value": 2.0, "feature": "atr", "portion_pct": 40.0},
        ],
    ),
    "half at one target": (
        ("risk_model", "take_profit"),
        [{"type": "rr_ratio", "value": 2.0, "portion_pct": 50.0}],
    ),
    "time stop": (("risk_model", "time_stop"), {"bars": 96, "min_profit_pct": 0.25}),
    "volatility target": (
        ("risk_model", "sizing"),
        {"model": "volatility_target", "annual_volatility_pct": 20.0, "feature": "atr"},
    ),
    "cap by leverage": (("risk_model", "max_effective_leverage"), 2.5),
    "limit entry": (
        ("entry_order",),
        {
            "type": "limit",
            "offset": {"type": "percent", "value": 0.5},
            "time_in_force": "post_only",
            "expiry_bars": 4,
            "reprice": "every_bar",
        },
    ),
    "stop entry": (("entry_order",), {"type": "stop", "offset": {"type": "percent", "value": 0.5}}),
    "entry by ticks": (("entry_order",), {"type": "stop", "offset": {"type": "ticks", "value": 5}}),
    "entry by atr": (
        ("entry_order",),
        {"type": "stop", "offset": {"type": "atr_multiple", "value": 0.5, "feature": "atr"}},
    ),
    "scale in": (
        ("position_policy", "scale_in"),
        {"max_adds": 2, "size_pct": 50.0, "min_profit_pct": 1.0},
    ),
    "session": (
        ("position_policy", "trading_session"),
        {"start": "08:00", "end": "20:00", "weekdays": ["mon"], "close_outside": True},
    ),
    "detail": (("timeframes", "detail"), "1m"),
    "half spread": (("account", "half_spread_bps"), 0.5),
    "impact": (("account", "impact_bps"), 20.0),
    "participation": (("account", "max_participation_pct"), 10.0),
    "no cap": (("risk_model", "max_notional_usdt"), None),
    "no time limit": (("position_policy", "max_bars_in_trade"), None),
    "no exit": (("signal_rules", "exit_long"), None),
    "captures": (("signal_rules", "captures"), {"atr_then": "atr"}),
    "setups": (("signal_rules", "setups"), {"rising": ["close", ">", "open"]}),
    "another symbol": (("symbols",), ["BTCUSDT", "1000PEPEUSDT", "ETHUSDT"]),
    "another feature": (
        ("features", "extra"),
        {"indicator": "ema", "params": {"length": 9}, "source": "close", "tf": "exec"},
    ),
    "another parameter": (("features", "ema_fast", "params", "offset"), 0),
    "any for all": (
        ("signal_rules", "entry_long"),
        {"any": plain_example()["signal_rules"]["entry_long"]["all"]},
    ),
}


def test_every_block_matters():
    hashes = [hash_of_plain(changed(where, block)) for where, block in BLOCKS.values()]
    assert len({EXAMPLE_HASH, *hashes}) == len(BLOCKS) + 1


def test_a_direction_matters():
    data = changed(("position_policy", "allow_flip"), False)
    short_only = changed(("position_policy", "mode"), "short_only", data)
    for rule in ("entry_long", "exit_long"):
        short_only = changed(("signal_rules", rule), REMOVED, short_only)
    assert hash_of_plain(data) != hash_of_plain(short_only)


def parts_below(part: type[BaseModel]) -> set[type[BaseModel]]:
    found = {part}
    for field in part.model_fields.values():
        waiting = [field.annotation]
        while waiting:
            annotation = waiting.pop()
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                found |= parts_below(annotation)
            waiting += typing.get_args(annotation)
    return found


def test_the_walk_over_values_leaves_out_no_key_of_any_part():
    written: set[str] = set()
    for data in (plain_example(), everything(), *(changed(where, block) for where, block in BLOCKS.values())):
        written |= {str(step) for where, _ in leaves(data) for step in where}
    parts = parts_below(IdeaCard)
    assert CardPart not in parts
    assert len(parts) > 15
    assert {key for part in parts for key in part.model_fields} <= written


def test_the_canonical_form_loads_as_the_same_card():
    card = card_from_text(EXAMPLE, "here")
    again = card_from_plain(json.loads(json.dumps(card.canonical_form())), "here")
    assert again == card
    assert again.system_hash() == card.system_hash()


def test_the_canonical_form_of_a_card_with_everything_loads_as_the_same_card():
    card = card_from_plain(everything(), "here")
    again = card_from_plain(json.loads(json.dumps(card.canonical_form())), "here")
    assert again == card
    assert again.system_hash() == card.system_hash()


# Each is a block or key written out at the values it has where nothing is written.
DEFAULTS = {
    "entry": (("entry_order",), {"type": "market"}),
    "detail": (("timeframes", "detail"), None),
    "half spread": (("account", "half_spread_bps"), 0),
    "impact": (("account", "impact_bps"), 0.0),
    "participation": (("account", "max_participation_pct"), None),
    "scale in": (("position_policy", "scale_in"), None),
    "session": (("position_policy", "trading_session"), None),
    "time stop": (("risk_model", "time_stop"), None),
    "break even": (("risk_model", "break_even"), None),
    "leverage cap": (("risk_model", "max_effective_leverage"), None),
}


@pytest.mark.parametrize(("where", "default"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_a_default_written_out_is_the_same_card(where, default):
    assert hash_of_plain(changed(where, default)) == EXAMPLE_HASH


INNER_DEFAULTS = {
    "buffer": (("risk_model", "stop_loss", "buffer_pct"), 0),
    "order type": (("risk_model", "take_profit", 0, "order_type"), "market"),
    "time in force": (("entry_order", "time_in_force"), "gtc"),
    "expiry": (("entry_order", "expiry_bars"), None),
    "reprice": (("entry_order", "reprice"), "never"),
    "add size": (("position_policy", "scale_in", "size_pct"), 100),
    "add profit": (("position_policy", "scale_in", "min_profit_pct"), None),
    "close outside": (("position_policy", "trading_session", "close_outside"), False),
    "weekdays": (
        ("position_policy", "trading_session", "weekdays"),
        ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
}


@pytest.mark.parametrize(("where", "default"), INNER_DEFAULTS.values(), ids=INNER_DEFAULTS.keys())
def test_a_default_inside_a_block_is_as_if_left_out(where, default):
    written, left_out = changed(where, default, everything()), changed(where, REMOVED, everything())
    assert hash_of_plain(written) == hash_of_plain(left_out)
    assert hash_of_plain(written) != hash_of_plain(everything())


def test_two_spellings_of_one_session_are_one():
    session = {"start": "20:00", "end": "24:00", "weekdays": ["mon", "tue"]}
    other = {"start": "20:00", "end": "00:00", "weekdays": ["tue", "mon"]}
    one, two = (changed(("position_policy", "trading_session"), each) for each in (session, other))
    assert hash_of_plain(one) == hash_of_plain(two) != EXAMPLE_HASH
