"""Tools that move a card: by evidence up to shadow, by a person's word to live, retired or back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.errors import ConfigurationError, TradeError
from engine.tools.cards import find_space
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store, promotion_ledger
from engine.tools.validation import HowMuchEvidence, gather

if TYPE_CHECKING:
    from engine.idea_card.parameter_space import ParameterSpace
    from engine.promotion.ledger import LedgerEntry
    from engine.promotion.policy import PromotionDecision, Stage
    from engine.promotion.stages import Standing
    from engine.promotion.steps import Subject

type Decide = Callable[[Subject, Standing], PromotionDecision]


class WhatToPromote(HowMuchEvidence):
    """Which card, to which stage, and how much evidence is gathered where that is needed."""

    card: str = Field(description="the card's id, or a YAML file")
    symbols: tuple[str, ...] = Field((), description="on which symbols; none: all that the card names")
    stage: Literal["backtested", "validated", "shadow"] | None = Field(
        None, description="the stage to show; none: the one above that it holds"
    )


class WhatAPersonDecides(ToolInput):
    """What somebody decides about a card, and answers for."""

    card: str = Field(description="the card's id, or a YAML file")
    symbols: tuple[str, ...] = Field((), description="on which symbols; none: all that the card names")
    stage: Literal["live", "retired", "candidate"] = Field(
        description="live after shadow, retired from anywhere, or a retired card back as a candidate"
    )
    by: str = Field(min_length=1, description="who decides")
    reason: str = Field(min_length=1, description="why")


class WhichCard(ToolInput):
    """Whose standing is explained."""

    card: str = Field(description="the card's id, or a YAML file")
    symbols: tuple[str, ...] = Field((), description="on which symbols; none: all that the card names")


def promote_card(asked: WhatToPromote, context: ToolContext) -> dict[str, Any]:
    """Gather what the stage asks for, decide, and enter the decision in the ledger; refusals too.

    Over the whole history that is stored: nobody chooses where the evidence ends.
    """
    space = find_space(asked.card, context.settings)

    def decide(subject: Subject, stands: Standing) -> PromotionDecision:
        from engine.promotion.policy import Stage
        from engine.promotion.step_gates import Step, refuse_early

        stage = Stage(asked.stage) if asked.stage else _next(subject, stands)
        refuse_early(Step(subject.where, stage, stands))
        match stage:
            case Stage.BACKTESTED:
                return _backtested(subject, context)
            case Stage.VALIDATED:
                return _validated(space, subject, stands, asked, context)
            case _:
                return _shadowed(subject, stands, context)

    return _moved(space, asked.symbols, decide, context)


def decide_by_person(asked: WhatAPersonDecides, context: ToolContext) -> dict[str, Any]:
    """Enter what a person decides; a step that skips a stage is entered as refused."""
    space = find_space(asked.card, context.settings)

    def decide(subject: Subject, stands: Standing) -> PromotionDecision:
        from engine.promotion import steps
        from engine.promotion.policy import Stage

        return steps.decide_by_person(
            subject,
            Stage(asked.stage),
            stands,
            decided_by=asked.by,
            reason=asked.reason,
            decided_at_ms=context.now_ms(),
        )

    return _moved(space, asked.symbols, decide, context)


def explain_standing(asked: WhichCard, context: ToolContext) -> dict[str, Any]:
    """Say where a card stands on each symbol and why: every gate, and what has changed since."""
    from engine.promotion.account import account
    from engine.promotion.steps import Subject

    card = find_space(asked.card, context.settings).card
    entries = promotion_ledger(context.settings).history(card.id)
    told = []
    for symbol in _symbols(card.symbols, asked.symbols):
        found = account(entries, Subject.of(card, symbol))
        told.append(
            {
                "symbol": symbol,
                "timeframe": card.timeframes.exec,
                "stage": found.stands.stage,
                "notes": found.notes,
                "next_step": found.next_step,
                "stages": [
                    {
                        **_row(each.entry),
                        "is_current": each.is_current,
                        "changes": each.changes,
                    }
                    for each in found.stages
                ],
            }
        )
    return {
        "market": stored_market(context.settings),
        "card_id": card.id,
        "card_version": card.version,
        "system_hash": card.system_hash(),
        "standings": told,
    }


def _moved(
    space: ParameterSpace, symbols: Sequence[str], decide: Decide, context: ToolContext
) -> dict[str, Any]:
    """Decide on each symbol by itself: what cannot be decided on one does not stop the others."""
    from engine.promotion.stages import standing
    from engine.promotion.steps import Subject

    card, ledger = space.card, promotion_ledger(context.settings)
    decided, failed = [], []
    for symbol in _symbols(card.symbols, symbols):
        subject = Subject.of(card, symbol)
        asked = card.id, symbol, subject.timeframe, subject.system_hash
        before = standing(ledger.history(card.id), *asked)
        try:
            entry = ledger.append(decide(subject, before))
        except TradeError as error:
            failed.append({"symbol": symbol, "error": error.problem, "way_out": error.way_out})
            continue
        after = standing(ledger.history(card.id), *asked)
        decided.append({**_row(entry), "stood_at": before.stage, "stands_at": after.stage})
    return {
        "market": stored_market(context.settings),
        "card_id": card.id,
        "card_version": card.version,
        "decisions": decided,
        "failed": failed,
    }


def _next(subject: Subject, stands: Standing) -> Stage:
    from engine.promotion.policy import Stage
    from engine.promotion.stages import next_stage

    above = next_stage(stands.stage)
    if above not in (None, Stage.LIVE):
        return above
    command = f"trade promote {subject.card.id} --symbol {subject.symbol}"
    if above is Stage.LIVE:
        raise ConfigurationError(
            f"{subject.where} has passed shadow; going live is a person's decision",
            way_out=f"{command} --stage live --reason WHY",
        )
    if stands.stage is Stage.RETIRED:
        raise ConfigurationError(
            f"{subject.where} is retired", way_out=f"{command} --stage candidate --reason WHY takes it back"
        )
    raise ConfigurationError(
        f"{subject.where} is live already: there is no stage above",
        way_out="name the stage that is to be shown again with --stage",
    )


def _backtested(subject: Subject, context: ToolContext) -> PromotionDecision:
    from engine.backtest.measure import measure
    from engine.backtest.runner import run_card
    from engine.promotion.policy import decide_run
    from engine.strategies.card_plan import plan_card

    result = run_card(plan_card(subject.card), subject.symbol, market_store(context.settings))
    return decide_run(result, measure(result), subject.card.promotion, decided_at_ms=context.now_ms())


def _validated(
    space: ParameterSpace, subject: Subject, stands: Standing, asked: HowMuchEvidence, context: ToolContext
) -> PromotionDecision:
    from engine.promotion.steps import decide_validated

    gathered = gather(space, subject.symbol, asked, context)
    return decide_validated(
        subject,
        gathered.found,
        stands,
        settings=gathered.settings,
        data_fingerprint=gathered.data_fingerprint,
        decided_at_ms=context.now_ms(),
    )


def _shadowed(subject: Subject, stands: Standing, context: ToolContext) -> PromotionDecision:
    from engine.promotion.shadow_file import read_shadow_evidence
    from engine.promotion.steps import decide_shadow

    folder = context.settings.shadow_folder
    run = read_shadow_evidence(
        folder, subject.card.id, subject.symbol, subject.timeframe, subject.system_hash
    )
    if run is None:
        raise ConfigurationError(
            f"{subject.where} has not run in shadow as it is now (system {subject.system_hash[:12]})",
            way_out=f"run it: trade live start {subject.card.id} --symbol {subject.symbol} --mode shadow",
        )
    return decide_shadow(subject, run, stands, decided_at_ms=context.now_ms())


def _symbols(of_card: Sequence[str], asked: Sequence[str]) -> Sequence[str]:
    unknown = [symbol for symbol in asked if symbol not in of_card]
    if unknown:
        raise ConfigurationError(
            f"the card does not trade {', '.join(unknown)}", way_out=f"use one of {', '.join(of_card)}"
        )
    return tuple(dict.fromkeys(asked)) or of_card


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {"sequence": entry.sequence, **entry.decision.to_plain()}


TOOLS = (
    ToolSpec(
        "promotions.promote",
        "Show a card's next stage (backtested, validated or shadow): gather the evidence, judge it, and "
        "enter the decision in the ledger.",
        SideEffect.WRITE,
        WhatToPromote,
        promote_card,
        cost=ToolCost(CostScale.MINUTES, "symbols x windows x sets of parameters x bars"),
    ),
    ToolSpec(
        "promotions.decide",
        "Enter a person's decision: a card that has passed shadow goes live, is retired, or is taken back.",
        SideEffect.TRADE,
        WhatAPersonDecides,
        decide_by_person,
    ),
    ToolSpec(
        "promotions.why",
        "Say why a card stands where it stands: every gate with value, threshold and remedy, what changed.",
        SideEffect.READ,
        WhichCard,
        explain_standing,
    ),
)
