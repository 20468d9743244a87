"""A card's branch of the graph: feature frames, backtest, metrics, promotion. One YAML file, one branch.

What a card means, how it is simulated, measured and judged belongs to `engine`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from engine.backtest.detail_report import DetailReport
from engine.backtest.measure import measure
from engine.backtest.result import BacktestResult
from engine.backtest.schemas import check_result
from engine.errors import DataError, GateRefused
from engine.features.builder import FeatureFrameBuilder
from engine.features.inputs import FUNDING_INPUTS, OPEN_INTEREST_INPUTS
from engine.features.schemas import feature_frame_schema
from engine.market_data.schemas import validate
from engine.metrics.compute import Metrics
from engine.promotion.policy import PromotionDecision, decide_run
from engine.reports.pictures import equity_png
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe, format_utc
from engine.tools.market import market_of
from trade_assets.artifacts import Address
from trade_assets.assets.market import (
    FUNDING_EVENTS_KEY,
    HEALED_OHLCV_KEY,
    INSTRUMENT_RULES_KEY,
    OPEN_INTEREST_KEY,
    RAW_OHLCV_KEY,
)
from trade_assets.checks import ACCOUNTS_AGREE, LOOK_AHEAD, PARITY, PROMOTION_GATES, SCHEMA, CheckVerdict
from trade_assets.feature_store import DataHashes, StoredFeatures
from trade_assets.metadata import market_notice, moment, number, numbers, picture, rows_and_times, table
from trade_assets.partitioned import PartitionedAsset
from trade_assets.partitions import Partition
from trade_assets.reports import write_partition_report
from trade_assets.run_checks import quick_verdicts, run_of
from trade_assets.work import Input, Made, Work

HEADLINE_METRICS = (
    "trades",
    "net_return_pct",
    "max_drawdown_pct",
    "sharpe",
    "profit_factor",
    "win_rate_pct",
    "fees_usdt",
    "funding_usdt",
    "liquidations",
    "ambiguous_share_pct",
    "filled_share_pct",
)


def card_key(card_id: str, asset: str) -> tuple[str, ...]:
    """Return the key of a card's asset ("backtest_results")."""
    return ("cards", card_id, asset)


def card_group(plan: CardPlan) -> str:
    """Return the asset group of a card's branch, which can be made as a whole."""
    return f"card_{plan.card.id}"


def on_demand_group(plan: CardPlan) -> str:
    """Return the asset group of what is made of a card only when somebody asks for it by name."""
    return f"{card_group(plan)}_on_demand"


def card_keys(plan: CardPlan, timeframes: Collection[Timeframe]) -> list[tuple[str, ...]]:
    """Return the keys of the assets there is something to make of at `timeframes` for the card.

    They are its own, and the open interest before them if it looks at that.
    """
    made = ["feature_frames"] if set(timeframes) & set(plan.card.timeframes.all_timeframes().values()) else []
    if plan.card.timeframes.exec in timeframes:
        made += ["backtest_results", "metrics", "promotion"]
    before = [OPEN_INTEREST_KEY] if made and plan.looks_at(OPEN_INTEREST_INPUTS) else []
    return [*before, *(card_key(plan.card.id, asset) for asset in made)]


