"""The JSON schema of cards, widened: every value may be `{param: name}`, and the blocks declare the names."""

from __future__ import annotations

from typing import Any

from engine.idea_card.parameters import ParameterBlocks
from engine.idea_card.placeholders import PARAM, SCHEMA_VERSION
from engine.idea_card.schema_version import CURRENT_VERSION

_PLACEHOLDER = "Placeholder"
_REFERENCE = {"$ref": f"#/$defs/{_PLACEHOLDER}"}
# what says something about a value, and nothing about which values there are
_NOTES = ("description", "default", "title")


def allow_parameters(schema: dict[str, Any], generator: type) -> dict[str, Any]:
    """Return the schema of a card file, from the schema of a card.

    Parameters
    ----------
    schema : dict
        JSON schema of an `IdeaCard`, with everything it refers to under `$defs`.
    generator : type
        pydantic's schema generator, for the blocks.

    Notes
    -----
    The key that tells one kind of block from another (`type`, `model`) stays a plain word: where the kind is
    to be free, the whole block is the parameter.
    """
    blocks = ParameterBlocks.model_json_schema(schema_generator=generator)
    definitions = {name: _widened(inner) for name, inner in schema["$defs"].items()}
    definitions |= blocks.pop("$defs")
    definitions[_PLACEHOLDER] = {
        "description": "The value of a parameter of this card.",
        "type": "object",
        "properties": {PARAM: {"description": "Its name, declared under parameters.", "type": "string"}},
        "required": [PARAM],
        "additionalProperties": False,
    }
    widened = _widened(schema)
    version = {
        SCHEMA_VERSION: {
            "description": "Version of the card language the file is written in.",
            "enum": [CURRENT_VERSION],
        }
    }
    properties = version | widened["properties"] | blocks["properties"]
    return widened | {"$defs": definitions, "properties": properties}


def _widened(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` with placeholders allowed for everything inside it."""
    inner = dict(schema)
    for key in ("properties", "patternProperties"):
        if key in schema:
            inner[key] = {name: _or_placeholder(value) for name, value in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            inner[key] = _or_placeholder(schema[key])
    if isinstance(schema.get("items"), list):
        inner["items"] = [_or_placeholder(item) for item in schema["items"]]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            inner[key] = [_widened(item) for item in schema[key]]
    return inner


def _or_placeholder(schema: dict[str, Any]) -> dict[str, Any]:
    if "const" in schema:
        return schema
    widened = _widened(schema)
    notes = {key: widened.pop(key) for key in _NOTES if key in widened}
    if set(widened) == {"anyOf"}:
        return {**notes, "anyOf": [*widened["anyOf"], _REFERENCE]}
    return {**notes, "anyOf": [widened, _REFERENCE]}
