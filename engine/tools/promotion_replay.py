"""The tool that tests the promotion policy over history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.errors import ConfigurationError, TradeError
from engine.tools.backtest import asked_window
from engine.tools.cards import find_space
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import MarketKind, stored_market
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from engine.idea_card.parameter_space import ParameterSpace
    from engine.promotion.replay import ReplayedDecision, ReplaySettings
    from engine.promotion.replay_summary import ReplaySummary

REPLAYS_FOLDER = "replays"

_TASK = "replay"
_NAME_DIGITS = 12


class WhatToReplay(ToolInput):
    """Which cards, over which months, and how strictly."""

    cards: tuple[str, ...] = Field((), description="ids or YAML files; none: every card of the folder")
    symbols: tuple[str, ...] = Field((), description="on which symbols; none: all that each card names")
    start: str | None = Field(None, description="first month whose end decides (UTC); none: all there are")
    end: str | None = Field(None, description="last moment at which one may end (UTC)")
    stage: Literal["backtested", "validated"] = Field(
        "backtested", description="validated gathers the whole evidence each month, which takes minutes"
    )
    months_ahead: int = Field(1, ge=1, le=24, description="how long what came after is looked at")
    windows: int = Field(12, ge=1, le=100, description="of validated: windows of the walk-forward")
    sets: int = Field(50, ge=1, le=10_000, description="of validated: sets of parameters tried")
    paths: int = Field(200, ge=10, le=100_000, description="of validated: Monte Carlo paths")
    seed: int = Field(0, ge=0, description="of everything that is drawn")
    workers: int | None = Field(None, ge=1, description="of validated: threads; none: one per core")


def replay_promotions(asked: WhatToReplay, context: ToolContext) -> dict[str, Any]:
    """Decide on each card and symbol at each month's end with what was known, and tell what came after.

    Nothing is entered in the ledger.
    """
    from engine.backtest.sweep import available_cores
    from engine.idea_card.load import load_cards
    from engine.promotion.policy import Stage
    from engine.promotion.replay import ReplaySettings
    from engine.promotion.replay_summary import summarise
    from engine.promotion.validation import ValidationSettings

    asked_window(asked.start, asked.end)
    settings = ReplaySettings(
        stage=Stage(asked.stage),
        months_ahead=asked.months_ahead,
        validation=ValidationSettings(
            windows=asked.windows, most_sets=asked.sets, paths=asked.paths, seed=asked.seed
        ),
        workers=asked.workers or available_cores(),
    )
    names = asked.cards or tuple(sorted(load_cards(context.settings.cards_dir).cards))
    pairs = [
        (space, symbol)
        for space in (find_space(name, context.settings) for name in names)
        for symbol in space.card.symbols
        if not asked.symbols or symbol in asked.symbols
    ]
    if not pairs:
        raise ConfigurationError(
            f"no card asked for trades {', '.join(asked.symbols)}" if names else "there is no card",
            way_out="name a symbol of the cards, or leave --symbol out",
        )
    rows: list[ReplayedDecision] = []
    failed = []
    context.progress.start(_TASK, len(pairs))
    for space, symbol in pairs:
        context.progress.advance(_TASK, note=f"{space.card.id} {symbol}")
        try:
            rows += _replayed(space, symbol, asked, settings, context)
        except TradeError as error:
            failed.append(
                {"card": space.card.id, "symbol": symbol, "error": error.problem, "way_out": error.way_out}
            )
    context.progress.finish(_TASK)
    summary = summarise(rows, seed=asked.seed)
    plain = [_row(row) for row in rows]
    return {
        "market": stored_market(context.settings),
        "stage": asked.stage,
        "months_ahead": asked.months_ahead,
        "rows": plain,
        "summary": _summary(summary),
        "picture": _picture(summary, plain, asked, context) if rows else None,
        "failed": failed,
    }


def _picture(
    summary: ReplaySummary, rows: Sequence[Mapping[str, Any]], asked: WhatToReplay, context: ToolContext
) -> str:
    """Draw the months, under a name made of what was decided; return where the picture is."""
    from upath import UPath

    from engine.hashing import hash_of
    from engine.reports.replay_picture import replay_png

    cards = sorted({row["card_id"] for row in rows})
    named = cards[0] if len(cards) == 1 else f"{len(cards)} cards"
    is_generated = stored_market(context.settings).kind is MarketKind.GENERATED
    generated = " (GENERATED MARKET)" if is_generated else ""
    ahead = "the month after" if asked.months_ahead == 1 else f"{asked.months_ahead} months after"
    title = f"{named}: promoted ({asked.stage}) next to refused, {ahead}{generated}"
    told = hash_of([asked.months_ahead, *([row["card_id"], row["symbol"], row["digests"]] for row in rows)])
    file = UPath(context.settings.artifacts_uri) / REPLAYS_FOLDER / f"{told[:_NAME_DIGITS]}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(replay_png(summary.months, title=title))
    return str(file)


def _replayed(
    space: ParameterSpace, symbol: str, asked: WhatToReplay, settings: ReplaySettings, context: ToolContext
) -> tuple[ReplayedDecision, ...]:
    from engine.backtest.runner import history_from_store
    from engine.promotion.replay import month_ends, replay

    start_ms, end_ms = asked_window(asked.start, asked.end)
    timeframes = space.card.timeframes
    history = history_from_store(symbol, timeframes.all_timeframes().values(), market_store(context.settings))
    bars = history.bars(timeframes.exec)
    first, last = int(bars.ts_open[0]), int(bars.ts_open[-1]) + bars.bar_ms
    moments = month_ends(
        max(first, first if start_ms is None else start_ms), min(last, last if end_ms is None else end_ms)
    )
    return replay(space, history, moments, settings)


def _row(row: ReplayedDecision) -> dict[str, Any]:
    return {
        "card_id": row.card_id,
        "symbol": row.symbol,
        "timeframe": row.timeframe,
        "decided_at_ms": row.moment_ms,
        "verdict": "promoted" if row.promoted else "refused" if row.judged else "not judged",
        "refused_by": row.refused_by,
        "not_judged": row.not_judged,
        "digests": [decision.digest() for decision in row.decisions],
        "ahead": None if row.ahead is None else asdict(row.ahead),
    }


def _summary(summary: ReplaySummary) -> dict[str, Any]:
    gates = [{**asdict(worth), "difference_pct": worth.difference_pct} for worth in summary.gates]
    return {**asdict(summary), "gates": gates}


TOOLS = (
    ToolSpec(
        "promotions.replay",
        "Test the promotion policy over history: decide month by month with what was known then, and compare "
        "what the promoted went on to do with the refused.",
        SideEffect.COMPUTE,
        WhatToReplay,
        replay_promotions,
        cost=ToolCost(CostScale.MINUTES, "cards x symbols x months x bars"),
    ),
)
