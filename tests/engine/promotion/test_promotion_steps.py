"""From evidence, or a person, to the decision on a stage; and that the same evidence decides the same."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evidence_case import CARD as CARD_TEXT
from evidence_case import START, history, space

from engine.errors import CorruptData, GateRefused
from engine.gates.shadow import ShadowEvidence
from engine.hashing import canonical_json
from engine.promotion.ledger import LedgerEntry
from engine.promotion.policy import PromotionDecision, Stage, Verdict
from engine.promotion.shadow_file import read_shadow_evidence, shadow_evidence_file, write_shadow_evidence
from engine.promotion.stages import Standing
from engine.promotion.step_gates import Gathered, Step, WholeEvidenceGate, refuse_early
from engine.promotion.steps import (
    Subject,
    decide_by_person,
    decide_shadow,
    decide_validated,
)
from engine.promotion.validation import ValidationSettings, validate
from engine.timeframes import DAY_MS

FEW = ValidationSettings(windows=4, most_sets=6, paths=20, random_entries=20)
CARD = space().card
SUBJECT = Subject.of(CARD, "BTCUSDT")
RUN = ShadowEvidence(
    card_id="crossing",
    system_hash=SUBJECT.system_hash,
    symbol="BTCUSDT",
    timeframe=SUBJECT.timeframe,
    run_id="s1",
    data_fingerprint="d" * 64,
    engine_version="3",
    start_ms=0,
    end_ms=20 * DAY_MS,
    closes=480,
    decisions_compared=480,
    decision_differences=0,
    fill_differences=0,
    fill_price_bps=0.0,
    trades=12,
    max_drawdown_pct=3.0,
    net_return_pct=1.0,
)


def held(stage: Stage, *, good: bool = True) -> PromotionDecision:
    return PromotionDecision(
        card_id="crossing",
        card_version="1.0.0",
        system_hash=SUBJECT.system_hash,
        symbol="BTCUSDT",
        timeframe=SUBJECT.timeframe,
        run_id=f"{stage} run",
        data_fingerprint="d" * 64,
        engine_version="3",
        stage=stage,
        decision=Verdict.PROMOTED if good else Verdict.REFUSED,
        gates=(),
        refused_by=None if good else "min_sharpe",
        decided_at_ms=1,
    )


def standing_at(*decisions: PromotionDecision) -> Standing:
    stands = Standing()
    for number, each in enumerate(decisions, start=1):
        stands = stands.after(LedgerEntry(number, each, ""))
    return stands


BACKTESTED = held(Stage.BACKTESTED)
UP = (BACKTESTED, held(Stage.VALIDATED), held(Stage.SHADOW), held(Stage.LIVE))


def validated(stands: Standing, *, workers: int = 1) -> PromotionDecision:
    made, market = space(), history(60)
    found = validate(
        made, made.defaults, market, settings=FEW, policy=CARD.promotion.validation, workers=workers
    )
    return decide_validated(
        SUBJECT,
        found,
        stands,
        settings=FEW,
        data_fingerprint=market.data_fingerprint,
        decided_at_ms=5,
    )


def test_whole_evidence_makes_a_card_validated_and_says_what_it_rests_on() -> None:
    made = validated(standing_at(BACKTESTED))
    gates = {gate.gate for gate in made.gates}
    assert {"stage_before", "nothing_refused", "look_ahead", "min_deflated_sharpe"} < gates
    assert made.refused_by == "whole_evidence"  # of the few that this test gathers
    assert (made.stage, made.follows) == (Stage.VALIDATED, 1)
    # a sample of six and the neighbours of the chosen set, each once
    assert made.evidence["trials"] == 14
    assert made.evidence["anchor"] == "rolling"
    assert (made.evidence["start_ms"], made.evidence["end_ms"]) == (START, START + 60 * DAY_MS)
    assert PromotionDecision.from_plain(made.to_plain()) == made


def test_the_same_evidence_is_the_same_decision_to_the_byte_in_another_process() -> None:
    script = (
        "from test_promotion_steps import *; from engine.hashing import canonical_json;"
        "print(canonical_json(validated(standing_at(BACKTESTED), workers=2).to_plain()), end='')"
    )
    paths = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == canonical_json(validated(standing_at(BACKTESTED)).to_plain())


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, []),
        ({"paths": 5_000, "most_sets": 400, "windows": 24}, []),
        ({"paths": 999, "most_sets": 199}, ["most_sets", "paths"]),
        ({"windows": 11}, ["windows"]),
        ({"seed": 1}, ["seed"]),
        ({"objective": "sortino", "inside_share": 0.5}, ["objective", "inside_share"]),
    ],
)
def test_evidence_cut_short_or_drawn_again_does_not_count(
    changed: dict[str, Any], refused: list[str]
) -> None:
    settings = dataclasses.replace(ValidationSettings(), **changed)
    result = WholeEvidenceGate().run(Gathered("here", settings))
    assert [violation.what.split()[0] for violation in result.violations] == refused
    assert result.blocks is bool(refused)


def test_no_stage_is_skipped_whatever_was_shown() -> None:
    for stands, refused in (
        (standing_at(), "stage_before"),
        (standing_at(BACKTESTED), "stage_before"),
        (standing_at(*UP[:2]), None),
        (standing_at(*UP), None),
        (standing_at(*UP, held(Stage.RETIRED)), "stage_before"),
    ):
        assert decide_shadow(SUBJECT, RUN, stands, decided_at_ms=1).refused_by == refused


def test_a_refusal_below_stops_the_way_up() -> None:
    stands = standing_at(*UP[:2], held(Stage.BACKTESTED, good=False))
    made = decide_shadow(SUBJECT, RUN, stands, decided_at_ms=1)
    assert made.refused_by == "nothing_refused"
    [gate] = [gate for gate in made.gates if gate.gate == "nothing_refused"]
    assert "row 3" in gate.violations[0].how_much
    again = standing_at(*UP[:2], held(Stage.BACKTESTED, good=False), BACKTESTED)
    assert decide_shadow(SUBJECT, RUN, again, decided_at_ms=1).promoted


def test_a_refused_stage_may_be_shown_again_whatever_was_refused_above() -> None:
    refused = (held(Stage.BACKTESTED, good=False), held(Stage.VALIDATED, good=False))
    stands = standing_at(*UP[:3], *refused)
    refuse_early(Step("here", Stage.BACKTESTED, stands))
    with pytest.raises(GateRefused, match="evidence for backtested was refused"):
        refuse_early(Step("here", Stage.VALIDATED, stands))
    with pytest.raises(GateRefused, match="shadow needs validated"):
        refuse_early(Step("here", Stage.SHADOW, standing_at(BACKTESTED)))


def test_a_run_in_shadow_is_judged_by_the_card() -> None:
    made = decide_shadow(SUBJECT, RUN, standing_at(*UP[:2]), decided_at_ms=1)
    assert (made.run_id, made.follows, made.promoted) == ("s1", 2, True)
    short = dataclasses.replace(RUN, end_ms=DAY_MS, first_difference="")
    assert decide_shadow(SUBJECT, short, standing_at(*UP[:2]), decided_at_ms=1).refused_by == (
        "min_shadow_days"
    )


def test_a_run_of_another_system_is_no_evidence() -> None:
    with pytest.raises(GateRefused, match="system"):
        decide_shadow(
            SUBJECT, dataclasses.replace(RUN, system_hash="b" * 64), standing_at(*UP[:2]), decided_at_ms=1
        )


def by_person(
    stage: Stage, stands: Standing, *, who: str = "ada", why: str = "it has shown enough"
) -> PromotionDecision:
    return decide_by_person(SUBJECT, stage, stands, decided_by=who, reason=why, decided_at_ms=1)


def test_live_is_a_person_s_decision_after_shadow() -> None:
    made = by_person(Stage.LIVE, standing_at(*UP[:3]))
    assert made.promoted
    assert (made.run_id, made.follows) == ("shadow run", 3)
    assert by_person(Stage.LIVE, standing_at(*UP[:2])).refused_by == "stage_before"
    assert by_person(Stage.LIVE, standing_at(*UP[:3]), why=" ").refused_by == "a_person_decides"
    stopped = standing_at(*UP[:3], held(Stage.VALIDATED, good=False))
    assert by_person(Stage.LIVE, stopped).refused_by == "nothing_refused"


@pytest.mark.parametrize("steps", range(5))
def test_retired_from_anywhere_and_back_as_a_candidate(steps: int) -> None:
    stands = standing_at(*UP[:steps])
    assert by_person(Stage.RETIRED, stands).promoted
    assert by_person(Stage.RETIRED, stands, who="").refused_by == "a_person_decides"
    assert by_person(Stage.CANDIDATE, stands).refused_by == "stage_before"
    retired = standing_at(*UP[:steps], held(Stage.RETIRED))
    assert by_person(Stage.RETIRED, retired).refused_by == "stage_before"
    assert by_person(Stage.CANDIDATE, retired).promoted


def test_a_refusal_carries_what_the_card_says_of_lowering() -> None:
    policy = CARD.promotion.model_copy(update={"lower_on_refusal": True})
    subject = dataclasses.replace(SUBJECT, card=CARD.model_copy(update={"promotion": policy}))
    assert decide_shadow(subject, RUN, standing_at(), decided_at_ms=1).lowers
    assert not decide_shadow(SUBJECT, RUN, standing_at(), decided_at_ms=1).lowers


def test_shadow_evidence_is_kept_per_system(tmp_path: Path) -> None:
    asked = ("crossing", "BTCUSDT", SUBJECT.timeframe, SUBJECT.system_hash)
    assert read_shadow_evidence(tmp_path, *asked) is None
    write_shadow_evidence(tmp_path, dataclasses.replace(RUN, trades=1))
    write_shadow_evidence(tmp_path, RUN)
    assert read_shadow_evidence(tmp_path, *asked) == RUN
    assert read_shadow_evidence(tmp_path, *asked[:3], "b" * 64) is None
    shadow_evidence_file(tmp_path, *asked).write_text("{")
    with pytest.raises(CorruptData, match="not JSON"):
        read_shadow_evidence(tmp_path, *asked)


@pytest.mark.slow
def test_swings_that_go_on_are_validated_on_the_whole_evidence() -> None:
    # without parameters: where every set earns, which of them is best is chance, and the gate on that says so
    text = CARD_TEXT.replace("{param: fast}", "4").replace("{param: slow}", "20").partition("parameters:")[0]
    made, market, whole = space(text), history(365, wave=0.05), ValidationSettings()
    subject = Subject.of(made.card, "BTCUSDT")
    found = validate(
        made, made.defaults, market, settings=whole, policy=made.card.promotion.validation, workers=2
    )
    backtested = dataclasses.replace(BACKTESTED, system_hash=subject.system_hash)
    decision = decide_validated(
        subject,
        found,
        standing_at(backtested),
        settings=whole,
        data_fingerprint=market.data_fingerprint,
        decided_at_ms=5,
    )
    assert decision.refused_by is None, [gate.summary for gate in decision.gates if not gate.passed]
    assert standing_at(backtested, decision).stage is Stage.VALIDATED
