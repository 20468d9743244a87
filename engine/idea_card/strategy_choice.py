"""Signals from Python in place of conditions: which strategy, in which version, with which parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, override

from pydantic import AfterValidator

from engine.idea_card.base import CardPart, Name
from engine.idea_card.findings import Finding
from engine.idea_card.frozen import freeze, impure_values
from engine.idea_card.versions import Version


class StrategyChoice(CardPart):
    """A strategy written in Python, by its name in `engine.strategies.registry`."""

    name: Name
    """Name of the strategy; `trade strategies list` lists them."""
    version: Version
    """Version of its code, as its class states it. Where the code has another one the card is refused, so
    that a change of the code is a change of the system hash."""
    params: Annotated[dict[str, Any], AfterValidator(freeze)]
    """Every parameter of the strategy; {} if it has none."""

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        if isinstance(params := block.get("params"), dict):
            yield from impure_values(params, ("params",))
