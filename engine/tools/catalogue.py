"""The registry as shipped: the tools of this package and those that join by entry point.

A package outside `engine` adds tools by naming a function under the entry point group "trade.tools"; the
function gets the registry and registers. That is how the Dagster pipeline becomes a tool although `engine`
imports no Dagster.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from engine.errors import ConfigurationError
from engine.tools import (
    account,
    backtest,
    breakdown,
    cards,
    comparison,
    data,
    data_files,
    data_heal,
    data_quality,
    data_rules,
    demo,
    explain,
    features,
    gates,
    journal,
    live,
    notifications,
    orders,
    portfolio,
    positions,
    project,
    promote,
    promotion_replay,
    promotions,
    reports,
    risk,
    strategies,
    sweep,
    sweeps,
    tools,
    universe,
    validation,
)
from engine.tools.registry import ToolRegistry

log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "trade.tools"


def own_registry() -> ToolRegistry:
    """Return a new registry of the tools that need nothing outside `engine`."""
    registry = ToolRegistry()
    rooms = (
        account, backtest, breakdown, cards, comparison, data, data_files, data_heal, data_quality,
        data_rules, explain, features, gates, journal, live, notifications, orders, portfolio, positions,
        project, promote, promotion_replay, promotions, reports, risk, strategies, sweep, sweeps, universe,
        validation,
    )  # fmt: skip
    for room in rooms:
        for spec in room.TOOLS:
            registry.register(spec)
    for spec in (demo.demo_tool(registry), *tools.tools_on(registry)):
        registry.register(spec)
    return registry


def full_registry(outside: Iterable[EntryPoint] | None = None) -> ToolRegistry:
    """Return a new registry of all tools: our own and those found by entry point.

    An entry point that cannot be loaded does not stop the other tools: asking for one of its own names it,
    its package and the cause.

    Parameters
    ----------
    outside : iterable of EntryPoint, optional
        Instead of what is installed.
    """
    registry = own_registry()
    for entry in entry_points(group=ENTRY_POINT_GROUP) if outside is None else outside:
        try:
            register = entry.load()
        except (ImportError, AttributeError, SyntaxError) as error:
            package = entry.dist.name if entry.dist else "an unknown package"
            log.debug("the entry point %s is broken", entry, exc_info=True)
            registry.report_absent(
                ConfigurationError(
                    f"the tools {entry.name!r} of {package} ({entry.value}) cannot be loaded: {error}",
                    way_out="install that package again (for TRADE itself: .ci/setup), or uninstall it",
                )
            )
        else:
            register(registry)
    return registry
