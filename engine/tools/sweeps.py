"""Tools on the sweep ledger: which searches there were, and the best of their trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.tools.cards import file_of, find_space
from engine.tools.file_access import FileUse
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import sweep_ledger

if TYPE_CHECKING:
    from engine.promotion.trials import Searched, Trial


class WhichSweeps(ToolInput):
    """Which searches to list."""

    card: str | None = Field(None, description="only those of this card's family: its id, or a YAML file")
    most: int = Field(50, ge=1, le=10_000, description="how many, the newest first")


class WhichTrials(ToolInput):
    """Which trials to show."""

    card: str = Field(description="the card's id, or a YAML file")
    symbol: str | None = Field(None, description="only those on this symbol")
    by: str = Field("sharpe", description="the metric that says which are best")
    best: int = Field(10, ge=1, le=1000, description="how many")


class WhatToAdopt(ToolInput):
    """Which trial becomes a card."""

    # the new card is written beside it
    card: Annotated[str, FileUse.WRITE] = Field(description="the card that was swept: its id, or a YAML file")
    trial: str = Field(description="the first digits of the trial's run id, six or more")
    as_id: str | None = Field(None, description="id of the new card; none: the family's with the version")


def list_sweeps(asked: WhichSweeps, context: ToolContext) -> dict[str, Any]:
    """List the searches in the ledger, the newest first, each with the trials it was the first to run."""
    family = None if asked.card is None else _family(asked.card, context)
    found = sweep_ledger(context.settings).sweeps(family)
    return {
        "market": stored_market(context.settings),
        "trials": sum(each.trials for each in found),
        "sweeps": [
            {
                **_plain(each.searched),
                "trials": each.trials,
                "noted_at_ms": each.noted_at_ms,
                "best_sharpe": each.best_sharpe,
            }
            for each in found[: asked.most]
        ],
    }


def show_trials(asked: WhichTrials, context: ToolContext) -> dict[str, Any]:
    """Show the best trials of a card's family, and how many sets were tried of it in all."""
    family = _family(asked.card, context)
    ledger = sweep_ledger(context.settings)
    found = ledger.best(family, by=asked.by, most=asked.best, symbol=asked.symbol)
    if not found:
        on = f" on {asked.symbol}" if asked.symbol else ""
        raise ConfigurationError(
            f"nothing was tried yet of the family {family}{on}",
            way_out=f"run `trade sweep {asked.card} --symbol {asked.symbol or 'BTCUSDT'}`",
        )
    return {
        "market": stored_market(context.settings),
        "family": family,
        "by": asked.by,
        "counted": len(ledger.sharpes(family)),
        "trials": [trial_row(trial) for trial in found],
    }


def adopt_trial(asked: WhatToAdopt, context: ToolContext) -> dict[str, Any]:
    """Write a new card that has the values of a trial as its defaults, with its lineage."""
    from engine.promotion.adoption import adoption_of, write_adopted
    from engine.promotion.trials import family_of
    from engine.strategies.card_plan import load_plan

    path, space = file_of(asked.card, context.settings), find_space(asked.card, context.settings)
    trial = sweep_ledger(context.settings).trial(family_of(space), asked.trial)
    adoption = adoption_of(path, trial, card_id=asked.as_id)
    write_adopted(adoption)
    plan = load_plan(adoption.file)
    return {
        "market": stored_market(context.settings),
        "card_id": adoption.card_id,
        "card_version": adoption.version,
        "system_hash": plan.system_hash,
        "file": adoption.file,
        "parameters": trial.parameters,
        "lineage": adoption.lineage,
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """Return a trial as plain data."""
    return {
        **_plain(trial.searched),
        "noted_at_ms": trial.noted_at_ms,
        "system_hash": trial.system_hash,
        "run_id": trial.run_id,
        "parameters": trial.parameters,
        "metrics": trial.metrics,
    }


def _plain(searched: Searched) -> dict[str, Any]:
    told = dict(vars(searched))
    told["window"] = (told.pop("start_ms"), told.pop("end_ms"))
    return told


def _family(card: str, context: ToolContext) -> str:
    from engine.promotion.trials import family_of

    return family_of(find_space(card, context.settings))


TOOLS = (
    ToolSpec(
        "sweeps.adopt",
        "Make a card of a trial: a file with its values as defaults, a version of its own, and its lineage.",
        SideEffect.WRITE,
        WhatToAdopt,
        adopt_trial,
    ),
    ToolSpec(
        "sweeps.list",
        "List the searches for parameters there were: which card, on what, how, how many trials, the best.",
        SideEffect.READ,
        WhichSweeps,
        list_sweeps,
    ),
    ToolSpec(
        "sweeps.show",
        "Show the best trials of a card's family in the sweep ledger, and how many sets of it were tried.",
        SideEffect.READ,
        WhichTrials,
        show_trials,
    ),
)
