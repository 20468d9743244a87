"""Walk-forward: parameters chosen inside a stretch of history, judged on the stretch after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.backtest.history import History
from engine.backtest.measure import account_runs, basic_metrics_of
from engine.backtest.prepare import prepare_history
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SweepHistory
from engine.backtest.sweep_results import SetResult
from engine.errors import ConfigurationError
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.metrics.basic import BasicMetrics
from engine.metrics.returns import periods_per_year, returns_between, sharpe
from engine.strategies.card_plan import plan_card
from engine.timeframes import DAY_MS, Timeframe, format_utc


class Anchor(StrEnum):
    """Where each inside stretch begins: always at the start of history, or a fixed length before its end."""

    ANCHORED = "anchored"
    ROLLING = "rolling"


@dataclass(frozen=True)
class Split:
    """Two stretches of history, in UTC milliseconds; each holds the bars that open within it.

    Attributes
    ----------
    inside_start_ms, inside_end_ms : int
        Where parameters are chosen.
    outside_start_ms, outside_end_ms : int
        Where the choice is judged.
    """

    inside_start_ms: int
    inside_end_ms: int
    outside_start_ms: int
    outside_end_ms: int


@dataclass(frozen=True)
class WindowResult:
    """One split: what was chosen inside, and what it came to there and outside.

    `efficiency` is the yearly growth outside over that inside; NaN where inside did not grow.
    """

    split: Split
    binding: Binding
    inside: BasicMetrics
    outside: BasicMetrics
    efficiency: float


@dataclass(frozen=True, eq=False)
class WalkForward:
    """All windows of a walk-forward.

    Attributes
    ----------
    windows : tuple of WindowResult
        In the order of time.
    outside_returns : float64[days]
        Daily returns of all outside stretches, one after another, each from a fresh account.
    outside_sharpe : float
        Annualised, of these.
    median_efficiency, efficiency_spread : float
        Median and distance between the quartiles, over the windows that have one.
    profitable_share_pct : float
        Share of the windows with a net return above zero outside.
    """

    windows: tuple[WindowResult, ...]
    outside_returns: NDArray[np.float64]
    outside_sharpe: float
    median_efficiency: float
    efficiency_spread: float
    profitable_share_pct: float


def walk_forward_splits(
    start_ms: int,
    end_ms: int,
    timeframe: Timeframe,
    *,
    windows: int,
    inside_share: float,
    anchor: Anchor,
    purge_ms: int = 0,
    embargo_ms: int = 0,
) -> tuple[Split, ...]:
    """Return the splits of a stretch of history, in the order of time.

    The first inside stretch takes `inside_share` of the history; the rest is cut into `windows` outside
    stretches of one length, without holes and without overlap. All edges lie on the grid of `timeframe`.

    Parameters
    ----------
    start_ms, end_ms : int
        The bars with start_ms <= ts_open < end_ms are used.
    timeframe : Timeframe
        The exec timeframe.
    windows : int
    inside_share : float
        Between 0 and 1.
    anchor : Anchor
    purge_ms : int
        So much is left out at the end of each inside stretch, so that no trade chosen by reaches outside.
    embargo_ms : int
        So much is left out at the beginning of each outside stretch.

    Raises
    ------
    ConfigurationError
        If a stretch would have no bar.
    """
    step = timeframe.ms
    first_outside = timeframe.floor(start_ms + int((end_ms - start_ms) * inside_share))
    length = (end_ms - first_outside) // windows // step * step if windows > 0 else 0
    if windows < 1 or not 0.0 < inside_share < 1.0 or length - embargo_ms < step:
        raise ConfigurationError(
            f"the history from {format_utc(start_ms)} to {format_utc(end_ms)} cannot be cut into {windows} "
            f"windows with {inside_share:.0%} of it inside first",
            way_out="take fewer windows, a smaller inside_share, a shorter embargo or more history",
        )
    inside_length = first_outside - start_ms
    splits = []
    for number in range(windows):
        outside = first_outside + number * length
        inside_end = timeframe.floor(outside - purge_ms)
        inside_start = start_ms if anchor is Anchor.ANCHORED else outside - inside_length
        if inside_end - inside_start < step:
            raise ConfigurationError(
                f"a purge of {purge_ms / DAY_MS:g} days leaves nothing inside",
                way_out="purge less, or take a larger inside_share",
            )
        end = end_ms if number == windows - 1 else outside + length
        splits.append(Split(inside_start, inside_end, timeframe.floor(outside + embargo_ms), end))
    return tuple(splits)


def walk_forward(
    space: ParameterSpace,
    sets: Sequence[Binding],
    history: History,
    splits: Sequence[Split],
    *,
    objective: str,
    workers: int = 1,
    on_swept: Callable[[SweepHistory, Sequence[SetResult]], None] | None = None,
) -> WalkForward:
    """Choose the best of `sets` inside each split and run it outside.

    Everything before a stretch may warm up its indicators, and is not traded. Of sets that are equally good
    the first is chosen; one whose objective is not defined is never chosen unless none is.

    Parameters
    ----------
    space : ParameterSpace
    sets : sequence of Binding
        From the space's grid, sample or complete.
    history : History
    splits : sequence of Split
    objective : str
        A metric of `BasicMetrics` of which more is better.
    workers : int
        Threads.
    on_swept : callable, optional
        Told of each inside stretch and the results of every set there.

    Raises
    ------
    CardError, DataNotFound, DataError
        As `run_sweep` and `prepare_history` do.
    """
    windows: list[WindowResult] = []
    returns: list[NDArray[np.float64]] = []
    for split in splits:
        inside = SweepHistory(history, split.inside_start_ms, split.inside_end_ms)
        results = run_sweep(space, sets, inside, workers=workers)
        if on_swept is not None:
            on_swept(inside, results)
        best = max(results, key=lambda result: _worth(result, objective))
        plan = plan_card(space.bind_complete(best.binding))
        prepared = prepare_history(
            plan, history, start_ms=split.outside_start_ms, end_ms=split.outside_end_ms
        )
        [run] = account_runs([prepared])
        outside = basic_metrics_of(prepared, run)
        inside_metrics = BasicMetrics(**best.metrics)  # type: ignore[arg-type]  # whole numbers stay whole
        windows.append(
            WindowResult(split, best.binding, inside_metrics, outside, _efficiency(inside_metrics, outside))
        )
        returns.append(returns_between(run.day_equity, starting_equity_usdt=prepared.starting_equity_usdt))
    together = np.concatenate(returns)
    efficiencies = np.array([each.efficiency for each in windows if math.isfinite(each.efficiency)])
    lower, median, upper = (
        np.quantile(efficiencies, [0.25, 0.5, 0.75]) if len(efficiencies) else [math.nan] * 3
    )
    return WalkForward(
        windows=tuple(windows),
        outside_returns=together,
        outside_sharpe=sharpe(together, periods_per_year(space.card.timeframes.exec.bars_per_year())),
        median_efficiency=float(median),
        efficiency_spread=float(upper - lower),
        profitable_share_pct=float(np.mean([each.outside.net_return_pct > 0 for each in windows])) * 100,
    )


def _worth(result: SetResult, objective: str) -> float:
    value = result.metrics[objective]
    return value if math.isfinite(value) else -math.inf


def _efficiency(inside: BasicMetrics, outside: BasicMetrics) -> float:
    return outside.cagr_pct / inside.cagr_pct if inside.cagr_pct > 0 else math.nan
