"""Tools on gates: what there are, and their verdicts on a card and on the project."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from engine.errors import ConfigurationError, DataNotFound
from engine.settings import PROJECT_ROOT
from engine.timeframes import format_utc, parse_utc
from engine.tools.backtest import asked_window
from engine.tools.cards import find_plan
from engine.tools.cost import CostScale, ToolCost
from engine.tools.market import stored_market
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.stores import market_store

if TYPE_CHECKING:
    from engine.gates.base import GateResult
    from engine.gates.card_batch import BatchSummary
    from engine.gates.card_run import CardRun
    from engine.market_data.store import HistoricalDataStore
    from engine.strategies.card_plan import CardPlan

_TASK, _CARDS = "gates", "random cards"
# Any stretch of the generated market will do, as long as it is the same for everybody.
_SYMBOL, _MARKET_END = "BTCUSDT", "2024-06-01"


class WhatToJudge(ToolInput):
    """Which card, on what, by which gates."""

    card: str = Field(description="the card's id, or a YAML file")
    symbols: tuple[str, ...] = Field((), description="symbols; none: those of the card that are stored")
    only: tuple[str, ...] = Field((), description="names of gates; none: all on a card")
    end: str | None = Field(None, description="end of the history (UTC), not included; none: all there is")


class WhatOfTheProject(ToolInput):
    """By which gates the project is judged."""

    only: tuple[str, ...] = Field((), description="names of gates; none: all on the project")
    cards: int = Field(20, ge=1, le=10_000, description="random cards that are drawn; one takes a second")
    seed: int = Field(0, ge=0, description="of the random cards: the same seed, the same cards")


def run_gates(asked: WhatToJudge, context: ToolContext) -> dict[str, Any]:
    """Judge a card over its stored data by every gate that needs nothing else. Nothing is kept."""
    from engine.gates.card_catalogue import CARD_GATES, judge_card
    from engine.tools.gate_families import ON_A_CARD

    names = _chosen(asked.only, [each.gate.name for each in CARD_GATES], ON_A_CARD)
    _, end_ms = asked_window(None, asked.end)
    plan, store = find_plan(asked.card, context.settings), market_store(context.settings)
    market = stored_market(context.settings)
    symbols = tuple(dict.fromkeys(asked.symbols)) or _stored_symbols(plan, store)
    context.progress.start(_TASK, len(symbols) * len(names))
    judged = []
    for symbol in symbols:
        run = _stored_run(plan, symbol, store, end_ms)
        results = []
        for result in judge_card(run, names):
            results.append(result)
            context.progress.advance(_TASK, note=f"{symbol} {result.gate}")
        judged.append({"symbol": symbol, **_verdict(results)})
    context.progress.finish(_TASK)
    return {
        "market": market,
        "card_id": plan.card.id,
        "card_version": plan.card.version,
        "system_hash": plan.system_hash,
        "timeframe": plan.card.timeframes.exec,
        "judged": judged,
        "passed": all(each["passed"] for each in judged),
    }


def judge_project(asked: WhatOfTheProject, context: ToolContext) -> dict[str, Any]:
    """Judge the project itself: its imports, and random cards on a generated market."""
    from engine.gates.card_batch import CardBatchGate
    from engine.gates.import_contract import ImportContractGate
    from engine.tools.gate_families import ON_THE_PROJECT

    names = _chosen(asked.only, [ImportContractGate.name, CardBatchGate.name], ON_THE_PROJECT)
    results, batch = [], None
    if ImportContractGate.name in names:
        results.append(ImportContractGate().run(PROJECT_ROOT))
    if CardBatchGate.name in names:
        batch = _batch(asked, context)
        results.append(CardBatchGate().run(batch))
    return {
        "project": PROJECT_ROOT,
        **_verdict(results),
        "batch": None if batch is None else batch.to_plain(),
    }


def _batch(asked: WhatOfTheProject, context: ToolContext) -> BatchSummary:
    from engine.gates.card_batch import run_batch
    from engine.gates.generated_market import generated_market
    from engine.gates.random_cards import MARKET_DAYS, MARKET_TIMEFRAMES

    context.progress.start(_CARDS, asked.cards)
    market = generated_market(_SYMBOL, MARKET_TIMEFRAMES, end_ms=parse_utc(_MARKET_END), days=MARKET_DAYS)
    summary = run_batch(
        market, cards=asked.cards, seed=asked.seed, on_card=lambda _: context.progress.advance(_CARDS)
    )
    context.progress.finish(_CARDS)
    return summary


def list_gates(asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """List every gate, with what it judges, how severe a failure is and the command that runs it."""
    del asked, context
    from engine.tools.gate_families import FAMILIES

    return {
        "gates": [
            {"judges": family.judges, "run_by": family.run_by, **gate.to_plain()}
            for family in FAMILIES
            for gate in family.gates
        ]
    }


def _chosen(asked: Sequence[str], there: Sequence[str], command: str) -> list[str]:
    """Return the gates asked for, all of `there` if none is.

    Raises
    ------
    ConfigurationError
        If there is no such gate, or another command runs it.
    """
    from engine.tools.gate_families import FAMILIES, family_of

    for name in asked:
        if name in there:
            continue
        family = family_of(name)
        if family is None:
            known = [gate.name for each in FAMILIES for gate in each.gates]
            alike = difflib.get_close_matches(name, known, n=3)
            raise ConfigurationError(
                f"there is no gate {name!r}",
                way_out=f"use {' or '.join(alike)}" if alike else "see `trade gates` for what there are",
            )
        raise ConfigurationError(
            f"{name} judges {family.judges}, and `{command}` does not",
            way_out=f"run `{family.run_by}`",
        )
    return [name for name in there if name in asked or not asked]


def _stored_symbols(plan: CardPlan, store: HistoricalDataStore) -> tuple[str, ...]:
    coverage = store.coverage()
    there = set(coverage.loc[coverage["timeframe"] == plan.card.timeframes.exec.value, "symbol"])
    stored = tuple(symbol for symbol in plan.card.symbols if symbol in there)
    if not stored:
        raise DataNotFound(
            f"no {plan.card.timeframes.exec} candle is stored of {', '.join(plan.card.symbols)}",
            way_out="sync them first: `trade sync`",
        )
    return stored


def _stored_run(plan: CardPlan, symbol: str, store: HistoricalDataStore, end_ms: int | None) -> CardRun:
    from engine.backtest.runner import history_of
    from engine.features.builder import stamped
    from engine.features.inputs import OPEN_INTEREST
    from engine.gates.card_run import CardRun

    timeframes = tuple(plan.card.timeframes.all_timeframes().values())
    stored = store.read_market(symbol, timeframes, end_ms)
    for timeframe in timeframes:
        if stored.candles[timeframe].empty:
            before = "" if end_ms is None else f" before {format_utc(end_ms)}"
            raise DataNotFound(
                f"no {timeframe} candle is stored of {symbol}{before}",
                way_out=f"sync it first: `trade sync -s {symbol} -t {timeframe}`, or choose a later end",
            )
    history = history_of(
        symbol, stored, open_interest=lambda: stamped(store.read_open_interest(symbol), OPEN_INTEREST)
    )
    return CardRun(plan, history, stored)


def _verdict(results: Sequence[GateResult]) -> dict[str, Any]:
    return {
        "passed": not any(result.blocks for result in results),
        "gates": [result.to_plain() for result in results],
    }


TOOLS = (
    ToolSpec(
        "gates.list",
        "List every gate, what it checks, how severe a failure is and which command runs it.",
        SideEffect.READ,
        NoInput,
        list_gates,
    ),
    ToolSpec(
        "gates.project",
        "Judge the project itself: its imports, and random cards sent through everything.",
        SideEffect.COMPUTE,
        WhatOfTheProject,
        judge_project,
        cost=ToolCost(CostScale.SECONDS, "random cards"),
    ),
    ToolSpec(
        "gates.run",
        "Judge a card over its stored data: schemas, parity, look-ahead, warm-up, determinism, thresholds.",
        SideEffect.COMPUTE,
        WhatToJudge,
        run_gates,
        cost=ToolCost(CostScale.SECONDS, "symbols x bars x trades"),
    ),
)
