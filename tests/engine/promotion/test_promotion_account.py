"""Why a card stands where it stands."""

from __future__ import annotations

import dataclasses

from evidence_case import space
from test_promotion_stages import decision

from engine.gates.base import GateResult, GateViolation, Severity
from engine.promotion.account import Account, account, changes_between
from engine.promotion.ledger import LedgerEntry
from engine.promotion.policy import PromotionDecision, Stage
from engine.promotion.steps import Subject
from engine.timeframes import Timeframe

SUBJECT = Subject.of(space().card, "BTCUSDT")


def own(stage: Stage, *, good: bool = True, **changed: object) -> PromotionDecision:
    of_card = {"card_id": "crossing", "timeframe": Timeframe.H1, "system": SUBJECT.system_hash}
    return decision(stage, good=good, **of_card | changed)


def told(*decisions: PromotionDecision) -> Account:
    entries = [LedgerEntry(number, each, "") for number, each in enumerate(decisions, start=1)]
    return account(entries, SUBJECT)


def gate(name: str, observed: float, threshold: float) -> GateResult:
    bad = (GateViolation("here", "too little", "some", "get more"),) if observed < threshold else ()
    return GateResult(name, "checks", Severity.ERROR, f"{observed}", bad, observed, threshold)


def test_a_card_nothing_was_decided_on() -> None:
    found = told()
    assert (found.stands.stage, found.stages) == (Stage.CANDIDATE, ())
    assert found.notes == ("Nothing has been decided on it yet.",)
    assert found.next_step == "trade promote crossing --symbol BTCUSDT"


def test_the_next_step_at_each_stage() -> None:
    up = [own(stage) for stage in (Stage.BACKTESTED, Stage.VALIDATED, Stage.SHADOW, Stage.LIVE)]
    steps = [told(*up[:count]).next_step for count in range(1, 5)]
    assert steps[0] == "trade promote crossing --symbol BTCUSDT"
    assert steps[1].startswith("run it in shadow")
    assert "--stage live --reason" in steps[2]
    assert "--stage retired --reason" in steps[3]
    retired = told(*up, own(Stage.RETIRED, decided_by="ada", reason="it stopped earning"))
    assert "--stage candidate" in retired.next_step
    assert "Retired by ada: it stopped earning" in retired.notes


def test_a_refusal_below_is_noted_and_is_what_to_mend() -> None:
    found = told(own(Stage.BACKTESTED), own(Stage.VALIDATED), own(Stage.BACKTESTED, good=False, run="r2"))
    assert found.stands.stage is Stage.VALIDATED
    assert "row 3" in found.notes[0]
    assert found.next_step.endswith("--stage backtested")
    assert "verdict: promoted -> refused by some_gate" in found.stages[0].changes


def test_a_card_that_has_changed_begins_again_and_says_so() -> None:
    found = told(own(Stage.BACKTESTED, system="b" * 64), own(Stage.VALIDATED, system="b" * 64))
    assert found.stands.stage is Stage.CANDIDATE
    assert "The card has changed: row 2 is of system bbbbbbbbbbbb" in found.notes[0]
    assert [stage.is_current for stage in found.stages] == [False, False]


def test_a_lowered_card_says_by_what() -> None:
    found = told(own(Stage.BACKTESTED), own(Stage.BACKTESTED, good=False, lowers=True))
    assert found.stands.stage is Stage.CANDIDATE
    assert "Lowered by row 2" in found.notes[0]


def test_other_symbols_and_cards_are_passed_over() -> None:
    assert told(own(Stage.BACKTESTED, symbol="ETHUSDT"), own(Stage.BACKTESTED, card_id="x")).stages == ()


def test_what_changed_between_two_decisions_by_hand() -> None:
    before = own(
        Stage.VALIDATED, good=False, gates=(gate("a", 1.0, 2.0), gate("b", 3.0, 2.0), gate("c", 1, 1))
    )
    after = dataclasses.replace(
        own(Stage.VALIDATED, gates=(gate("a", 2.5, 2.0), gate("b", 3.0, 2.5), gate("d", 1, 1))),
        data_fingerprint="e" * 64,
        engine_version="4",
        evidence={"trials": 9},
    )
    before = dataclasses.replace(before, evidence={"trials": 6})
    assert changes_between(before, after) == (
        "another version of the simulation: 3 -> 4",
        "other data: dddddddddddd -> eeeeeeeeeeee",
        "verdict: refused by some_gate -> promoted",
        "a: refused -> passed, value 1 -> 2.5",
        "b: threshold 2 -> 2.5",
        "d: judged for the first time",
        "c: not judged any more",
        "evidence, trials: 6 -> 9",
    )
    assert changes_between(after, after) == ()
