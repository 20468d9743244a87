"""Tools on the tools: which there are, what they change, cost and take."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolRegistry, ToolSpec


class WhichTools(ToolInput):
    """Which tools; without a choice all."""

    category: str | None = Field(None, description="only these, as cards or data")
    search: str | None = Field(None, description="only those with all these words in name or description")


class WhichTool(ToolInput):
    """One tool."""

    name: str = Field(description="its name, as cards.list")


def tools_on(registry: ToolRegistry) -> tuple[ToolSpec[Any], ...]:
    """Return the tools that look into `registry`, themselves included once they are registered."""

    def list_tools(asked: WhichTools, _context: ToolContext) -> dict[str, Any]:
        """List tools with what they change and cost."""
        categories = registry.categories()
        if asked.category is not None and asked.category not in categories:
            raise ConfigurationError(
                f"there is no category {asked.category!r}", way_out=f"use one of {', '.join(categories)}"
            )
        found = registry.search(asked.search or "")
        return {
            "categories": categories,
            "tools": [spec.summary() for spec in found if asked.category in (None, spec.category)],
        }

    def show_tool(asked: WhichTool, _context: ToolContext) -> dict[str, Any]:
        """Show one tool with the JSON schema of its arguments."""
        spec = registry.get(asked.name)
        return {**spec.summary(), "input_schema": spec.input_schema()}

    return (
        ToolSpec(
            "tools.list",
            "List tools by category or by words, with what they change and what they cost.",
            SideEffect.READ,
            WhichTools,
            list_tools,
        ),
        ToolSpec(
            "tools.show",
            "Show one tool: what it does, changes and costs, and the JSON schema of its arguments.",
            SideEffect.READ,
            WhichTool,
            show_tool,
        ),
    )
