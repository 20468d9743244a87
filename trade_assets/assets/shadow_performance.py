"""What cards have shown in shadow, as an asset: each run held against the backtest, the evidence written."""

from __future__ import annotations

import dagster as dg

from engine.errors import TradeError
from engine.live.evidence import write_evidence
from engine.live.run_folder import RunMode, run_folders, runs_root
from engine.settings import TradeSettings
from engine.strategies.card_plan import PlanFolder
from trade_assets.metadata import table

SHADOW_PERFORMANCE_KEY = ("shadow_performance",)


def shadow_performance_asset(settings: TradeSettings, folder: PlanFolder) -> dg.AssetsDefinition:
    """Return the asset `shadow_performance`: the evidence of every shadow run of the settings' exchange.

    Runs of cards that have changed since, or are not in the folder, are listed with the reason and left out.
    """

    @dg.asset(
        key=dg.AssetKey(list(SHADOW_PERFORMANCE_KEY)),
        description="Every shadow run next to a backtest over what it has seen: closes, differences, trades, "
        "return. Written for the stage shadow of promotion to read.",
        group_name="live",
        kinds={"json"},
    )
    def shadow_performance() -> dg.MaterializeResult[None]:
        rows: list[dict[str, str | int | float | bool | None]] = []
        left_out: list[dict[str, str | int | float | bool | None]] = []
        differences = 0
        for run in run_folders(runs_root(settings)):
            identity = run.identity()
            if identity.mode is not RunMode.SHADOW:
                continue
            plans = [folder.plans[card.card_id] for card in identity.cards if card.card_id in folder.plans]
            try:
                found = write_evidence(run, plans, settings.shadow_folder)
            except TradeError as error:
                left_out.append({"run": run.path.name, "why": error.problem})
                continue
            differences += sum(each.decision_differences + each.fill_differences for each in found)
            rows += [
                {
                    "run": run.path.name,
                    "card": each.card_id,
                    "symbol": each.symbol,
                    "days": round(each.days, 2),
                    "closes": each.closes,
                    "compared": each.decisions_compared,
                    "differences": each.decision_differences + each.fill_differences,
                    "trades": each.trades,
                    "net_return_pct": round(each.net_return_pct, 3),
                    "max_drawdown_pct": round(each.max_drawdown_pct, 3),
                }
                for each in found
            ]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(rows),
                "differences": differences,
                "runs": table(rows),
                "left out": table(left_out),
            }
        )

    return shadow_performance
