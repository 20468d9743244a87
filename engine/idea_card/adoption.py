"""A card's file as that of a new card with other values: its text, changed where it must be.

Only the id, the version, the defaults of the parameters and the lineage change. The parameters stay free, so
that the values around the chosen ones can be tried; comments, alignment and line endings stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from engine.errors import CardError, CardProblem
from engine.idea_card.frozen import to_plain
from engine.idea_card.lineage import Lineage
from engine.idea_card.load import space_from_text
from engine.idea_card.parameter_space import Binding
from engine.idea_card.placeholders import LINEAGE, PARAMETERS
from engine.idea_card.yaml_source import spans_of

_PLAIN = re.compile(r"[a-z][a-z0-9_]*|[0-9]+\.[0-9]+\.[0-9]+")


def adopted_text(
    text: str, name: str, *, card_id: str, version: str, binding: Binding, lineage: Lineage
) -> str:
    """Return the text of a new card that has the values of `binding` as its defaults.

    Parameters
    ----------
    text : str
        The card it is made from.
    name : str
        Stands for the file in messages.
    card_id, version : str
        Of the new card.
    binding : Binding
        A value for every parameter.
    lineage : Lineage

    Raises
    ------
    CardError
        If the text is no card, or is written in a way that cannot be changed in place.
    """
    before = space_from_text(text, name)
    spans = spans_of(text, name)
    edits: dict[tuple[str | int, ...], Any] = {("id",): card_id, ("version",): version}
    edits |= {(PARAMETERS, each, "default"): to_plain(value) for each, value in binding.items()}
    origin = to_plain(lineage)
    if before.lineage is not None:
        edits |= {(LINEAGE, key): value for key, value in origin.items()}
    after = text
    for where, value in sorted(edits.items(), key=lambda edit: -spans[edit[0]][0]):
        start, end = spans[where]
        after = after[:start] + _written(value) + after[end:]
    if before.lineage is None:
        after = _with_block(after, origin)
    problem = CardProblem("", "cannot be changed in place", "write its values in one line each, in braces")
    try:
        made = space_from_text(after, name)
    except CardError as error:
        raise before.source.error([problem]) from error
    wanted = before.bind(binding).model_copy(update={"id": card_id, "version": version})
    if (made.card, made.lineage, made.defaults) != (wanted, lineage, binding):
        raise before.source.error([problem])
    return after


def _written(value: Any) -> str:
    # JSON is YAML, on one line; a plain word needs no quotes
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in ("true", "false", "null"):
        return value
    return json.dumps(value, ensure_ascii=False)


def _with_block(text: str, block: Mapping[str, Any]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = ["", f"{LINEAGE}:", *(f"  {key}: {_written(value)}" for key, value in block.items()), ""]
    return text.rstrip() + newline + newline.join(lines)
