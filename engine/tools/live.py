"""Tools on running cards: start, stop, look, compare with the backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from engine.errors import ConfigurationError, DataNotFound
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_client

if TYPE_CHECKING:
    from engine.live.fill_parity import FillComparison
    from engine.live.parity import LegParity
    from engine.live.run_folder import RunFolder
    from engine.settings import TradeSettings
    from engine.strategies.card_plan import CardPlan
    from engine.timeframes import Timeframe

type Mode = Literal["shadow", "demo", "live"]

_MOST_DIFFERENCES = 20


class WhatToRun(ToolInput):
    """Which cards, how."""

    cards: tuple[str, ...] = Field(description="ids or YAML files of cards", min_length=1)
    mode: Mode = Field(
        "shadow", description="shadow: simulated fills; demo, live: an account at the exchange"
    )
    symbols: tuple[str, ...] | None = Field(None, description="only these of the cards' symbols; none: all")
    for_minutes: float | None = Field(None, description="end after so long; none: when told to", gt=0)
    confirmation: str | None = Field(None, description="live only: the phrase that is asked for")


class WhichRun(ToolInput):
    """One run."""

    run: str = Field(description="its name, as live.list shows it")


class WhichCompared(WhichRun):
    """One run, and its cards."""

    cards: tuple[str, ...] | None = Field(None, description="YAML files, where the cards are in no folder")


def run_live(asked: WhatToRun, context: ToolContext) -> dict[str, Any]:
    """Run cards until told to stop. Goes on where the run was left."""
    import os

    from engine.live.run_folder import RunMode
    from engine.live.sessions import Asked, run_session
    from engine.promotion.stages import Standing, standing
    from engine.tools.stores import promotion_ledger

    settings = context.settings
    ledger = promotion_ledger(settings)

    def standing_of(card_id: str, symbol: str, timeframe: Timeframe, system_hash: str) -> Standing:
        return standing(ledger.history(card_id), card_id, symbol, timeframe, system_hash)

    return run_session(
        Asked(
            RunMode(asked.mode),
            [find_plan(card, settings) for card in asked.cards],
            asked.symbols,
            None if asked.for_minutes is None else asked.for_minutes * 60,
            asked.confirmation,
        ),
        settings,
        market_client(settings),
        standing_of=standing_of,
        variables=os.environ,
        redactor=context.redactor,
    )


def list_runs(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """List the runs there are, with how each stands."""
    from engine.live.run_folder import run_folders, runs_root
    from engine.live.status import read_status

    found = []
    for folder in run_folders(runs_root(context.settings)):
        identity = folder.identity()
        status = read_status(folder.path)
        found.append(
            {
                "run": folder.path.name,
                "mode": identity.mode,
                "exchange": identity.exchange,
                "began_ms": identity.began_ms,
                "cards": identity.cards,
                "is_running": folder.is_running(),
                "last_seen_ms": None if status is None else status["now_ms"],
                "folder": folder.path,
            }
        )
    return {"runs": found}


def show_status(asked: WhichRun, context: ToolContext) -> dict[str, Any]:
    """Say how a run stands: positions, PnL, next close, how near each rule is, limits used."""
    from engine.live.status import read_status

    folder = find_run(asked.run, context.settings)
    status = read_status(folder.path)
    if status is None:
        raise DataNotFound(
            f"the run {asked.run} has not said how it stands yet", way_out="wait for a second after its start"
        )
    return {"run": asked.run, "is_running": folder.is_running(), **status}


def stop_run(asked: WhichRun, context: ToolContext) -> dict[str, Any]:
    """Ask a run to end. Positions stay as they are, with their brackets at the exchange."""
    folder = find_run(asked.run, context.settings)
    if not folder.is_running():
        raise ConfigurationError(f"the run {asked.run} is not running", way_out="live.list shows which are")
    folder.request_stop()
    return {"run": asked.run, "requested": True}


def compare_run(asked: WhichCompared, context: ToolContext) -> dict[str, Any]:
    """Replay what a run has seen through the backtest, and say where they differ."""
    from engine.live.evidence import parities

    folder = find_run(asked.run, context.settings)
    return {
        "run": asked.run,
        "legs": [_compared(each) for each in parities(folder, _plans_of(folder, asked, context.settings))],
    }


def keep_evidence(asked: WhichCompared, context: ToolContext) -> dict[str, Any]:
    """Write what a shadow run shows, for promotion to read."""
    from engine.live.evidence import write_evidence
    from engine.live.run_folder import RunMode

    folder = find_run(asked.run, context.settings)
    if folder.identity().mode is not RunMode.SHADOW:
        raise ConfigurationError(f"{asked.run} is no run in shadow", way_out="name one that is: live.list")
    plans = _plans_of(folder, asked, context.settings)
    return {
        "run": asked.run,
        "evidence": [
            each.to_plain() for each in write_evidence(folder, plans, context.settings.shadow_folder)
        ],
    }


def find_run(name: str, settings: TradeSettings) -> RunFolder:
    """Return the run of a name.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    from engine.live.run_folder import run_folders, runs_root

    folders = {folder.path.name: folder for folder in run_folders(runs_root(settings))}
    if name not in folders:
        raise ConfigurationError(
            f"there is no run {name!r}",
            way_out=f"use one of {', '.join(folders)}" if folders else "start one: trade live start CARD",
        )
    return folders[name]


