"""From a card and a history to the evidence that its result was not luck, and the verdict on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from engine.backtest.history import History
from engine.backtest.measure import account_runs, basic_metrics_of
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.backtest.sweep_history import SweepHistory
from engine.backtest.sweep_results import SetResult
from engine.gates.base import GateResult
from engine.gates.lookahead import LookAheadGate, look_ahead_evidence
from engine.gates.validation import VALIDATION_GATES, ValidationEvidence
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.idea_card.validation_policy import ValidationPolicy
from engine.metrics.regimes import RegimeResult, largest_share_of_profit, regime_results
from engine.metrics.returns import last_bars_of_days, returns_between
from engine.metrics.selection import (
    backtest_overfitting,
    deflated_sharpe,
    superior_predictive_ability,
)
from engine.promotion.family_trials import FamilyTrials
from engine.promotion.monte_carlo import (
    Outcomes,
    bootstrapped_markets,
    bootstrapped_trades,
    random_entries,
    share_beaten,
)
from engine.promotion.neighbourhood import Neighbourhood, neighbourhood
from engine.promotion.stress import StressReport, stress
from engine.promotion.sweep_ledger import SweepLedger, ledger_in_memory
from engine.promotion.walk_forward import Anchor, WalkForward, walk_forward, walk_forward_splits
from engine.sim.side_by_side import AccountRun
from engine.strategies.card_plan import plan_card, replan

_BLOCKS = 16
_HOLDS_UP = 0.5
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class ValidationSettings:
    """How much evidence is gathered; the more, the longer it takes.

    Attributes
    ----------
    objective : str
        The metric of `BasicMetrics` that sets are chosen by, of which more is better.
    windows : int
        Of the walk-forward.
    inside_share : float
        Part of the history inside first.
    anchor : Anchor
    most_sets : int
        Sets of parameters that are tried: the whole grid where it has no more, else a sample.
    paths : int
        Monte Carlo paths of trades and of markets.
    random_entries : int
        Runs with blind entries.
    radius : int
        Steps from the chosen set to the farthest neighbour.
    seed : int
        Of everything that is drawn.
    """

    objective: str = "sharpe"
    windows: int = 12
    inside_share: float = 0.4
    anchor: Anchor = Anchor.ROLLING
    most_sets: int = 200
    paths: int = 1_000
    random_entries: int = 200
    radius: int = 2
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Validation:
    """Everything that was found, and the verdict of every gate.

    Attributes
    ----------
    chosen : Binding
        The set that is judged.
    objective : str
        The metric that sets were chosen by.
    tried : tuple of SetResult
        The sets that were tried, over the whole history.
    """

    chosen: Binding
    objective: str
    tried: tuple[SetResult, ...]
    evidence: ValidationEvidence
    gates: tuple[GateResult, ...]
    walk_forward: WalkForward
    trials: int
    neighbourhood: Neighbourhood | None
    stress: StressReport
    trades: Outcomes | None
    markets: Outcomes
    entries: Outcomes | None
    regimes: tuple[RegimeResult, ...]

    @property
    def refused_by(self) -> str | None:
        """The first gate that refuses; None where the card is validated."""
        return next((gate.gate for gate in self.gates if gate.blocks), None)


def validate(
    space: ParameterSpace,
    chosen: Binding,
    history: History,
    *,
    settings: ValidationSettings,
    policy: ValidationPolicy,
    ledger: SweepLedger | None = None,
    at_ms: int = 0,
    earlier_trials: int = 0,
    workers: int = 1,
    on_step: Callable[[str], None] | None = None,
) -> Validation:
    """Gather the evidence on one set of a card's parameters over a history, and judge it.

    Parameters
    ----------
    space : ParameterSpace
    chosen : Binding
        The set that is to be validated.
    history : History
    settings : ValidationSettings
    policy : ValidationPolicy
    ledger : SweepLedger, optional
        What was tried of the card's family before counts for the deflated Sharpe ratio, and what is tried
        here is entered. Left out: only what is tried here counts.
    at_ms : int
        The time it is entered with, UTC epoch milliseconds.
    earlier_trials : int
        Sets of this card that no ledger knows of; they count as well.
    workers : int
        Threads; what is found does not depend on them.
    on_step : callable, optional
        Told of each step when it begins.

    Raises
    ------
    CardError, ConfigurationError, DataNotFound, DataError
        Where the card cannot run over the history, or the history is too short for the windows.
    """
    tell = on_step or _nobody
    plan = plan_card(space.bind_complete(chosen))
    prepared = prepare_history(plan, history)
    start_ms, end_ms = prepared.window
    has_choice = space.points > 1
    trials = FamilyTrials(space, ledger or ledger_in_memory(), at_ms)

    tell("look-ahead")
    looked_ahead = LookAheadGate().run(look_ahead_evidence(plan, history))

    tell("walk-forward")
    sets = space.sample(settings.most_sets, settings.seed)
    splits = walk_forward_splits(
        start_ms,
        end_ms,
        plan.card.timeframes.exec,
        windows=settings.windows,
        inside_share=settings.inside_share,
        anchor=settings.anchor,
    )
    walked = walk_forward(
        space,
        sets,
        history,
        splits,
        objective=settings.objective,
        workers=workers,
        on_swept=partial(trials.note, "walk_forward"),
    )

    tell("overfitting")
    tried = [prepare_history(replan(space.bind_complete(each), plan), history) for each in sets]
    runs = account_runs(tried)
    returns = _daily_returns(tried, runs)
    [run] = account_runs([prepared])
    [own] = _daily_returns([prepared], [run]).T
    whole = SweepHistory(history)
    results = tuple(map(_result, [*sets, chosen], [*tried, prepared], [*runs, run], repeat(whole)))
    trials.note("validation", whole, results)
    overfitting = superior = None
    if has_choice:
        overfitting = backtest_overfitting(returns, _BLOCKS).probability
        superior = superior_predictive_ability(returns, seed=settings.seed)

    near: Neighbourhood | None = None
    if has_choice:
        tell("neighbourhood")
        near = neighbourhood(
            space,
            chosen,
            history,
            objective=settings.objective,
            radius=settings.radius,
            seed=settings.seed,
            workers=workers,
            on_swept=partial(trials.note, "neighbourhood"),
        )

    tell("stress")
    stressed = stress(prepared, run)
    tell("Monte Carlo")
    trades = None
    if len(run.trade_net_pnl):
        trades = bootstrapped_trades(
            run.trade_net_pnl, prepared.starting_equity_usdt, paths=settings.paths, seed=settings.seed
        )
    markets = bootstrapped_markets(plan, history, paths=settings.paths, seed=settings.seed, workers=workers)
    entries = None
    if plan.strategy is None and trades is not None:
        tell("random entries")
        entries = random_entries(prepared, samples=settings.random_entries, seed=settings.seed)

    bars = prepared.bars
    regimes = regime_results(
        bars.close[last_bars_of_days(bars.ts_open, bars.bar_ms)],
        run.day_equity,
        starting_equity_usdt=prepared.starting_equity_usdt,
    )
    counted = np.concatenate([trials.sharpes(), np.full(earlier_trials, math.nan)])
    evidence = ValidationEvidence(
        where=f"{plan.card.id} on {history.symbol} {plan.card.timeframes.exec}",
        policy=policy,
        max_drawdown_pct=plan.card.promotion.max_drawdown_pct,
        walk_forward_efficiency=walked.median_efficiency,
        profitable_windows_pct=walked.profitable_share_pct,
        outside_sharpe=walked.outside_sharpe,
        deflated_sharpe=deflated_sharpe(own, counted),
        overfitting_probability=overfitting,
        superior_ability_p_value=superior,
        bootstrapped_drawdown_pct=math.nan if trades is None else trades.drawdown_at(_CONFIDENCE),
        market_loss_probability=markets.loss_probability(),
        random_entries_beaten=None
        if entries is None
        else share_beaten(stressed.base.net_return_pct, entries.net_return_pct),
        return_at_double_costs_pct=stressed.scenarios["costs_2x"].net_return_pct,
        return_one_bar_late_pct=None
        if plan.strategy is not None
        else stressed.scenarios["one_bar_late"].net_return_pct,
        return_at_double_funding_pct=stressed.scenarios["funding_2x"].net_return_pct,
        return_without_best_trades_pct=stressed.without_best_trades_pct,
        regime_profit_share=largest_share_of_profit(regimes),
        neighbourhood_share=None if near is None else near.share_at_least(_HOLDS_UP),
    )
    return Validation(
        chosen=chosen,
        objective=settings.objective,
        tried=results,
        evidence=evidence,
        gates=(looked_ahead, *(gate.run(evidence) for gate in VALIDATION_GATES)),
        walk_forward=walked,
        trials=len(counted),
        neighbourhood=near,
        stress=stressed,
        trades=trades,
        markets=markets,
        entries=entries,
        regimes=regimes,
    )


def _result(binding: Binding, prepared: PreparedFrame, run: AccountRun, swept: SweepHistory) -> SetResult:
    plan = prepared.plan
    return SetResult(binding, plan.system_hash, swept.run_id(plan), vars(basic_metrics_of(prepared, run)))


def _nobody(step: str) -> None:
    del step


def _daily_returns(prepared: Sequence[PreparedFrame], runs: Sequence[AccountRun]) -> NDArray[np.float64]:
    """Return daily returns, float64[days, runs]; an account that lost everything earns nothing after it."""
    bars = prepared[0].bars
    filled = np.zeros((len(last_bars_of_days(bars.ts_open, bars.bar_ms)), len(runs)))
    for number, (each, run) in enumerate(zip(prepared, runs, strict=True)):
        column = returns_between(run.day_equity, starting_equity_usdt=each.starting_equity_usdt)
        filled[: len(column), number] = column
    return filled
