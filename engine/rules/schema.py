"""The JSON schema of cards with the condition language in it, and the command that writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.idea_card.schema import card_schema
from engine.rules.language import GROUP_CLASSES, LEAF_CLASSES
from engine.rules.nodes import CONDITION_SCHEMA, OPERAND_SCHEMA
from engine.rules.operands import CALCULATIONS, Takes
from engine.rules.tags import TAG_SCHEMA


def full_card_schema() -> dict[str, Any]:
    """Return the JSON schema of an IdeaCard, conditions included."""
    return card_schema({"Rule": _rule(), "Condition": _condition(), "Operand": _operand()})


def write_card_schema(path: Path) -> None:
    """Write the schema to `path`, as `idea_cards/schema.json` holds it."""
    path.write_text(card_schema_text(), encoding="utf-8")


def card_schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(full_card_schema(), indent=2, ensure_ascii=False) + "\n"


def _rule() -> dict[str, Any]:
    return {
        "description": "A condition, or several with a tag each.",
        "anyOf": [TAG_SCHEMA, CONDITION_SCHEMA],
    }


def _condition() -> dict[str, Any]:
    leaves = [
        {
            "type": "array",
            "items": [OPERAND_SCHEMA, {"enum": list(leaf_class.operators)}, leaf_class.right_schema()],
            "minItems": 3,
            "maxItems": 3,
        }
        for leaf_class in LEAF_CLASSES
    ]
    groups = [_one_key({group_class.key: group_class.schema()}) for group_class in GROUP_CLASSES]
    bare_list = {"type": "array", "items": CONDITION_SCHEMA, "minItems": 1}
    return {
        "description": "[left, operator, right], a list of conditions (all must hold), or a group of them.",
        "anyOf": [*leaves, *groups, bare_list],
    }


def _operand() -> dict[str, Any]:
    several = {"type": "array", "items": OPERAND_SCHEMA, "minItems": 2}
    shapes = {Takes.ONE: OPERAND_SCHEMA, Takes.TWO: several | {"maxItems": 2}, Takes.SEVERAL: several}
    calculations = {key: shapes[calculation.takes] for key, calculation in CALCULATIONS.items()}
    return {
        "description": "A number, a name (close, close@htf, ema_fast, bands.lower, each with an offset as in "
        "ema_fast[1]), or a calculation.",
        "anyOf": [{"type": "number"}, {"type": "string"}, _one_key(calculations)],
    }


def _one_key(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
