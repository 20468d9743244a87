"""The tool that sweeps: many sets of a card's parameters over stored candles of one symbol.

Which sets: the whole grid, some of it at random, or those that a Bayesian search asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.hashing import hash_of
from engine.idea_card.findings import did_you_mean
from engine.settings import TradeSettings
from engine.tools.backtest import asked_window
from engine.tools.cards import find_space
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import stored_market
from engine.tools.plain import to_plain
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store, sweep_ledger

if TYPE_CHECKING:
    from engine.backtest.search import Objective
    from engine.backtest.sweep_results import SetResult
    from engine.idea_card.parameter_space import Binding, ParameterSpace

MOST_SETS = 100_000
"""Sets of one sweep: more are asked for at random, or by mistake."""

MOST_SEARCHED = 5_000
"""Trials of one Bayesian search. The proposals of the first thousand take some ten seconds; of twice as many
trials they take about three times as long."""

_SWEEPS_FOLDER = "sweeps"
_TASK = "sweep"
_NAME_DIGITS = 12


class Search(Enum):
    """How the sets of a sweep are chosen."""

    GRID = "grid"
    RANDOM = "random"
    BAYESIAN = "bayesian"


class WhatToSweep(ToolInput):
    """Which card, on what, how many sets, and what is best."""

    card: str = Field(description="the card's id, or a YAML file; some of its values are {param: name}")
    symbol: str = Field(description="the symbol, as BTCUSDT")
    search: Search = Field(
        Search.GRID, description="grid: every set; random: some of them; bayesian: learned from those before"
    )
    trials: int | None = Field(None, ge=1, description="how many sets; of random and bayesian")
    seed: int = Field(0, ge=0, description="of random and bayesian: the same seed, the same sets")
    objective: str | None = Field(None, description="the metric a Bayesian search is after, as sharpe")
    workers: int | None = Field(None, ge=1, description="threads; none: one per core")
    out: Path | None = Field(None, description="Parquet file of the results; none: below the data folder")
    start: str | None = Field(None, description="first moment (UTC), as 2025-01-31; none: all there is")
    end: str | None = Field(None, description="end of the window (UTC), not included")
    by: str | None = Field(
        None, description="the metric that says which sets are best; none: the objective, or net_return_pct"
    )
    best: int = Field(10, ge=1, le=1000, description="how many of the best sets to answer with")


def run_sweep_tool(asked: WhatToSweep, context: ToolContext) -> dict[str, Any]:
    """Run the sets, keep each result as it comes, write the table and answer with the best.

    A sweep that was interrupted goes on where it stopped when it is asked for again.
    """
    from engine.backtest.search import bayesian_search
    from engine.backtest.sweep import available_cores, run_sweep
    from engine.backtest.sweep_history import SWEPT_METRICS, sweep_from_store
    from engine.backtest.sweep_results import SweepJournal, results_table
    from engine.promotion.trial_notes import TrialNotes
    from engine.promotion.trials import searched_over

    by = asked.by or asked.objective or "net_return_pct"
    for metric in (by, asked.objective):
        if metric is not None and metric not in SWEPT_METRICS:
            raise ConfigurationError(
                f"a sweep does not measure {metric!r}", way_out=did_you_mean(metric, SWEPT_METRICS)
            )
    _refuse_what_does_not_fit(asked)
    start_ms, end_ms = asked_window(asked.start, asked.end)
    space = find_space(asked.card, context.settings)
    if not space.parameters:
        raise ConfigurationError(
            f"card {space.card.id} has no parameters to sweep",
            way_out="write {param: name} for a value, and its range under parameters: "
            "{name: {default: 9, min: 5, max: 20, step: 1}}",
        )
    sets = None if asked.search is Search.BAYESIAN else _sets(space, asked)
    market = stored_market(context.settings)
    context.progress.start(_TASK, len(sets) if sets is not None else asked.trials or 0)
    history = sweep_from_store(
        space.card, asked.symbol, market_store(context.settings), start_ms=start_ms, end_ms=end_ms
    )
    identity = _identity(space, asked, sets, history.history.data_fingerprint)
    out = asked.out or _default_out(space, asked, identity, context.settings)
    reused = 0
    searched = searched_over(space, history, search=asked.search.value, sweep_id=identity)
    notes = TrialNotes(sweep_ledger(context.settings), searched, context.now_ms)

    with notes, SweepJournal(out, SWEPT_METRICS) as journal:

        def on_result(result: SetResult, was_finished: bool) -> None:
            nonlocal reused
            if was_finished:
                reused += 1
            else:
                journal.note(result)
            notes.note(result)
            context.progress.advance(_TASK)

        def run(sets: Sequence[Binding]) -> tuple[SetResult, ...]:
            return run_sweep(
                space,
                sets,
                history,
                workers=asked.workers or available_cores(),
                finished=journal.finished,
                on_result=on_result,
            )

        if sets is not None:
            results = run(sets)
        else:
            objective = _objective(asked)
            results = bayesian_search(space, asked.trials or 0, asked.seed, objective, run)
        if not results:
            raise ConfigurationError(
                f"the constraints of card {space.card.id} leave no set of its grid",
                way_out="loosen one of them",
            )
        journal.complete(results_table(results, space.parameters))
    context.progress.finish(_TASK)
    ranked = _ranked(results, by)
    card = space.card
    return {
        "market": market,
        "card_id": card.id,
        "card_version": card.version,
        "symbol": asked.symbol,
        "timeframe": card.timeframes.exec,
        "window": history.window(space.card),
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
            for result in ranked[: asked.best]
        ],
        "out": str(out),
    }


def _refuse_what_does_not_fit(asked: WhatToSweep) -> None:
    """Refuse arguments that would say nothing with this kind of search, and those it needs and has not."""
    kind = asked.search.value
    if asked.search is Search.GRID and asked.trials is not None:
        raise ConfigurationError(
            f"a grid has the sets it has, and {asked.trials:,} trials were asked for",
            way_out="choose them with --search random or --search bayesian, or leave --trials out",
        )
    if asked.search is not Search.GRID and asked.trials is None:
        raise ConfigurationError(f"a {kind} search does not end by itself", way_out="say --trials 200")
    if asked.search is not Search.BAYESIAN and asked.objective is not None:
        raise ConfigurationError(
            f"a {kind} search is after nothing: it runs the same sets for every objective",
            way_out=f"rank them with --by {asked.objective}, or say --search bayesian",
        )
    most = MOST_SEARCHED if asked.search is Search.BAYESIAN else MOST_SETS
    if asked.trials is not None and asked.trials > most:
        raise ConfigurationError(
            f"{asked.trials:,} sets are more than the {most:,} of one {kind} search", way_out="ask for fewer"
        )
    if asked.search is Search.BAYESIAN:
        _objective(asked)


def _objective(asked: WhatToSweep) -> Objective:
    from engine.backtest.search import Objective
    from engine.metrics.catalogue import metric_spec

    if asked.objective is None:
        raise ConfigurationError(
            "a Bayesian search has to know what it is after", way_out="say --objective sharpe"
        )
    better = metric_spec(asked.objective).better.value
    if better == "neither":
        raise ConfigurationError(
            f"{asked.objective} is better neither higher nor lower, so nothing can be after it",
            way_out="search for one of the others, as sharpe, and rank with --by",
        )
    return Objective(asked.objective, better == "higher")


def _sets(space: ParameterSpace, asked: WhatToSweep) -> tuple[Binding, ...]:
    if asked.trials is not None:
        sets = space.sample(asked.trials, asked.seed)
    elif space.points > MOST_SETS:
        raise ConfigurationError(
            f"the grid of card {space.card.id} has {space.points:,} sets",
            way_out="choose among them (--search random --trials 1000, or --search bayesian), or narrow the "
            "ranges",
        )
    else:
        sets = tuple(space.grid())
    return sets


def _identity(
    space: ParameterSpace, asked: WhatToSweep, sets: Sequence[Binding] | None, data_fingerprint: str
) -> str:
    """Name a sweep by what is asked, so that asking again finds it, and asking otherwise does not."""
    # More trials of one search go on in the file of the first: how many they are is no part of its name.
    searched = {
        "parameters": {name: to_plain(parameter) for name, parameter in space.parameters.items()},
        "constraints": [str(constraint) for constraint in space.constraints],
        "seed": asked.seed,
        "objective": asked.objective,
    }
    chosen = {"search": searched} if sets is None else {"sets": sets}
    identity = hash_of(
        {
            "card": space.card.system_hash(),
            "data": data_fingerprint,
            "window": [asked.start, asked.end],
            **chosen,
        }
    )
    return identity[:_NAME_DIGITS]


def _default_out(space: ParameterSpace, asked: WhatToSweep, identity: str, settings: TradeSettings) -> Path:
    name = f"{asked.symbol}_{space.card.timeframes.exec}_{identity}.parquet"
    return settings.data_dir / settings.exchange.value / _SWEEPS_FOLDER / space.card.id / name


def _ranked(results: Sequence[SetResult], by: str) -> list[SetResult]:
    """Return the results, the best first; equals in the order of the sets, the undefined last."""
    from engine.metrics.catalogue import metric_spec

    lower_is_better = metric_spec(by).better.value == "lower"

    def place(result: SetResult) -> tuple[bool, float]:
        value = result.metrics[by]
        if not math.isfinite(value):
            return True, 0.0
        return False, value if lower_is_better else -value

    return sorted(results, key=place)


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
