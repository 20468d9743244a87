"""Tools on the project itself: make it ready to use."""

from __future__ import annotations

from typing import Any

from engine.errors import ConfigurationError
from engine.settings import PROJECT_ROOT
from engine.tools.market import stored_market
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolSpec
from engine.tools.stores import market_store


def initialise(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Create the data folder and the market database. What is there already stays as it is."""
    settings = context.settings
    _check_dagster_home()
    was_there = settings.market_database.exists()
    market_store(settings).create_tables()
    return {
        "exchange": settings.exchange,
        "exchange_url": settings.exchange_url,
        "data_dir": settings.data_dir,
        "cards_dir": settings.cards_dir,
        "market_database": settings.market_database,
        "created": not was_there,
        "market": stored_market(settings),
    }


def _check_dagster_home() -> None:
    configuration = PROJECT_ROOT / "dagster_home" / "dagster.yaml"
    if not configuration.exists():
        raise ConfigurationError(
            f"{configuration} is missing, so Dagster would run without the project's limits and retention",
            way_out=f"get it back: git -C {PROJECT_ROOT} checkout -- dagster_home/dagster.yaml",
        )


TOOLS = (
    ToolSpec(
        "project.init",
        "Create the data folder and the market database; what is there already stays as it is.",
        SideEffect.WRITE,
        NoInput,
        initialise,
    ),
)
