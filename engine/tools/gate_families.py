"""All gates, by what they judge and by what command judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.gates.base import Gate
from engine.gates.card_batch import CardBatchGate
from engine.gates.card_catalogue import RUN_GATES
from engine.gates.catalogue import PROMOTION_GATES
from engine.gates.import_contract import ImportContractGate
from engine.gates.market_catalogue import MARKET_GATES
from engine.gates.shadow import SHADOW_GATES
from engine.gates.validation import VALIDATION_GATES
from engine.promotion.step_gates import PERSON_STEP_GATES, WholeEvidenceGate


@dataclass(frozen=True)
class GateFamily:
    """Gates on one kind of thing.

    Attributes
    ----------
    judges : str
        What.
    run_by : str
        The command that runs them.
    gates : tuple of Gate
    """

    judges: str
    run_by: str
    gates: tuple[Gate[Any], ...]


ON_A_CARD, ON_THE_PROJECT = "trade gate CARD", "trade gate"

FAMILIES = (
    GateFamily("stored data", ON_A_CARD, MARKET_GATES),
    GateFamily("a run", ON_A_CARD, tuple(each.gate for each in RUN_GATES)),
    GateFamily("a backtest", ON_A_CARD, PROMOTION_GATES),
    GateFamily("the evidence", "trade validate CARD", (*VALIDATION_GATES, WholeEvidenceGate())),
    GateFamily("a run in shadow", "trade promote CARD", SHADOW_GATES),
    GateFamily("a step up", "trade promote CARD", PERSON_STEP_GATES),
    GateFamily("the project", ON_THE_PROJECT, (ImportContractGate(), CardBatchGate())),
)


def family_of(name: str) -> GateFamily | None:
    """Return the family of the gate called `name`; None if there is no such gate."""
    return next((family for family in FAMILIES for gate in family.gates if gate.name == name), None)