def _plans_of(folder: RunFolder, asked: WhichCompared, settings: TradeSettings) -> list[CardPlan]:
    names = asked.cards or tuple(card.card_id for card in folder.identity().cards)
    return [find_plan(name, settings) for name in names]


def _compared(parity: LegParity) -> dict[str, Any]:
    return {
        "card_id": parity.card_id,
        "symbol": parity.symbol,
        "timeframe": parity.timeframe,
        "first_open": parity.first_open,
        "last_close": parity.last_close,
        "bars": parity.bars,
        "late_bars": parity.late_bars,
        "agrees": parity.agrees,
        "difference_count": len(parity.differences),
        "differences": [str(each) for each in parity.differences[:_MOST_DIFFERENCES]],
        "trades": len(parity.result.trades),
        "final_equity_usdt": parity.result.final_equity_usdt,
        "fills": None if parity.fills is None else _fills(parity.fills),
    }


def _fills(fills: FillComparison) -> dict[str, Any]:
    return {
        **fills.summary(),
        "only_run_trades": fills.only_run[:_MOST_DIFFERENCES],
        "only_replay_trades": fills.only_replay[:_MOST_DIFFERENCES],
    }


TOOLS = (
    ToolSpec(
        "live.run",
        "Run cards in shadow, on demo or live until told to stop; goes on where the run was left.",
        SideEffect.TRADE,
        WhatToRun,
        run_live,
        cost=ToolCost(CostScale.UNTIL_STOPPED, "time"),
    ),
    ToolSpec(
        "live.list", "List the runs there are, with how each stands.", SideEffect.READ, NoInput, list_runs
    ),
    ToolSpec(
        "live.status",
        "Say how a run stands: positions, PnL, next close, how near each rule is, limits used.",
        SideEffect.READ,
        WhichRun,
        show_status,
    ),
    ToolSpec(
        "live.stop",
        "Ask a run to end; positions stay as they are, with their brackets at the exchange.",
        SideEffect.TRADE,
        WhichRun,
        stop_run,
    ),
    ToolSpec(
        "live.parity",
        "Replay what a run has seen through the backtest, and say where they differ.",
        SideEffect.COMPUTE,
        WhichCompared,
        compare_run,
    ),
    ToolSpec(
        "live.evidence",
        "Write what a shadow run shows, for promotion to read.",
        SideEffect.WRITE,
        WhichCompared,
        keep_evidence,
    ),
)
