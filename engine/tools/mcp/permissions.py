"""What an agent may do: look and work things out always, change and trade only where a person enabled it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.tools.file_access import FileAccess
from engine.tools.registry import SideEffect, ToolRegistry, ToolSpec


@dataclass(frozen=True)
class Permissions:
    """What was enabled when the server was started."""

    allow_writes: bool = False
    allow_trading: bool = False

    def admits(self, spec: ToolSpec[Any]) -> bool:
        """Return whether a tool may be called."""
        return self.missing_for(spec) is None

    def missing_for(self, spec: ToolSpec[Any]) -> str | None:
        """Return the option that would admit a tool, None if it is admitted."""
        match spec.side_effect:
            case SideEffect.READ | SideEffect.COMPUTE:
                return None
            case SideEffect.WRITE:
                return None if self.allow_writes else "--allow-writes"
            case SideEffect.TRADE:
                return None if self.allow_trading else "--allow-trading"

    @property
    def files(self) -> FileAccess:
        """How far file arguments reach."""
        return FileAccess.INSIDE if self.allow_writes else FileAccess.READ_INSIDE


def wire_name(name: str) -> str:
    """Return a tool's name as agents call it: many of them know no dots, so "cards.list" is "cards_list"."""
    return name.replace(".", "_")


def by_wire_name(registry: ToolRegistry) -> dict[str, ToolSpec[Any]]:
    """Return all tools by the names agents call them."""
    return {wire_name(spec.name): spec for spec in registry.list()}
