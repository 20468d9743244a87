"""The rules of moving between stages, each by the name it has in `engine.promotion.stages`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market_data.duckdb_file import connection_factory
from engine.promotion.ledger import LedgerEntry, PromotionLedger
from engine.promotion.policy import PromotionDecision, Stage, Verdict
from engine.promotion.stages import LADDER, Standing, next_stage, stage_before, stage_of, standing
from engine.timeframes import Timeframe

CANDIDATE, BACKTESTED, VALIDATED, SHADOW, LIVE = LADDER
RETIRED = Stage.RETIRED
THIS, OTHER = "a" * 64, "b" * 64


def decision(
    stage: Stage,
    *,
    good: bool = True,
    system: str = THIS,
    lowers: bool = False,
    run: str = "r",
    **changed: object,
) -> PromotionDecision:
    values = {
        "card_id": "trend",
        "card_version": "1.0.0",
        "system_hash": system,
        "symbol": "BTCUSDT",
        "timeframe": Timeframe.M15,
        "run_id": run,
        "data_fingerprint": "d" * 64,
        "engine_version": "3",
        "stage": stage,
        "decision": Verdict.PROMOTED if good else Verdict.REFUSED,
        "gates": (),
        "refused_by": None if good else "some_gate",
        "decided_at_ms": 1,
        "lowers": lowers,
    }
    return PromotionDecision(**values | changed)


def stands(*decisions: PromotionDecision, system: str = THIS) -> Standing:
    entries = [LedgerEntry(number, each, "") for number, each in enumerate(decisions, start=1)]
    return standing(entries, "trend", "BTCUSDT", Timeframe.M15, system)


UP = [decision(stage) for stage in LADDER[1:]]


def test_a_card_begins_as_a_candidate_and_goes_up_one_stage_at_a_time() -> None:
    assert [stands(*UP[:steps]).stage for steps in range(5)] == list(LADDER)
    assert [entry.sequence for entry in stands(*UP).moves] == [1, 2, 3, 4]


def test_a_row_that_skips_a_stage_moves_nothing() -> None:
    assert stands(decision(VALIDATED)).stage is CANDIDATE
    assert stands(UP[0], decision(SHADOW), decision(LIVE)).stage is BACKTESTED


def test_a_changed_system_hash_begins_again_at_candidate() -> None:
    history = [*UP[:2], decision(BACKTESTED, system=OTHER)]
    assert stands(*UP, system=OTHER).stage is CANDIDATE
    assert stands(*history, system=OTHER).stage is BACKTESTED
    assert stands(*history).stage is VALIDATED  # what it has shown is still its own


def test_another_symbol_or_timeframe_is_another_subject() -> None:
    for changed in ({"symbol": "ETHUSDT"}, {"timeframe": Timeframe.H1}, {"card_id": "bands"}):
        assert stands(decision(BACKTESTED, **changed)).stage is CANDIDATE


def test_refused_evidence_does_not_lower_what_stands() -> None:
    after = stands(*UP[:3], decision(BACKTESTED, good=False, run="newer"))
    assert after.stage is SHADOW
    assert [entry.sequence for entry in after.refusals] == [4]
    assert (
        stands(*UP[:3], decision(BACKTESTED, good=False), decision(BACKTESTED, run="newest")).refusals == ()
    )


def test_refused_evidence_lowers_where_the_card_asks_for_it() -> None:
    fallen = stands(*UP, decision(VALIDATED, good=False, lowers=True))
    assert fallen.stage is BACKTESTED
    assert set(fallen.held_by) == {BACKTESTED}
    # everything above has to be shown again
    again = [*UP, decision(VALIDATED, good=False, lowers=True), decision(SHADOW), decision(VALIDATED)]
    assert stands(*again).stage is VALIDATED


def test_a_refusal_for_a_stage_not_held_lowers_nothing() -> None:
    assert stands(*UP[:2], decision(SHADOW, good=False, lowers=True)).stage is VALIDATED


@pytest.mark.parametrize("steps", range(5))
def test_retired_from_anywhere_whatever_is_shown(steps: int) -> None:
    retired = stands(*UP[:steps], decision(RETIRED), *UP)
    assert retired.stage is RETIRED
    assert not any(retired.holds(stage) for stage in LADDER)


def test_a_person_takes_a_retired_card_back_as_a_candidate_and_all_is_shown_again() -> None:
    back = stands(*UP, decision(RETIRED), decision(CANDIDATE))
    assert (back.stage, dict(back.held_by)) == (CANDIDATE, {})
    assert stands(*UP, decision(RETIRED), decision(CANDIDATE), UP[0], decision(SHADOW)).stage is BACKTESTED


@given(
    st.lists(
        st.builds(decision, st.sampled_from(Stage), good=st.booleans(), lowers=st.booleans()), max_size=30
    )
)
def test_no_stage_is_ever_reached_that_was_not_shown(decisions: list[PromotionDecision]) -> None:
    before = Standing()
    for number, each in enumerate(decisions, start=1):
        after = before.after(LedgerEntry(number, each, ""))
        if after.stage is not before.stage and after.stage in LADDER[1:]:
            rises = LADDER.index(after.stage) > (LADDER.index(before.stage) if before.stage in LADDER else 0)
            assert each.lowers if not rises else next_stage(before.stage) is after.stage is each.stage
        held = [stage for stage in LADDER[1:] if after.holds(stage)]
        assert set(after.held_by) == set(held)  # each stage held has the row that reached it
        assert all(after.held_by[stage].decision.promoted for stage in held)
        before = after


def test_neighbouring_stages() -> None:
    assert [next_stage(stage) for stage in (*LADDER, RETIRED)] == [*LADDER[1:], None, None]
    assert [stage_before(stage) for stage in (*LADDER, RETIRED)] == [None, *LADDER[:-1], None]


def test_the_stage_is_read_from_the_ledger(tmp_path: Path) -> None:
    ledger = PromotionLedger(connection_factory(tmp_path / "promotion.duckdb"))
    subject = ("trend", "BTCUSDT", Timeframe.M15, THIS)
    assert stage_of(ledger, *subject) is CANDIDATE
    for each in UP[:2]:
        ledger.append(each)
    assert stage_of(ledger, *subject) is VALIDATED
    assert stage_of(ledger, *subject[:3], OTHER) is CANDIDATE


def test_the_same_evidence_is_one_row_per_stage_and_counts_again_after_a_restart(tmp_path: Path) -> None:
    ledger = PromotionLedger(connection_factory(tmp_path / "promotion.duckdb"))
    for each in (UP[0], UP[1], UP[0], decision(RETIRED, reason="tired"), decision(CANDIDATE), UP[0], UP[0]):
        ledger.append(each)
    assert [entry.decision.stage for entry in ledger.history()] == [
        BACKTESTED, VALIDATED, RETIRED, CANDIDATE, BACKTESTED,
    ]  # fmt: skip
    assert {entry.decision.stage for entry in ledger.latest()} == set(Stage) - {SHADOW, LIVE}
    assert ledger.verify().rows == 5
    assert stage_of(ledger, "trend", "BTCUSDT", Timeframe.M15, THIS) is BACKTESTED


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.builds(
            decision,
            st.sampled_from(Stage),
            good=st.booleans(),
            lowers=st.booleans(),
            system=st.sampled_from([THIS, OTHER]),
        ),
        max_size=9,
    )
)
def test_rows_that_the_ledger_leaves_out_change_no_standing(decisions: list[PromotionDecision]) -> None:
    connection = duckdb.connect()

    @contextmanager
    def connect(_read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        yield connection

    ledger = PromotionLedger(connect)
    for made in decisions:
        ledger.append(made)
        ledger.append(made)  # said twice
    subject = ("trend", "BTCUSDT", Timeframe.M15)
    assert len(ledger.history()) <= len(decisions)
    for system in (THIS, OTHER):
        assert stage_of(ledger, *subject, system) is stands(*decisions, system=system).stage
