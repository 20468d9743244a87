"""The JSON schema that editors read is in step with the code, and means what the loader means."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "idea_card"))
from idea_card_example import REMOVED, changed, everything, plain_example

from engine.rules.schema import card_schema_text, write_card_schema

CARDS = Path(__file__).parents[3] / "idea_cards"
KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
UNCHECKED = {"title", "description", "default", "discriminator", "$schema", "$defs"}


def faults(value: Any, schema: dict[str, Any] | bool, root: dict[str, Any]) -> list[str]:
    """Return what breaks the schema: the part of JSON schema that ours uses, and an error for any other."""
    if isinstance(schema, bool):
        return [] if schema else [f"{value!r} may not be there"]
    found: list[str] = []
    for keyword, wanted in schema.items():
        match keyword:
            case "$ref":
                found += faults(value, root["$defs"][wanted.removeprefix("#/$defs/")], root)
            case "type":
                fits = isinstance(value, KINDS[wanted]) and (
                    wanted == "boolean" or not isinstance(value, bool)
                )
                found += [] if fits else [f"{value!r} is no {wanted}"]
            case "enum":
                found += [] if value in wanted else [f"{value!r} is not in {wanted}"]
            case "const":
                found += [] if value == wanted else [f"{value!r} is not {wanted}"]
            case "anyOf":
                found += (
                    []
                    if any(not faults(value, one, root) for one in wanted)
                    else [f"{value!r}: none of anyOf"]
                )
            case "oneOf":
                fitting = [one for one in wanted if not faults(value, one, root)]
                found += [] if len(fitting) == 1 else [f"{value!r} fits {len(fitting)} of oneOf"]
            case "properties" if isinstance(value, dict):
                for key in wanted.keys() & value.keys():
                    found += faults(value[key], wanted[key], root)
            case "patternProperties" if isinstance(value, dict):
                for pattern, inner in wanted.items():
                    for key in value:
                        found += faults(value[key], inner, root) if re.search(pattern, key) else []
            case "additionalProperties" if isinstance(value, dict):
                patterns = schema.get("patternProperties", {})
                for key in value.keys() - schema.get("properties", {}).keys():
                    if not any(re.search(pattern, key) for pattern in patterns):
                        found += [f"unknown {key}"] if wanted is False else faults(value[key], wanted, root)
            case "required" if isinstance(value, dict):
                found += [
                    f"{key} is missing" for key in wanted if isinstance(value, dict) and key not in value
                ]
            case "items" if isinstance(value, list):
                each = wanted if isinstance(wanted, list) else [wanted] * len(value)
                for item, inner in zip(value, each, strict=False):
                    found += faults(item, inner, root)
            case "minItems" | "minProperties" if isinstance(value, list | dict):
                found += [] if len(value) >= wanted else [f"{value!r} is too short"]
            case "maxItems" | "maxProperties" if isinstance(value, list | dict):
                found += [] if len(value) <= wanted else [f"{value!r} is too long"]
            case "minLength" if isinstance(value, str):
                found += [] if len(value) >= wanted else [f"{value!r} is too short"]
            case "pattern" if isinstance(value, str):
                found += [] if re.search(wanted, value) else [f"{value!r} does not match {wanted}"]
            case "minimum" if isinstance(value, int | float):
                found += [] if value >= wanted else [f"{value} is too small"]
            case "maximum" if isinstance(value, int | float):
                found += [] if value <= wanted else [f"{value} is too large"]
            case "exclusiveMinimum" if isinstance(value, int | float):
                found += [] if value > wanted else [f"{value} is too small"]
            case "exclusiveMaximum" if isinstance(value, int | float):
                found += [] if value < wanted else [f"{value} is too large"]
            case _:
                known = UNCHECKED | {"properties", "patternProperties", "additionalProperties", "items"}
                known |= {"minItems", "maxItems", "minProperties", "maxProperties", "minLength", "pattern"}
                known |= {"required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
                assert keyword in known, f"{keyword} is no keyword of draft 7 that editors are sure to know"
    return found


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads((CARDS / "schema.json").read_text(encoding="utf-8"))


def card_files() -> list[Path]:
    return sorted(CARDS.rglob("*.yaml"))


def test_the_schema_file_is_in_step_with_the_code():
    written = (CARDS / "schema.json").read_text(encoding="utf-8")
    assert written == card_schema_text(), (
        "call engine.rules.schema.write_card_schema and look at the difference"
    )


def test_the_schema_is_written_as_it_is_shown(tmp_path):
    write_card_schema(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == card_schema_text()


@pytest.mark.parametrize("path", card_files(), ids=lambda path: path.stem)
def test_shipped_cards_name_the_schema_and_fit_it(path, schema):
    text = path.read_text(encoding="utf-8")
    header, _, named = text.splitlines()[0].partition("$schema=")
    assert header == "# yaml-language-server: "
    assert (path.parent / named).resolve() == CARDS / "schema.json"
    assert faults(yaml.safe_load(text), schema, schema) == []


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("leverage: 3", "leverge: 3"),
        ("leverage: 3", "leverage: 0.5"),
        ("leverage: 3", "leverage: '3'"),
        ("exec: 15m", "exec: 16m"),
        ("BTCUSDT", "btcusdt"),
        ("version: 1.0.0", "version: one"),
        ("{length: 9}", "[9]"),
        ("ema_fast:  {", "EMA-fast:  {"),
        ("source: volume", "source: vol"),
        ("type: rr_ratio", "type: structure"),
        ("[close@htf, '>', ema_trend]", "[close@htf, above, ema_trend]"),
        ("[close@htf, '>', ema_trend]", "[close@htf, '>']"),
        ("between, [40, 70]", "between, 40"),
        ("{'*': [1.2, vol_avg]}", "{'^': [1.2, vol_avg]}"),
        ("entry_long:\n    all:", "entry_long:\n    every:"),
        ("min_trades: 100", "min_trades: 1.5"),
        ("mode: long_short", "mode: both"),
    ],
)
def test_mistakes_break_the_schema(written, other, schema):
    text = (CARDS / "trend_pullback.yaml").read_text(encoding="utf-8").replace('"', "'")
    assert written in text
    assert faults(yaml.safe_load(text.replace(written, other)), schema, schema) != []


def test_a_card_with_every_block_fits_the_schema(schema):
    assert faults(everything(), schema, schema) == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("timeframes", "detail"), "10s"),
        (("entry_order", "type"), "market"),  # which has no offset
        (("entry_order", "time_in_force"), "GTC"),
        (("entry_order", "offset", "value"), -1),
        (("risk_model", "stop_loss", "value"), 1.0),  # of a structure stop
        (("risk_model", "stop_loss", "long"), "bands.lower[1]"),
        (("risk_model", "take_profit", 0, "portion_pct"), REMOVED),
        (("risk_model", "take_profit"), []),
        (("risk_model", "take_profit"), {"type": "percent", "value": 1.0, "portion_pct": 50.0}),
        (("risk_model", "sizing", "feature"), REMOVED),
        (("position_policy", "scale_in", "max_adds"), 0),
        (("position_policy", "trading_session", "start"), "24:00"),
        (("position_policy", "trading_session", "end"), "8:00"),
        (("position_policy", "trading_session", "weekdays", 0), "monday"),
    ],
    ids=str,
)
def test_mistakes_in_the_orders_break_the_schema(where, value, schema):
    assert faults(changed(where, value, everything()), schema, schema) != []


def test_an_editor_is_told_of_another_version_of_the_language(schema):
    data = plain_example()
    for version, faulty in ((2, False), (1, True), (3, True), ("2", True)):
        assert bool(faults({"schema_version": version} | data, schema, schema)) is faulty


def test_any_value_or_block_may_be_a_parameter(schema):
    data = changed(("risk_model", "stop_loss"), {"param": "stop"}, everything())
    data = changed(("account", "leverage"), {"param": "leverage"}, data)
    data["parameters"] = {"leverage": {"default": 3, "values": [1, 2, 3]}}
    assert faults(data, schema, schema) == []
    assert faults(changed(("account", "leverage"), {"parm": "leverage"}, data), schema, schema) != []
