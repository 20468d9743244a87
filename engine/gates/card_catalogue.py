"""The gates on a card and what it runs over, each with the evidence it takes of a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from engine.backtest.measure import measure
from engine.errors import DataError
from engine.gates.base import Gate, GateResult
from engine.gates.card_run import CardRun
from engine.gates.catalogue import PROMOTION_GATES
from engine.gates.determinism import DeterminismGate, determinism_evidence
from engine.gates.lookahead import LookAheadGate, look_ahead_evidence
from engine.gates.market_catalogue import MARKET_GATES
from engine.gates.market_evidence import MarketEvidence
from engine.gates.parity import ParityGate
from engine.gates.schemas import SchemaGate, run_frames
from engine.gates.threshold import BacktestEvidence
from engine.gates.warm_up import WarmUpGate, warm_up_evidence


@dataclass(frozen=True)
class CardGate[Evidence]:
    """A gate, and how what it judges is got from a run."""

    gate: Gate[Evidence]
    evidence: Callable[[CardRun], Evidence]

    def judge(self, run: CardRun) -> GateResult:
        """Return the verdict on a run. Raises as `prepare_history` does."""
        return self.gate.run(self.evidence(run))


def _market(run: CardRun) -> MarketEvidence:
    if run.stored is None:
        raise DataError(
            f"of {run.where} nothing is stored that the gates on stored data could judge",
            way_out="run it over a store: `trade gate`",
        )
    return MarketEvidence(run.history.symbol, run.stored.candles, run.stored.marks, run.stored.funding)


def _backtest(run: CardRun) -> BacktestEvidence:
    return BacktestEvidence(measure(run.result), run.plan.card.promotion, run.where)


# What is quick and says why the rest fails comes first.
RUN_GATES: tuple[CardGate[Any], ...] = (
    CardGate(SchemaGate(), run_frames),
    CardGate(ParityGate(), lambda run: run),
    CardGate(LookAheadGate(), lambda run: look_ahead_evidence(run.plan, run.history, given=run.trace)),
    CardGate(WarmUpGate(), lambda run: warm_up_evidence(run.plan, run.history)),
    CardGate(DeterminismGate(), determinism_evidence),
)
CARD_GATES: tuple[CardGate[Any], ...] = (
    *(CardGate(gate, _market) for gate in MARKET_GATES),
    *RUN_GATES,
    *(CardGate(gate, _backtest) for gate in PROMOTION_GATES),
)


def judge_card(
    run: CardRun,
    names: Collection[str] | None = None,
    *,
    on_gate: Callable[[str], None] | None = None,
) -> Iterator[GateResult]:
    """Give the verdict of each gate on a card, in the order of the catalogue.

    Parameters
    ----------
    run : CardRun
    names : collection of str, optional
        Only these gates; all if left out.
    on_gate : callable, optional
        Told the name of each gate before it begins.

    Raises
    ------
    DataNotFound, DataError
        As `prepare_history` does.
    """
    for each in CARD_GATES:
        if names is None or each.gate.name in names:
            if on_gate is not None:
                on_gate(each.gate.name)
            yield each.judge(run)
