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
        Definitions of the condition language, `Rule`, `Condition` and `Operand`; see `engine.rules.schema`.
    """
    schema = IdeaCard.model_json_schema(schema_generator=_Untitled)
    rules, condition = schema["$defs"]["SignalRules"]["properties"], {"$ref": "#/$defs/Condition"}
    for name in SignalRules.conditions():
        rules[name]["anyOf"] = [{"$ref": "#/$defs/Rule"}, {"type": "null"}]
    for name, content in (("setups", condition), ("captures", {"$ref": "#/$defs/Operand"})):
        for form in rules[name]["anyOf"]:
            if "patternProperties" in form:
                form["patternProperties"] = dict.fromkeys(form["patternProperties"], content)
    schema["$defs"] |= condition_definitions
    widened = allow_parameters(schema, _Untitled)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **widened}