def card_assets(plan: CardPlan) -> list[PartitionedAsset]:
    """Return the branch of one card."""
    card = plan.card
    roles = {timeframe: role for role, timeframe in card.timeframes.roles().items()}
    timeframes = tuple(card.timeframes.all_timeframes().values())

    def uses(partition: Partition) -> bool:
        return partition.symbol in card.symbols and partition.timeframe in timeframes

    def trades(partition: Partition) -> bool:
        return partition.symbol in card.symbols and partition.timeframe == card.timeframes.exec

    def feature_frames(
        work: Work,
        healed: pd.DataFrame,
        funding: pd.DataFrame | None = None,
        open_interest: pd.DataFrame | None = None,
    ) -> Made:
        partition = work.partition
        role = roles.get(partition.timeframe, "")
        features = plan.features_of(role)
        inputs = [name for _, name in plan.inputs(role)]
        known = StoredFeatures(
            work.resources.artifacts.store().base, partition, _data_hashes(work.taken, partition)
        )
        frame = FeatureFrameBuilder(features, inputs).build(
            healed, funding=funding, open_interest=open_interest, known=known
        )
        schema = feature_frame_schema(features, partition.timeframe, inputs)
        validate(frame, schema, f"feature frame {partition}")
        reused = [name for name, feature in features.items() if feature in known.reused]
        return Made(
            frame,
            metadata=rows_and_times(frame, "ts_open", "candle")
            | {
                "features": ", ".join(features) or "none",
                "features reused": ", ".join(reused) or "none",
                "features computed": ", ".join(name for name in features if name not in reused) or "none",
            },
            verdicts=(CheckVerdict(SCHEMA, True, metadata={"rows": len(frame)}),),
        )

    def backtest_results(
        work: Work,
        frames: Mapping[Timeframe, pd.DataFrame],
        funding: pd.DataFrame,
        rules: dict[str, Any],
        open_interest: pd.DataFrame | None = None,
    ) -> Made:
        _refuse_lagging(frames, card.timeframes.exec, work.partition)
        run = run_of(plan, work.partition.symbol, frames, funding, rules, open_interest)
        check_result(run.result)
        return Made(run.result, metadata=_run_metadata(run.result), verdicts=quick_verdicts(run))

    def metrics(_work: Work, backtest: BacktestResult) -> Made:
        measured = measure(backtest)
        return Made(
            {"run_id": backtest.run_id, "metrics": measured.to_plain()},
            metadata=numbers(vars(measured), HEADLINE_METRICS),
            verdicts=(_accounts_agree(backtest),),
        )

    def promotion(
        work: Work,
        measured: dict[str, Any],
        backtest: BacktestResult,
        candles: pd.DataFrame,
        raw: dict[str, Any],
    ) -> Made:
        if measured["run_id"] != backtest.run_id:
            raise GateRefused(
                f"the metrics of {card.id} on {work.partition} are of run {measured['run_id'][:12]}, "
                f"the backtest is {backtest.run_id[:12]}",
                way_out="materialize the metrics again",
            )
        figures = Metrics.from_plain(measured["metrics"])
        decision = decide_run(backtest, figures, card.promotion, decided_at_ms=work.resources.clock.now_ms())
        # The same evidence decided again gives the decision that stands, with its own time.
        decision = work.resources.promotion_database.ledger().append(decision).decision
        market = market_of(raw["source"])
        report = write_partition_report(
            work.resources.artifacts.store().base, backtest, figures, decision, candles, market
        )
        return Made(
            {
                "decision": decision.to_plain(),
                "market": market.kind.value,
                "report": report.file,
                "detail": None if backtest.detail is None else backtest.detail.to_plain(),
            },
            metadata=market_notice(market.kind)
            | decision_metadata(decision)
            | report.metadata()
            | numbers(vars(figures), HEADLINE_METRICS),
            verdicts=(gates_verdict(decision, PROMOTION_GATES),),
        )

    frames_key, backtest_key, metrics_key, promotion_key = (
        card_key(card.id, asset) for asset in ("feature_frames", "backtest_results", "metrics", "promotion")
    )
    group = card_group(plan)
    events = {}
    if plan.looks_at(FUNDING_INPUTS):
        events["funding"] = Input(FUNDING_EVENTS_KEY)
    if plan.looks_at(OPEN_INTEREST_INPUTS):
        events["open_interest"] = Input(OPEN_INTEREST_KEY)
    return [
        PartitionedAsset(
            key=frames_key,
            make=feature_frames,
            inputs={"healed": Input(HEALED_OHLCV_KEY), **events},
            applies=uses,
            group=group,
            code_version=plan.system_hash,
            description=f"Candles and features of {card.id}, on each timeframe it looks at.",
            kinds=("parquet", "pandera"),
        ),
        PartitionedAsset(
            key=backtest_key,
            make=backtest_results,
            inputs={
                "frames": Input(frames_key, timeframes=timeframes),
                "rules": Input(INSTRUMENT_RULES_KEY),
                **events,
                "funding": Input(FUNDING_EVENTS_KEY),
            },
            applies=trades,
            made_at=card.timeframes.exec,
            notes=(LOOK_AHEAD, PARITY),
            group=group,
            code_version=plan.system_hash,
            description=f"{card.description} Simulated on {card.timeframes.exec} over the whole history.",
            kinds=("numba", "parquet"),
        ),
        PartitionedAsset(
            key=metrics_key,
            make=metrics,
            inputs={"backtest": Input(backtest_key)},
            applies=trades,
            gate=ACCOUNTS_AGREE,
            group=group,
            code_version=plan.system_hash,
            description="Return, risk, trade and cost figures of the backtest.",
            kinds=("json",),
        ),
        PartitionedAsset(
            key=promotion_key,
            make=promotion,
            inputs={
                "measured": Input(metrics_key),
                "backtest": Input(backtest_key),
                "candles": Input(frames_key),
                "raw": Input(RAW_OHLCV_KEY),
            },
            applies=trades,
            gate=None,
            notes=(PROMOTION_GATES,),
            group=group,
            code_version=plan.system_hash,
            resources=("promotion_database", "clock"),
            description="Whether the card may go on, by the thresholds it sets itself; kept in the ledger.",
            kinds=("json", "duckdb"),
        ),
    ]


