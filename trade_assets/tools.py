"""The pipeline as a tool. It joins by the entry point `trade.tools`, so that engine/ need not know it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolRegistry, ToolSpec


class WhatToRun(ToolInput):
    """Which cards, on what."""

    cards: tuple[str, ...] = Field((), description="ids of cards, or their YAML files; none: all")
    symbols: tuple[str, ...] = Field((), description="symbols, as BTCUSDT; none: all the cards name")


class RoomToKeep(ToolInput):
    """How much of the stored features stays."""

    keep_mb: int = Field(500, ge=0, description="megabytes of the newest to keep")


def register(registry: ToolRegistry) -> None:
    """Add the tools of this package to `registry`."""
    registry.register(
        ToolSpec(
            "pipeline.run",
            "Carry cards through the asset graph, raw candles to promotion decisions; reuse what is current.",
            SideEffect.WRITE,
            WhatToRun,
            run,
            cost=ToolCost(CostScale.MINUTES, "cards x symbols x candles not yet stored"),
        )
    )
    registry.register(
        ToolSpec(
            "features.prune",
            "Remove stored features, the oldest first; what is asked for again is computed again.",
            SideEffect.WRITE,
            RoomToKeep,
            prune_features,
            cost=ToolCost(CostScale.SECONDS, "stored features"),
            is_destructive=True,
        )
    )


def run(asked: WhatToRun, context: ToolContext) -> dict[str, Any]:
    """Run the pipeline and tell what there is: a row per card and symbol, and what failed."""
    from engine.strategies.card_plan import load_plans
    from trade_assets.instance import persistent_instance
    from trade_assets.pipeline import run_pipeline

    folder = load_plans(context.settings.cards_dir)
    with persistent_instance() as instance:
        report = run_pipeline(
            context.settings,
            folder,
            instance,
            cards=[_card_id(card) for card in asked.cards],
            symbols=asked.symbols,
            progress=context.progress,
        )
    broken = [{"what": name, "error": str(error)} for name, error in folder.errors.items() if not asked.cards]
    return {
        "market": report.market,
        "rows": report.rows,
        "failed": [*report.failed, *broken],
        "assets": report.assets,
        "dagster_runs": report.dagster_runs,
        "dagster_seconds": report.dagster_seconds,
        "pipeline_seconds": report.seconds,
    }


def prune_features(asked: RoomToKeep, context: ToolContext) -> dict[str, Any]:
    """Remove stored features beyond what is to be kept, and tell how many."""
    from engine.backtest.artifacts import artifact_base
    from trade_assets.feature_store import prune

    return vars(prune(artifact_base(context.settings.artifacts_uri), keep_bytes=asked.keep_mb * 1_000_000))


def _card_id(card: str) -> str:
    """Return the id of a card named by its id or by its file."""
    if not card.endswith((".yaml", ".yml")):
        return card
    from engine.idea_card.load import load_card

    return load_card(Path(card)).id
