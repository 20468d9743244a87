"""A card's run in shadow, judged: whether what runs is what was tested. On demand.

The run itself is no asset (`trade live start CARD` goes on for weeks); its evidence is read, judged and
entered in the promotion ledger. Above it is `live`, which a person decides: `trade promote --stage live`.
"""

from __future__ import annotations

from typing import Any

from engine.errors import DataNotFound
from engine.gates.shadow import ShadowEvidence
from engine.promotion.policy import Stage
from engine.promotion.shadow_file import read_shadow_evidence
from engine.promotion.step_gates import Step, refuse_early
from engine.promotion.steps import Subject, decide_shadow
from engine.strategies.card_plan import CardPlan
from engine.tools.market import market_of
from trade_assets.assets.cards import card_key, decision_metadata, gates_verdict, on_demand_group
from trade_assets.assets.market import RAW_OHLCV_KEY
from trade_assets.assets.validation import VALIDATION, stands
from trade_assets.checks import SHADOW_GATES
from trade_assets.metadata import market_notice, moment, numbers
from trade_assets.partitioned import PartitionedAsset
from trade_assets.partitions import Partition
from trade_assets.work import Input, Made, Work

SHADOW = "shadow"

_FIGURES = (
    "closes",
    "decisions_compared",
    "decision_differences",
    "fill_differences",
    "fill_price_bps",
    "trades",
    "max_drawdown_pct",
    "net_return_pct",
)


def shadow_asset(plan: CardPlan) -> PartitionedAsset:
    """Return the asset `shadow` of a card."""
    card = plan.card

    def trades(partition: Partition) -> bool:
        return partition.symbol in card.symbols and partition.timeframe == card.timeframes.exec

    def shadow(work: Work, raw: dict[str, Any]) -> Made:
        symbol, resources = work.partition.symbol, work.resources
        subject = Subject(card, symbol, plan.system_hash)
        ledger = resources.promotion_database.ledger()
        standing = stands(ledger, subject)
        refuse_early(Step(subject.where, Stage.SHADOW, standing))
        run = read_shadow_evidence(
            resources.shadow_evidence.path, card.id, symbol, subject.timeframe, plan.system_hash
        )
        if run is None:
            raise DataNotFound(
                f"{subject.where} has not run in shadow as it is now",
                way_out=f"run it: trade live start {card.id} --symbol {symbol}",
            )
        decision = decide_shadow(subject, run, standing, decided_at_ms=resources.clock.now_ms())
        # The same evidence decided again gives the decision that stands, with its own time.
        decision = ledger.append(decision).decision
        market = market_of(raw["source"])
        return Made(
            {"decision": decision.to_plain(), "market": market.kind.value},
            metadata=market_notice(market.kind) | decision_metadata(decision) | _told(run),
            verdicts=(gates_verdict(decision, SHADOW_GATES),),
        )

    return PartitionedAsset(
        key=card_key(card.id, SHADOW),
        make=shadow,
        inputs={
            "raw": Input(RAW_OHLCV_KEY),
            "validated": Input(card_key(card.id, VALIDATION), is_argument=False),
        },
        applies=trades,
        gate=None,
        notes=(SHADOW_GATES,),
        group=on_demand_group(plan),
        code_version=plan.system_hash,
        resources=("promotion_database", "shadow_evidence", "clock"),
        description=f"Whether {card.id}, run in shadow, does what was tested, and a decision. On demand.",
        kinds=("json", "duckdb"),
    )


def _told(run: ShadowEvidence) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "first close": moment(run.start_ms),
        "last close": moment(run.end_ms),
        "first difference": run.first_difference or "none",
    } | numbers(vars(run), _FIGURES)
