"""Tools on evidence: whether a card's result was luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.tools.backtest import asked_window, report_of_run
from engine.tools.cards import find_space
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import Market, MarketKind, stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store, sweep_ledger

if TYPE_CHECKING:
    from upath import UPath

    from engine.backtest.history import History
    from engine.idea_card.parameter_space import ParameterSpace
    from engine.promotion.validation import Validation, ValidationSettings

_TASK = "evidence"
_STEPS = 7


class HowMuchEvidence(ToolInput):
    """How much evidence is gathered."""

    windows: int = Field(12, ge=1, le=100, description="windows of the walk-forward")
    sets: int = Field(200, ge=1, le=10_000, description="sets of parameters tried, of a card that has some")
    paths: int = Field(1_000, ge=10, le=100_000, description="Monte Carlo paths")
    earlier_trials: int = Field(
        0, ge=0, description="sets of this card tried elsewhere, of which the sweep ledger knows nothing"
    )
    seed: int = Field(0, ge=0, description="of everything that is drawn")
    workers: int | None = Field(None, ge=1, description="threads; none: one per core")


class WhatToValidate(HowMuchEvidence):
    """Which card, on what, and how much evidence."""

    card: str = Field(description="the card's id, or a YAML file")
    symbol: str = Field(description="the symbol, as BTCUSDT")
    end: str | None = Field(None, description="end of the history (UTC), not included; none: all there is")


@dataclass(frozen=True, eq=False)
class Gathered:
    """Evidence, with what it was gathered with and over, and the hash of that data."""

    found: Validation
    settings: ValidationSettings
    history: History
    data_fingerprint: str


def gather(
    space: ParameterSpace,
    symbol: str,
    asked: HowMuchEvidence,
    context: ToolContext,
    *,
    end_ms: int | None = None,
) -> Gathered:
    """Gather the evidence on a card with its default parameters over stored candles, and judge it.

    Every set that is tried is entered in the sweep ledger, and those that stand there count.
    """
    from engine.backtest.runner import history_from_store
    from engine.backtest.sweep import available_cores
    from engine.promotion.validation import ValidationSettings, validate
    from engine.strategies.card_plan import plan_card

    timeframes = space.card.timeframes.all_timeframes().values()
    history = history_from_store(symbol, timeframes, market_store(context.settings), end_ms=end_ms)
    settings = ValidationSettings(
        windows=asked.windows, most_sets=asked.sets, paths=asked.paths, seed=asked.seed
    )
    context.progress.start(_TASK, _STEPS)
    found = validate(
        space,
        space.defaults,
        history,
        settings=settings,
        policy=space.card.promotion.validation,
        ledger=sweep_ledger(context.settings),
        at_ms=context.now_ms(),
        earlier_trials=asked.earlier_trials,
        workers=asked.workers or available_cores(),
        on_step=lambda step: context.progress.advance(_TASK, note=step),
    )
    context.progress.finish(_TASK)
    return Gathered(found, settings, history, history.fingerprint_with(plan_card(space.card).inputs()))


def validate_card(asked: WhatToValidate, context: ToolContext) -> dict[str, Any]:
    """Gather the evidence on a card with its default parameters over stored candles, judge it, and draw it.

    Nothing is entered in the promotion ledger; `trade promote` does that.
    """
    space = find_space(asked.card, context.settings)
    market = stored_market(context.settings)
    _, end_ms = asked_window(None, asked.end)
    gathered = gather(space, asked.symbol, asked, context, end_ms=end_ms)
    return {
        "market": market,
        "card_id": space.card.id,
        "card_version": space.card.version,
        "system_hash": space.card.system_hash(),
        "symbol": asked.symbol,
        "timeframe": space.card.timeframes.exec,
        "data_fingerprint": gathered.data_fingerprint,
        **_plain(gathered.found),
        "report": str(_write_report(space, gathered, market, context)),
    }


def _write_report(space: ParameterSpace, gathered: Gathered, market: Market, context: ToolContext) -> UPath:
    """Write the report of the card's run over the same history, with the evidence in it."""
    from engine.backtest.artifacts import reachable_base
    from engine.backtest.engine import BacktestEngine
    from engine.backtest.measure import measure
    from engine.backtest.prepare import prepare_history
    from engine.promotion.policy import decide_run
    from engine.reports.html import write_report
    from engine.strategies.card_plan import plan_card

    plan = plan_card(space.card)
    result = BacktestEngine().run(prepare_history(plan, gathered.history))
    metrics = measure(result)
    decision = decide_run(result, metrics, plan.card.promotion, decided_at_ms=context.now_ms())
    report = reachable_base(context.settings.artifacts_uri) / report_of_run(result)
    write_report(
        result,
        metrics,
        decision,
        gathered.history.candles[result.exec_timeframe].frame(),
        report,
        generated=market.kind is MarketKind.GENERATED,
        evidence=gathered.found,
    )
    return report


def _plain(found: Validation) -> dict[str, Any]:
    return {
        "trials": found.trials,
        "refused_by": found.refused_by,
        "gates": [gate.to_plain() for gate in found.gates],
        "walk_forward": [
            {
                "outside_start": window.split.outside_start_ms,
                "outside_end": window.split.outside_end_ms,
                "parameters": window.binding,
                "inside": vars(window.inside),
                "outside": vars(window.outside),
                "efficiency": window.efficiency,
            }
            for window in found.walk_forward.windows
        ],
        "regimes": [vars(regime) for regime in found.regimes],
        "stress": {name: vars(metrics) for name, metrics in found.stress.scenarios.items()},
    }


TOOLS = (
    ToolSpec(
        "promotion.validate",
        "Ask whether a card's result was luck: look-ahead, walk-forward, overfitting, stress, Monte Carlo, "
        "blind entries, neighbouring parameters, each with the verdict of its gate.",
        SideEffect.WRITE,
        WhatToValidate,
        validate_card,
        cost=ToolCost(CostScale.MINUTES, "windows x sets of parameters x bars"),
    ),
)
