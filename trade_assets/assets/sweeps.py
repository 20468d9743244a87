"""A card's sweep: sets of its parameters over the graph's own candles, on demand.

No sensor and no `trade run` makes it: what it costs is for somebody to ask for. Which sets are run is said
in the launchpad (or with `--config-json`); where nothing is, the whole grid, or a sample of a large one.
Every trial is entered in the sweep ledger as it is done; what stands there is not run again, so a sweep that
was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import dagster as dg
import pandas as pd

from engine.backtest.cluster import connected, run_sweep_on
from engine.backtest.searching import Search, SearchRequest, ranked, refuse_unknown_metric
from engine.backtest.sweep import available_cores, run_sweep
from engine.backtest.sweep_history import FEATURE_BYTES, SweepHistory
from engine.backtest.sweep_results import SetResult, results_table
from engine.hashing import hash_of
from engine.idea_card.frozen import to_plain
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.metrics.catalogue import metric_spec
from engine.promotion.trial_notes import TrialNotes
from engine.promotion.trials import searched_over
from engine.reports.heat_map import heat_map_png
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from engine.tools.backtest import asked_window
from engine.tools.market import market_of
from trade_assets.assets.cards import card_key, on_demand_group
from trade_assets.histories import history_from, history_inputs
from trade_assets.metadata import market_notice, number, picture, table
from trade_assets.partitioned import PartitionedAsset
from trade_assets.partitions import Partition
from trade_assets.work import Made, Work

SWEEP = "sweep"

# A grid up to this size is run whole where nobody says which sets; of a larger one so many at random.
_UNASKED_SETS = 1_000
_SHOWN = 10
_SHOWN_METRICS = ("net_return_pct", "sharpe", "max_drawdown_pct", "profit_factor", "trades")

_CONFIG = {
    "search": dg.Field(
        dg.Enum("Search", [dg.EnumValue(each.value) for each in Search]),
        is_required=False,
        description="How sets are chosen.",
    ),
    "trials": dg.Field(int, is_required=False, description="How many sets; of random and bayesian."),
    "seed": dg.Field(int, default_value=0, description="The same seed draws the same sets."),
    "objective": dg.Field(str, is_required=False, description="The metric a Bayesian search is after."),
    "by": dg.Field(str, default_value="sharpe", description="The metric that says which sets are best."),
    "start": dg.Field(str, is_required=False, description="First moment (UTC); all there is if left out."),
    "end": dg.Field(str, is_required=False, description="End of the window (UTC), not included."),
}


def sweep_asset(plan: CardPlan, space: ParameterSpace) -> PartitionedAsset:
    """Return the asset `sweep` of a card with parameters."""
    card = plan.card

    def trades(partition: Partition) -> bool:
        return partition.symbol in card.symbols and partition.timeframe == card.timeframes.exec

    def sweep(
        work: Work,
        healed: Mapping[Timeframe, pd.DataFrame],
        funding: pd.DataFrame,
        rules: dict[str, Any],
        raw: dict[str, Any],
        open_interest: pd.DataFrame | None = None,
    ) -> Made:
        by, request = work.config["by"], _request(work.config, space)
        refuse_unknown_metric(by)
        start_ms, end_ms = asked_window(work.config.get("start"), work.config.get("end"))
        history = history_from(
            work.partition.symbol, healed, funding, rules, open_interest, feature_bytes=FEATURE_BYTES
        )
        swept = SweepHistory(history, start_ms, end_ms)
        window = [work.config.get("start"), work.config.get("end")]
        identity = request.identity(space, data=history.data_fingerprint, window=window)
        ledger = work.resources.sweep_database.ledger()
        searched = searched_over(space, swept, search=request.search.value, sweep_id=identity)
        finished = ledger.finished(searched)

        cluster = work.resources.cluster.cluster()

        with ExitStack() as opened:
            client = None if cluster is None else opened.enter_context(connected(cluster))
            notes = opened.enter_context(TrialNotes(ledger, searched, work.resources.clock.now_ms))

            def on_result(result: SetResult, _was_finished: bool) -> None:
                notes.note(result)

            def run(sets: Sequence[Binding]) -> tuple[SetResult, ...]:
                if client is not None:
                    return run_sweep_on(client, space, sets, swept, finished=finished, on_result=on_result)
                workers = available_cores()
                return run_sweep(space, sets, swept, workers=workers, finished=finished, on_result=on_result)

            results = request.results(space, run)
        found = results_table(results, space.parameters)
        best = ranked(results, by)
        higher = metric_spec(by).better.value != "lower"
        title = f"{card.id} on {work.partition.symbol} {card.timeframes.exec}: {by}, the best of each cell"
        return Made(
            found,
            metadata=market_notice(market_of(raw["source"]).kind)
            | {
                "heat map": picture(heat_map_png(found, by, higher_is_better=higher, title=title), title),
                "best sets": table([_row(result, by) for result in best[:_SHOWN]]),
                "sweep": identity,
                "search": request.search.value,
                "sets": len(results),
                "new trials": notes.added,
                "trials of the family": len(ledger.sharpes(searched.family)),
            }
            | {f"best {name}": number(best[0].metrics[name]) for name in _SHOWN_METRICS},
        )

    return PartitionedAsset(
        key=card_key(card.id, SWEEP),
        make=sweep,
        inputs=history_inputs(plan),
        applies=trades,
        made_at=card.timeframes.exec,
        gate=None,
        group=on_demand_group(plan),
        code_version=_version(plan, space),
        resources=("sweep_database", "clock", "cluster"),
        config=_CONFIG,
        description=f"Sets of the parameters of {card.id}, each backtested; a row per set. On demand.",
        kinds=("numba", "optuna", "parquet"),
    )


def _request(config: Mapping[str, Any], space: ParameterSpace) -> SearchRequest:
    if "search" not in config and space.points > _UNASKED_SETS:
        return SearchRequest(Search.RANDOM, config.get("trials", _UNASKED_SETS), config["seed"])
    search = Search(config.get("search", Search.GRID))
    return SearchRequest(search, config.get("trials"), config["seed"], config.get("objective"))


def _version(plan: CardPlan, space: ParameterSpace) -> str:
    parameters = {name: to_plain(parameter) for name, parameter in space.parameters.items()}
    return hash_of([plan.system_hash, parameters, [str(constraint) for constraint in space.constraints]])


def _row(result: SetResult, by: str) -> dict[str, str | int | float | bool | None]:
    chosen = ", ".join(f"{name}={to_plain(value)}" for name, value in result.binding.items())
    metrics = {name: _rounded(result.metrics[name]) for name in dict.fromkeys((by, *_SHOWN_METRICS))}
    return {"parameters": chosen, **metrics, "run id": result.run_id[:12]}


def _rounded(value: float) -> float | None:
    return round(value, 4) if value == value else None  # noqa: PLR0124 - NaN is not itself
