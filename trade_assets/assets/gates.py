"""The gates on a card's run in full, on demand: look-ahead at every entry, warm-up, determinism and the rest.

No sensor and no `trade run` makes it: it takes some ten seconds for a symbol. What stands behind it may ask
for it as an input: a run that a gate refuses is refused there too, in the next run and in every later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from engine.features.inputs import OPEN_INTEREST_INPUTS
from engine.gates.card_catalogue import RUN_GATES as GATES
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.assets.cards import card_key, on_demand_group
from trade_assets.assets.market import FUNDING_EVENTS_KEY, INSTRUMENT_RULES_KEY, OPEN_INTEREST_KEY
from trade_assets.checks import RUN_GATES, verdict_of
from trade_assets.metadata import table
from trade_assets.partitioned import PartitionedAsset
from trade_assets.partitions import Partition
from trade_assets.run_checks import run_of
from trade_assets.work import Input, Made, Work

_WAY_OUT = "mend what the gate names, and materialize it again; `trade gate CARD` tells the same"


def gates_asset(plan: CardPlan) -> PartitionedAsset:
    """Return the asset `gates` of a card."""
    card = plan.card
    timeframes = tuple(card.timeframes.all_timeframes().values())

    def trades(partition: Partition) -> bool:
        return partition.symbol in card.symbols and partition.timeframe == card.timeframes.exec

    def gates(
        work: Work,
        frames: Mapping[Timeframe, pd.DataFrame],
        funding: pd.DataFrame,
        rules: dict[str, Any],
        open_interest: pd.DataFrame | None = None,
    ) -> Made:
        run = run_of(plan, work.partition.symbol, frames, funding, rules, open_interest)
        results = [each.judge(run) for each in GATES]
        rows: list[dict[str, str | int | float | bool | None]] = [
            {"gate": each.gate, "passed": each.passed, "finding": each.summary, "checks": each.checks}
            for each in results
        ]
        return Made(
            {"run_id": run.result.run_id, "gates": [each.to_plain() for each in results]},
            metadata={"gates": table(rows), "run id": run.result.run_id},
            verdicts=(verdict_of(RUN_GATES, results, way_out=_WAY_OUT),),
        )

    inputs = {
        "frames": Input(card_key(card.id, "feature_frames"), timeframes=timeframes),
        "funding": Input(FUNDING_EVENTS_KEY),
        "rules": Input(INSTRUMENT_RULES_KEY),
    }
    if plan.looks_at(OPEN_INTEREST_INPUTS):
        inputs["open_interest"] = Input(OPEN_INTEREST_KEY)
    return PartitionedAsset(
        key=card_key(card.id, "gates"),
        make=gates,
        inputs=inputs,
        applies=trades,
        made_at=card.timeframes.exec,
        gate=RUN_GATES,
        group=on_demand_group(plan),
        code_version=plan.system_hash,
        description=f"What the gates on a run say of {card.id}: one verdict each. On demand.",
        kinds=("json",),
    )
