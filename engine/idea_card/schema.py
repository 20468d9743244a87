"""The JSON schema of cards, for editors: completion, descriptions and red lines while typing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from engine.idea_card.card import IdeaCard
from engine.idea_card.parameter_schema import allow_parameters
from engine.idea_card.signal_rules import SignalRules


class _Untitled(GenerateJsonSchema):
    """pydantic's schema without the titles it makes of key names, which say nothing new."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        del schema
        return False


def card_schema(condition_definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema (draft 7, which YAML language servers read) of a card's file.

    Parameters
    ----------
    condition_definitions : mapping
        Definitions of the condition language, one of them named `Condition`; see `engine.rules.schema`.
    """
    schema = IdeaCard.model_json_schema(schema_generator=_Untitled)
    for name in SignalRules.conditions():
        rule = schema["$defs"]["SignalRules"]["properties"][name]
        rule["anyOf"] = [{"$ref": "#/$defs/Condition"}, {"type": "null"}]
    schema["$defs"] |= condition_definitions
    widened = allow_parameters(schema, _Untitled)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **widened}
