"""Tools on strategies written in Python: list them."""

from __future__ import annotations

from inspect import getdoc
from typing import Any

from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolSpec


def list_strategies(_asked: NoInput, _context: ToolContext) -> dict[str, Any]:
    """List the strategies that cards can name, with what they look at and the parameters they take."""
    from engine.strategies.registry import STRATEGIES

    return {
        "strategies": [
            {
                "name": strategy.name,
                "version": strategy.version,
                "description": (getdoc(strategy) or "").partition("\n")[0],
                "inputs": strategy.inputs,
                "tags": strategy.tags,
                "parameters": {
                    name: field.description or "" for name, field in strategy.takes.model_fields.items()
                },
            }
            for strategy in STRATEGIES
        ],
        "unusable": [
            {"name": name, "problem": error.problem, "way_out": error.way_out}
            for name, error in STRATEGIES.unusable.items()
        ],
    }


TOOLS = (
    ToolSpec(
        "strategies.list",
        "List the strategies written in Python, with their inputs and parameters.",
        SideEffect.READ,
        NoInput,
        list_strategies,
    ),
)
