"""The folder of cards as an asset: what is in it, and what keeps a file out of the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from engine.errors import CardError
from engine.settings import TradeSettings
from engine.strategies.card_plan import CardPlan, load_plans
from trade_assets.metadata import table

EVERY_CARD_LOADS = "every_card_loads"


def idea_cards_asset(settings: TradeSettings) -> dg.AssetsDefinition:
    """Return the asset `idea_cards`; it reads the folder anew whenever it is materialized."""
    key = dg.AssetKey("idea_cards")

    @dg.asset(
        key=key,
        check_specs=[
            dg.AssetCheckSpec(
                EVERY_CARD_LOADS, asset=key, description="No file of the folder is left out of the graph."
            )
        ],
        description=f"The IdeaCards in {settings.cards_dir}. A new or changed file shows up in the graph "
        "when the code location is reloaded.",
        group_name="cards",
        kinds={"yaml"},
    )
    def idea_cards() -> Iterator[Any]:
        folder = load_plans(settings.cards_dir)
        problems = {name: _told(error) for name, error in folder.errors.items()}
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(folder.plans),
                "cards": table([_row(plan) for plan in folder.plans.values()]),
                "left out": len(problems),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=EVERY_CARD_LOADS,
                    passed=not problems,
                    description=", ".join(problems) or "every file is a usable card",
                    metadata=problems,
                )
            ],
        )

    return idea_cards


def _row(plan: CardPlan) -> dict[str, str | int | float | bool | None]:
    card = plan.card
    return {
        "card": card.id,
        "version": card.version,
        "symbols": ", ".join(card.symbols),
        "timeframes": ", ".join(str(each) for each in card.timeframes.all_timeframes().values()),
        "system hash": plan.system_hash[:12],
    }


def _told(error: CardError) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"```\n{error}\n```")
