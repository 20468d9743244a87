"""The tool that sweeps: many sets of a card's parameters over stored candles of one symbol."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.hashing import hash_of
from engine.settings import TradeSettings
from engine.tools.backtest import asked_window
from engine.tools.cards import find_space
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from engine.backtest.sweep_results import SetResult
    from engine.idea_card.parameter_space import Binding, ParameterSpace

MOST_SETS = 100_000
"""Sets of one sweep: more are asked for by a sample, or by mistake."""

_SWEEPS_FOLDER = "sweeps"
_TASK = "sweep"
_NAME_DIGITS = 12


class WhatToSweep(ToolInput):
    """Which card, on what, how many sets, and what is best."""

    card: str = Field(description="the card's id, or a YAML file; some of its values are {param: name}")
    symbol: str = Field(description="the symbol, as BTCUSDT")
    samples: int | None = Field(None, ge=1, description="so many sets at random; none: every set of the grid")
    seed: int = Field(0, ge=0, description="of the random sets: the same seed, the same sets")
    workers: int | None = Field(None, ge=1, description="threads; none: one per core")
    out: Path | None = Field(None, description="Parquet file of the results; none: below the data folder")
    start: str | None = Field(None, description="first moment (UTC), as 2025-01-31; none: all there is")
    end: str | None = Field(None, description="end of the window (UTC), not included")
    by: str = Field("net_return_pct", description="the metric that says which sets are best")
    best: int = Field(10, ge=1, le=1000, description="how many of the best sets to answer with")


def run_sweep_tool(asked: WhatToSweep, context: ToolContext) -> dict[str, Any]:
    """Run the sets, keep each result as it comes, write the table and answer with the best.

    A sweep that was interrupted goes on where it stopped when it is asked for again.
    """
    from engine.backtest.sweep import run_sweep
    from engine.backtest.sweep_history import SWEPT_METRICS, sweep_from_store
    from engine.backtest.sweep_results import SweepJournal, results_table
    from engine.metrics.catalogue import metric_spec

    if asked.by not in SWEPT_METRICS:
        raise ConfigurationError(
            f"a sweep does not measure {asked.by!r}", way_out=f"use one of {', '.join(SWEPT_METRICS)}"
        )
    start_ms, end_ms = asked_window(asked.start, asked.end)
    space = find_space(asked.card, context.settings)
    if not space.parameters:
        raise ConfigurationError(
            f"card {space.card.id} has no parameters to sweep",
            way_out="write {param: name} for a value, and its range under parameters: "
            "{name: {default: 9, min: 5, max: 20, step: 1}}",
        )
    sets = _sets(space, asked)
    market = stored_market(context.settings)
    context.progress.start(_TASK, len(sets))
    history = sweep_from_store(
        space.card, asked.symbol, market_store(context.settings), start_ms=start_ms, end_ms=end_ms
    )
    out = asked.out or _default_out(space, asked, sets, history.history.data_fingerprint, context.settings)
    reused = 0

    with SweepJournal(out, SWEPT_METRICS) as journal:

        def on_result(result: SetResult, was_finished: bool) -> None:
            nonlocal reused
            if was_finished:
                reused += 1
            else:
                journal.note(result)
            context.progress.advance(_TASK)

        results = run_sweep(
            space,
            sets,
            history.new_runner,
            workers=asked.workers or _cores(),
            finished=journal.finished,
            on_result=on_result,
        )
        journal.complete(results_table(results, space.parameters))
    context.progress.finish(_TASK)
    ranked = _ranked(results, asked.by, metric_spec(asked.by).better.value == "lower")
    card = space.card
    return {
        "market": market,
        "card_id": card.id,
        "card_version": card.version,
        "symbol": asked.symbol,
        "timeframe": card.timeframes.exec,
        "window": history.window(space.card),
        "sets": len(results),
        "reused": reused,
        "by": asked.by,
        "best": [
            {"parameters": result.binding, "system_hash": result.system_hash, "metrics": result.metrics}
            for result in ranked[: asked.best]
        ],
        "out": str(out),
    }


def _sets(space: ParameterSpace, asked: WhatToSweep) -> tuple[Binding, ...]:
    if asked.samples is not None and asked.samples > MOST_SETS:
        raise ConfigurationError(
            f"{asked.samples:,} sets are more than the {MOST_SETS:,} of one sweep", way_out="ask for fewer"
        )
    if asked.samples is not None:
        sets = space.sample(asked.samples, asked.seed)
    elif space.points > MOST_SETS:
        raise ConfigurationError(
            f"the grid of card {space.card.id} has {space.points:,} sets",
            way_out="ask for a sample of them (--samples 1000), or narrow the ranges",
        )
    else:
        sets = tuple(space.grid())
    if not sets:
        raise ConfigurationError(
            f"the constraints of card {space.card.id} leave no set of its grid", way_out="loosen one of them"
        )
    return sets


def _default_out(
    space: ParameterSpace,
    asked: WhatToSweep,
    sets: Sequence[Binding],
    data_fingerprint: str,
    settings: TradeSettings,
) -> Path:
    """Name the file by what is asked, so that asking again finds it, and asking otherwise does not."""
    identity = hash_of(
        {
            "card": space.card.system_hash(),
            "data": data_fingerprint,
            "window": [asked.start, asked.end],
            "sets": sets,
        }
    )
    name = f"{asked.symbol}_{space.card.timeframes.exec}_{identity[:_NAME_DIGITS]}.parquet"
    return settings.data_dir / settings.exchange.value / _SWEEPS_FOLDER / space.card.id / name


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ranked(results: Sequence[SetResult], by: str, lower_is_better: bool) -> list[SetResult]:
    """Return the results, the best first; equals in the order of the sets, the undefined last."""

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
        SideEffect.WRITE,
        WhatToSweep,
        run_sweep_tool,
    ),
)
