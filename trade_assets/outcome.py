"""What a pipeline run tells: decisions, failures, times. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.promotion.policy import PromotionDecision
from engine.strategies.card_plan import CardPlan
from engine.tools.market import Market
from trade_assets.artifacts import Address, ArtifactStore
from trade_assets.assets.cards import card_key
from trade_assets.partitions import Partition


@dataclass(frozen=True)
class CardRow:
    """What became of a card on a symbol.

    `report` is where the HTML report is; `reused` says that nothing had to be made again; `detail` is what a
    detail timeframe changed, None for a card without one. A figure that is not defined (a ratio of nothing)
    is None.
    """

    card: str
    card_version: str
    symbol: str
    timeframe: str
    trades: int
    net_return_pct: float | None
    max_drawdown_pct: float | None
    sharpe: float | None
    fees_usdt: float | None
    funding_usdt: float | None
    decision: str
    refused_by: str | None
    run_id: str
    report: str
    reused: bool
    detail: dict[str, Any] | None


@dataclass(frozen=True)
class PipelineFailure:
    """Something that could not be made, and why."""

    what: str
    error: str


@dataclass(frozen=True)
class AssetTime:
    """How many partitions of an asset were made, and in how many seconds of our own code."""

    asset: str
    partitions: int
    seconds: float


@dataclass(frozen=True)
class PipelineReport:
    """What there is after a pipeline run, and what it took.

    Parameters
    ----------
    market : Market
        Whose candles these are.
    rows : tuple of CardRow
        Every card and symbol that has a decision, by card and symbol.
    failed : tuple of PipelineFailure
        What could not be made.
    assets : tuple of AssetTime
        Where the time went; assets of all cards together.
    dagster_runs : int
        How many runs there were; none if everything was current.
    dagster_seconds : float
        What these runs took beside our own code.
    seconds : float
        All of it.
    """

    market: Market
    rows: tuple[CardRow, ...]
    failed: tuple[PipelineFailure, ...]
    assets: tuple[AssetTime, ...]
    dagster_runs: int
    dagster_seconds: float
    seconds: float


def decision_address(plan: CardPlan, symbol: str) -> Address:
    """Return where the decision on a card and symbol is."""
    return Address(card_key(plan.card.id, "promotion"), Partition(symbol, plan.card.timeframes.exec))


def card_row(plan: CardPlan, symbol: str, artifacts: ArtifactStore, *, reused: bool) -> CardRow:
    """Return what the artifacts say of a card and symbol."""
    address = decision_address(plan, symbol)
    stored = artifacts.read(address)
    decision = PromotionDecision.from_plain(stored["decision"])
    metrics = artifacts.read(Address(card_key(plan.card.id, "metrics"), address.partition))["metrics"]
    return CardRow(
        card=decision.card_id,
        card_version=decision.card_version,
        symbol=symbol,
        timeframe=str(decision.timeframe),
        trades=metrics["trades"],
        net_return_pct=metrics["net_return_pct"],
        max_drawdown_pct=metrics["max_drawdown_pct"],
        sharpe=metrics["sharpe"],
        fees_usdt=metrics["fees_usdt"],
        funding_usdt=metrics["funding_usdt"],
        decision=decision.decision.value,
        refused_by=decision.refused_by,
        run_id=decision.run_id,
        report=str(artifacts.base / stored["report"]),
        reused=reused,
        detail=stored.get("detail"),
    )