def _data_hashes(taken: Mapping[str, str], partition: Partition) -> DataHashes:
    def hash_of(key: tuple[str, ...]) -> str:
        return taken.get(Address(key, partition).path, "")

    return DataHashes(hash_of(HEALED_OHLCV_KEY), hash_of(FUNDING_EVENTS_KEY), hash_of(OPEN_INTEREST_KEY))


def _refuse_lagging(
    frames: Mapping[Timeframe, pd.DataFrame], exec_timeframe: Timeframe, partition: Partition
) -> None:
    """Refuse frames of which a higher one ends before the last bar that is closed at the end of the run.

    The run would go on with an older bar where it knew a newer one, which no rule allows.
    """
    end_ms = exec_timeframe.close(int(frames[exec_timeframe]["ts_open"].iloc[-1]))
    for timeframe, frame in frames.items():
        last = int(frame["ts_open"].iloc[-1])
        if last < timeframe.last_closed(end_ms):
            raise DataError(
                f"{partition} goes up to {format_utc(end_ms)}, but the {timeframe} candles end at "
                f"{format_utc(timeframe.close(last))}, although later ones have closed",
                way_out=f"materialize {partition.at(timeframe).key} first, or a range that holds both",
            )


def _run_metadata(result: BacktestResult) -> dict[str, Any]:
    counters = result.counters
    title = f"{result.card_id} on {result.symbol} {result.exec_timeframe}"
    png = equity_png(result.equity, starting_equity_usdt=result.starting_equity_usdt, title=title)
    return {
        "equity": picture(png, f"equity of {title}"),
        "run id": result.run_id,
        "first bar": moment(result.window[0]),
        "last bar": moment(result.window[1]),
        "final_equity_usdt": number(result.final_equity_usdt),
        "trades": len(result.trades),
        "bars": counters.bars,
        "filled bars": counters.filled_bars,
        "ambiguous trades": counters.ambiguous_trades,
        "liquidations": counters.liquidations,
        "stopped early": counters.stopped_early or "no",
        **_detail_metadata(result.detail),
    }


def _detail_metadata(detail: DetailReport | None) -> dict[str, Any]:
    if detail is None:
        return {}
    return {
        "filled on": str(detail.timeframe),
        "bars filled on it, %": number(detail.covered_pct),
        "ambiguous trades without it": detail.ambiguous_without,
        "trades it changed": detail.changed_trades,
        "net PnL it added, USDT": number(detail.net_pnl_difference_usdt),
    }


def _accounts_agree(result: BacktestResult) -> CheckVerdict:
    """Check that what the trades made, one by one, is what the account shows at the end."""
    made = math.fsum(result.trades["net_pnl_usdt"])
    grown = result.final_equity_usdt - result.starting_equity_usdt
    difference = abs(made - grown)
    # Nothing but the order of additions may come between the two sums.
    allowed = 1e-9 * max(result.starting_equity_usdt, abs(grown)) * max(1, len(result.trades))
    figures = {"trades_usdt": made, "account_usdt": grown, "difference_usdt": difference}
    if difference > allowed:
        raise GateRefused(
            f"the trades of run {result.run_id[:12]} made {made:.6f} USDT, the account grew by {grown:.6f}",
            way_out="this is a fault of the simulator: keep the run and report it",
        )
    return CheckVerdict(ACCOUNTS_AGREE, True, metadata=numbers(figures, tuple(figures)))


def gates_verdict(decision: PromotionDecision, check: str) -> CheckVerdict:
    """Return what a check says of a decision: the finding of every gate that refuses."""
    refusing = [result for result in decision.gates if not result.passed]
    said = "; ".join(f"{result.gate}: {result.summary}" for result in refusing)
    return CheckVerdict(
        check,
        decision.promoted,
        description=said or f"all {len(decision.gates)} gates passed",
        metadata={"gates": _gates_table(decision)},
    )


def decision_metadata(decision: PromotionDecision) -> dict[str, Any]:
    """Return a decision and its gates for the UI."""
    return {
        "decision": decision.decision.value,
        "refused by": decision.refused_by or "nothing",
        "stage": decision.stage.value,
        "decided at": moment(decision.decided_at_ms),
        "gates": _gates_table(decision),
    }


def _gates_table(decision: PromotionDecision) -> dg.MetadataValue[Any]:
    return table(
        [
            {"gate": result.gate, "passed": result.passed, "finding": result.summary, "checks": result.checks}
            for result in decision.gates
        ]
    )
