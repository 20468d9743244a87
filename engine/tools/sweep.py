"""The tool that sweeps: many sets of a card's parameters over stored candles of one symbol.

Which sets: the whole grid, some of it at random, or those that a Bayesian search asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.errors import ConfigurationError
from engine.settings import Cluster
from engine.tools.backtest import asked_window
from engine.tools.cards import find_space
from engine.tools.cost import CostScale, ToolCost
from engine.tools.file_access import FileAccess
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store, sweep_ledger

if TYPE_CHECKING:
    from engine.backtest.sweep_results import SetResult
    from engine.idea_card.parameter_space import Binding

_SWEEPS_FOLDER = "sweeps"
_TASK = "sweep"


class WhatToSweep(ToolInput):
    """Which card, on what, how many sets, and what is best."""

    card: str = Field(description="the card's id, or a YAML file; some of its values are {param: name}")
    symbol: str = Field(description="the symbol, as BTCUSDT")
    search: Literal["grid", "random", "bayesian"] = Field(
        "grid", description="grid: every set; random: some of them; bayesian: learned from those before"
    )
    trials: int | None = Field(None, ge=1, description="how many sets; of random and bayesian")
    seed: int = Field(0, ge=0, description="of random and bayesian: the same seed, the same sets")
    objective: str | None = Field(None, description="the metric a Bayesian search is after, as sharpe")
    workers: int | None = Field(None, ge=1, description="threads; none: one per core")
    cluster: str | None = Field(
        None, description="instead of threads: local:4 (processes), or a Dask scheduler's tcp://host:8786"
    )
    out: Path | None = Field(None, description="Parquet file of the results; none: below the data folder")
    start: str | None = Field(None, description="first moment (UTC), as 2025-01-31; none: all there is")
    end: str | None = Field(None, description="end of the window (UTC), not included")
    by: str | None = Field(
        None, description="the metric that says which sets are best; none: the objective, or net_return_pct"
    )
    best: int = Field(10, ge=1, le=1000, description="how many of the best sets to answer with")


def run_sweep_tool(asked: WhatToSweep, context: ToolContext) -> dict[str, Any]:
    """Run the sets, keep each result as it comes, write the table and answer with the best.

    A sweep that was interrupted goes on where it stopped when it is asked for again. Every trial is entered
    in the sweep ledger.
    """
    from engine.backtest.cluster import connected, run_sweep_on
    from engine.backtest.searching import Search, SearchRequest, ranked, refuse_unknown_metric
    from engine.backtest.sweep import available_cores, run_sweep
    from engine.backtest.sweep_history import SWEPT_METRICS, sweep_from_store
    from engine.backtest.sweep_results import SweepJournal, results_table
    from engine.promotion.trial_notes import TrialNotes
    from engine.promotion.trials import searched_over

    by = asked.by or asked.objective or "net_return_pct"
    refuse_unknown_metric(by)
    cluster = _cluster(asked, context)
    request = SearchRequest(Search(asked.search), asked.trials, asked.seed, asked.objective)
    start_ms, end_ms = asked_window(asked.start, asked.end)
    space = find_space(asked.card, context.settings)
    sets = request.sets(space)
    market = stored_market(context.settings)
    context.progress.start(_TASK, len(sets) if sets is not None else asked.trials or 0)
    history = sweep_from_store(
        space.card, asked.symbol, market_store(context.settings), start_ms=start_ms, end_ms=end_ms
    )
    window = [asked.start, asked.end]
    identity = request.identity(space, data=history.history.data_fingerprint, window=window)
    card = space.card
    folder = context.settings.data_dir / context.settings.exchange.value / _SWEEPS_FOLDER / card.id
    out = asked.out or folder / f"{asked.symbol}_{card.timeframes.exec}_{identity}.parquet"
    reused = 0
    searched = searched_over(space, history, search=asked.search, sweep_id=identity)
    notes = TrialNotes(sweep_ledger(context.settings), searched, context.now_ms)

    with ExitStack() as opened:
        client = None if cluster is None else opened.enter_context(connected(cluster))
        opened.enter_context(notes)
        journal = opened.enter_context(SweepJournal(out, SWEPT_METRICS))

        def on_result(result: SetResult, was_finished: bool) -> None:
            nonlocal reused
            if was_finished:
                reused += 1
            else:
                journal.note(result)
            notes.note(result)
            context.progress.advance(_TASK)

        def run(sets: Sequence[Binding]) -> tuple[SetResult, ...]:
            known = journal.finished
            if client is not None:
                return run_sweep_on(client, space, sets, history, finished=known, on_result=on_result)
            workers = asked.workers or available_cores()
            return run_sweep(space, sets, history, workers=workers, finished=known, on_result=on_result)

        results = request.results(space, run)
        journal.complete(results_table(results, space.parameters))
    context.progress.finish(_TASK)
    return {
        "market": market,
        "card_id": card.id,
        "card_version": card.version,
        "symbol": asked.symbol,
        "timeframe": card.timeframes.exec,
        "window": history.window(card),
        "sweep_id": identity,
        "family": searched.family,
        "sets": len(results),
        "reused": reused,
        "new_trials": notes.added,
        "search": asked.search,
        "by": by,
        "best": [
            {
                "parameters": result.binding,
                "system_hash": result.system_hash,
                "run_id": result.run_id,
                "metrics": result.metrics,
            }
            for result in ranked(results, by)[: asked.best]
        ],
        "out": str(out),
    }


def _cluster(asked: WhatToSweep, context: ToolContext) -> Cluster | None:
    if asked.workers is not None:
        if asked.cluster is not None:
            raise ConfigurationError(
                f"{asked.workers} threads of this process and the cluster {asked.cluster} were asked for",
                way_out="leave one of them out",
            )
        return None
    if asked.cluster is None:
        return context.settings.cluster
    cluster = Cluster.parse(asked.cluster)
    elsewhere = cluster is not None and cluster.address is not None and cluster != context.settings.cluster
    # code and candles are sent there, and what comes back is trusted
    if elsewhere and context.files is not FileAccess.ANYWHERE:
        raise ConfigurationError(
            f"this caller may not send work to {asked.cluster}",
            way_out="leave cluster out, or say local:2; TRADE_CLUSTER names the one that is allowed",
        )
    return cluster


TOOLS = (
    ToolSpec(
        "backtest.sweep",
        "Backtest many sets of a card's parameters on stored candles of one symbol; write a Parquet table.",
        SideEffect.COMPUTE,
        WhatToSweep,
        run_sweep_tool,
        cost=ToolCost(CostScale.MINUTES, "sets of parameters x bars in the window"),
    ),
)
