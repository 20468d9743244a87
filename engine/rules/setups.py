"""Setups: conditions with a name, written once and used wherever a condition stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, override

from engine.rules.nodes import Group, Named, NodeParser


@dataclass(frozen=True)
class Setup(Named, Group):
    """`{setup: name}`: what the condition under `signal_rules.setups.name` says.

    Setups may use each other, though not in a circle; one that nothing uses is refused. Each is worked out
    once, however many rules use it.
    """

    key: ClassVar[str] = "setup"

    @override
    @classmethod
    def parse(cls, raw: Any, parser: NodeParser, where: str) -> Self | None:
        condition = parser.setup(raw, where)
        return None if condition is None else cls(raw, condition)

    @override
    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"description": "The name of a setup of this card.", "type": "string"}

    @override
    def text(self) -> str:
        return f"setup {self.name}"
