"""A card's validation: the whole evidence behind its backtest, and the decision on it. On demand.

No sensor and no `trade run` makes it: it takes about a minute for a symbol. How much evidence is gathered is
said in the launchpad (or with `--config-json`). What it decides stands in the promotion ledger, beside what
`promotion` decides there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from engine.backtest.engine import BacktestEngine
from engine.backtest.measure import measure
from engine.backtest.prepare import prepare_history
from engine.backtest.sweep import available_cores
from engine.gates.base import GateResult
from engine.idea_card.parameter_space import ParameterSpace
from engine.promotion.ledger import PromotionLedger
from engine.promotion.policy import PromotionDecision, Stage
from engine.promotion.stages import Standing, standing
from engine.promotion.step_gates import Step, refuse_early
from engine.promotion.steps import Subject, decide_validated
from engine.promotion.validation import Validation, ValidationSettings, validate
from engine.reports.pictures import walk_forward_png
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from engine.tools.market import market_of
from trade_assets.assets.cards import card_key, decision_metadata, gates_verdict, on_demand_group
from trade_assets.checks import VALIDATION_GATES
from trade_assets.histories import history_from, history_inputs
from trade_assets.metadata import market_notice, moment, number, picture, table
from trade_assets.partitioned import PartitionedAsset
from trade_assets.partitions import Partition
from trade_assets.reports import write_partition_report
from trade_assets.work import Input, Made, Work

VALIDATION = "validation"

_AS_SHIPPED = ValidationSettings()
_CONFIG = {
    "windows": dg.Field(int, default_value=_AS_SHIPPED.windows, description="Of the walk-forward."),
    "sets": dg.Field(int, default_value=_AS_SHIPPED.most_sets, description="Sets of parameters tried."),
    "paths": dg.Field(int, default_value=_AS_SHIPPED.paths, description="Monte Carlo paths."),
    "seed": dg.Field(int, default_value=_AS_SHIPPED.seed, description="Of everything that is drawn."),
}


def validation_asset(plan: CardPlan, space: ParameterSpace) -> PartitionedAsset:
    """Return the asset `validation` of a card."""
    card = plan.card

    def trades(partition: Partition) -> bool:
        return partition.symbol in card.symbols and partition.timeframe == card.timeframes.exec

    def validation(
        work: Work,
        healed: Mapping[Timeframe, pd.DataFrame],
        funding: pd.DataFrame,
        rules: dict[str, Any],
        raw: dict[str, Any],
        open_interest: pd.DataFrame | None = None,
    ) -> Made:
        partition, resources = work.partition, work.resources
        subject = Subject(card, partition.symbol, plan.system_hash)
        ledger = resources.promotion_database.ledger()
        before = stands(ledger, subject)
        refuse_early(Step(subject.where, Stage.VALIDATED, before))
        settings = ValidationSettings(
            windows=work.config["windows"],
            most_sets=work.config["sets"],
            paths=work.config["paths"],
            seed=work.config["seed"],
        )
        history = history_from(partition.symbol, healed, funding, rules, open_interest)
        now_ms = resources.clock.now_ms()
        found = validate(
            space,
            space.defaults,
            history,
            settings=settings,
            policy=card.promotion.validation,
            ledger=resources.sweep_database.ledger(),
            at_ms=now_ms,
            workers=available_cores(),
        )
        decision = decide_validated(
            subject,
            found,
            before,
            settings=settings,
            data_fingerprint=history.fingerprint_with(plan.inputs()),
            decided_at_ms=now_ms,
        )
        # The same evidence decided again gives the decision that stands, with its own time.
        decision = ledger.append(decision).decision
        market = market_of(raw["source"])
        run = BacktestEngine().run(prepare_history(plan, history))
        report = write_partition_report(
            resources.artifacts.store().base,
            run,
            measure(run),
            decision,
            healed[card.timeframes.exec],
            market,
            evidence=found,
        )
        return Made(
            {"decision": decision.to_plain(), "market": market.kind.value, "report": report.file},
            metadata=market_notice(market.kind)
            | decision_metadata(decision)
            | report.metadata()
            | _evidence(found, decision),
            verdicts=(gates_verdict(decision, VALIDATION_GATES),),
        )

    return PartitionedAsset(
        key=card_key(card.id, VALIDATION),
        make=validation,
        inputs=history_inputs(plan)
        | {"backtested": Input(card_key(card.id, "promotion"), is_argument=False)},
        applies=trades,
        made_at=card.timeframes.exec,
        gate=None,
        notes=(VALIDATION_GATES,),
        group=on_demand_group(plan),
        code_version=plan.system_hash,
        resources=("promotion_database", "sweep_database", "clock"),
        config=_CONFIG,
        description=f"Whether the result of {card.id} was luck: all evidence, and a decision. On demand.",
        kinds=("numba", "json", "duckdb"),
    )


def stands(ledger: PromotionLedger, subject: Subject) -> Standing:
    """Return where a card stands on a symbol by the ledger."""
    card_id = subject.card.id
    return standing(ledger.history(card_id), card_id, subject.symbol, subject.timeframe, subject.system_hash)


def _evidence(found: Validation, decision: PromotionDecision) -> dict[str, Any]:
    """Return every figure that was judged, as a number to plot, and what the walk-forward came to."""
    windows: list[dict[str, str | int | float | bool | None]] = [
        {
            "from": pd.Timestamp(window.split.outside_start_ms, unit="ms").strftime("%Y-%m-%d"),
            "parameters": ", ".join(f"{name}={value}" for name, value in window.binding.items()) or "none",
            "net return inside, %": _rounded(window.inside.net_return_pct),
            "net return outside, %": _rounded(window.outside.net_return_pct),
        }
        for window in found.walk_forward.windows
    ]
    return {
        "trials": found.trials,
        "evidence from": moment(decision.evidence["start_ms"]),
        "evidence to": moment(decision.evidence["end_ms"]),
        "walk-forward": table(windows),
        "walk-forward strips": picture(walk_forward_png(found.walk_forward), "walk-forward"),
    } | {_figure(gate): number(gate.observed) for gate in decision.gates if gate.threshold is not None}


def _figure(gate: GateResult) -> str:
    """Return what the number that a gate judges is called, whichever way it is bounded."""
    return gate.gate.partition("_")[2]


def _rounded(value: float) -> float | None:
    return round(value, 4) if value == value else None  # noqa: PLR0124 - NaN is not itself
