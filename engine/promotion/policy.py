"""From a backtest's metrics to a decision. Pure: the same evidence gives the same decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from engine.errors import CorruptData
from engine.gates.base import GateResult
from engine.gates.catalogue import PROMOTION_GATES
from engine.gates.threshold import BacktestEvidence
from engine.hashing import hash_of
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.metrics.compute import Metrics
from engine.timeframes import Timeframe

if TYPE_CHECKING:
    from engine.backtest.result import BacktestResult


class Stage(StrEnum):
    """How far a card has come, in order. None may be skipped on the way up."""

    CANDIDATE = "candidate"
    BACKTESTED = "backtested"
    VALIDATED = "validated"
    SHADOW = "shadow"
    LIVE = "live"
    RETIRED = "retired"


class Verdict(StrEnum):
    """Whether the stage asked for was reached."""

    PROMOTED = "promoted"
    REFUSED = "refused"


@dataclass(frozen=True)
class PromotionDecision:
    """Whether a card may hold a stage on one symbol and timeframe, and the evidence for it.

    Parameters
    ----------
    card_id, card_version, system_hash : str
        Which card, and what it said.
    symbol : str
        For which symbol.
    timeframe : Timeframe
        The exec timeframe.
    run_id, data_fingerprint, engine_version : str
        The backtest: which run, over which data, by which code.
    stage : Stage
        The stage decided on.
    decision : Verdict
        Whether it was reached.
    gates : tuple of GateResult
        Every gate's verdict, passed ones too.
    refused_by : str or None
        The first gate that refused.
    decided_at_ms : int
        When, UTC milliseconds; no part of the evidence.
    evidence : mapping of str to plain data
        What the evidence was gathered with, where that is not said by the card: windows, paths, trials.
    follows : int or None
        Number of the ledger's row that reached the stage before this one; None where none is needed.
    lowers : bool
        Whether a refusal lowers what stands, as the card asks for.
    decided_by, reason : str
        Who, and why; empty where the evidence alone decided.
    """

    card_id: str
    card_version: str
    system_hash: str
    symbol: str
    timeframe: Timeframe
    run_id: str
    data_fingerprint: str
    engine_version: str
    stage: Stage
    decision: Verdict
    gates: tuple[GateResult, ...]
    refused_by: str | None
    decided_at_ms: int
    evidence: Mapping[str, Any] = field(default_factory=dict)
    follows: int | None = None
    lowers: bool = False
    decided_by: str = ""
    reason: str = ""

    @property
    def promoted(self) -> bool:
        """Whether the stage was reached."""
        return self.decision is Verdict.PROMOTED

    def digest(self) -> str:
        """Return the hash of the evidence and the verdict: everything but the time of the decision."""
        return hash_of({key: value for key, value in self.to_plain().items() if key != "decided_at_ms"})

    def to_plain(self) -> dict[str, Any]:
        """Return plain data that JSON can hold; `from_plain` gives the decision back.

        What a decision has nothing to say about is left out, so that rows written before there was such a
        thing keep their hash.
        """
        said = {
            "evidence": dict(self.evidence),
            "follows": self.follows,
            "lowers": self.lowers,
            "decided_by": self.decided_by,
            "reason": self.reason,
        }
        return {
            "card_id": self.card_id,
            "card_version": self.card_version,
            "system_hash": self.system_hash,
            "symbol": self.symbol,
            "timeframe": self.timeframe.value,
            "run_id": self.run_id,
            "data_fingerprint": self.data_fingerprint,
            "engine_version": self.engine_version,
            "stage": self.stage.value,
            "decision": self.decision.value,
            "refused_by": self.refused_by,
            "gates": [gate.to_plain() for gate in self.gates],
            "decided_at_ms": self.decided_at_ms,
            **{name: value for name, value in said.items() if value},  # rows are numbered from 1
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the decision of a plain form.

        Raises
        ------
        CorruptData
            If it is not the plain form of a decision.
        """
        try:
            values = {
                **plain,
                "timeframe": Timeframe(plain["timeframe"]),
                "stage": Stage(plain["stage"]),
                "decision": Verdict(plain["decision"]),
                "gates": tuple(GateResult.from_plain(gate) for gate in plain["gates"]),
            }
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptData(f"this is not the plain form of a promotion decision: {error!r}") from error


def decide(
    *,
    card_id: str,
    card_version: str,
    system_hash: str,
    symbol: str,
    timeframe: Timeframe,
    run_id: str,
    data_fingerprint: str,
    engine_version: str,
    metrics: Metrics,
    policy: PromotionPolicy,
    decided_at_ms: int,
) -> PromotionDecision:
    """Run every promotion gate on a backtest's metrics and decide whether the card counts as backtested.

    It does when no gate of severity error refuses. All gates run, so that the ledger shows everything that
    was wrong and not only the first; `refused_by` is the first in the order of the catalogue.
    """
    evidence = BacktestEvidence(metrics=metrics, policy=policy, where=f"{card_id} on {symbol} {timeframe}")
    results = tuple(gate.run(evidence) for gate in PROMOTION_GATES)
    refused_by = next((result.gate for result in results if result.blocks), None)
    return PromotionDecision(
        card_id=card_id,
        card_version=card_version,
        system_hash=system_hash,
        symbol=symbol,
        timeframe=timeframe,
        run_id=run_id,
        data_fingerprint=data_fingerprint,
        engine_version=engine_version,
        stage=Stage.BACKTESTED,
        decision=Verdict.PROMOTED if refused_by is None else Verdict.REFUSED,
        gates=results,
        refused_by=refused_by,
        decided_at_ms=decided_at_ms,
        lowers=policy.lower_on_refusal,
    )


def decide_run(
    result: BacktestResult, metrics: Metrics, policy: PromotionPolicy, *, decided_at_ms: int
) -> PromotionDecision:
    """Decide as `decide` does, on a run and its metrics."""
    return decide(
        card_id=result.card_id,
        card_version=result.card_version,
        system_hash=result.system_hash,
        symbol=result.symbol,
        timeframe=result.exec_timeframe,
        run_id=result.run_id,
        data_fingerprint=result.data_fingerprint,
        engine_version=result.engine_version,
        metrics=metrics,
        policy=policy,
        decided_at_ms=decided_at_ms,
    )
