"""Promotion replayed over history: nothing known later decides, and what came after is told as it was."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from evidence_case import CARD, START, history, space
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest.history import History
from engine.backtest.measure import evaluate
from engine.backtest.prepare import prepare_history
from engine.errors import ConfigurationError
from engine.gates.known_market import KnownMarket
from engine.promotion.policy import PromotionDecision, Stage, Verdict
from engine.promotion.replay import (
    Ahead,
    ReplayedDecision,
    ReplaySettings,
    month_ends,
    months_later,
    replay,
)
from engine.promotion.replay_summary import summarise
from engine.promotion.validation import ValidationSettings
from engine.reports.replay_picture import replay_png
from engine.strategies.card_plan import plan_card
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe, parse_utc

PICKY = CARD.replace("min_sharpe: 0\n", "min_sharpe: 0.5\n").replace("min_trades: 1\n", "min_trades: 20\n")
MONTHS = tuple(parse_utc(f"2024-{month:02d}-01") for month in range(2, 7))
MARKET = history(160, wave=0.012, noise=0.006)


def replayed(known: History, *moments: int, text: str = PICKY) -> tuple[ReplayedDecision, ...]:
    return replay(space(text), known, moments or MONTHS, ReplaySettings())


def test_month_ends_by_hand() -> None:
    dates = ["2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"]
    moments = tuple(map(parse_utc, dates))
    assert month_ends(moments[0], moments[-1]) == moments
    assert month_ends(moments[0] + 1, moments[-1] - 1) == moments[1:3]
    assert months_later(parse_utc("2023-11-30T23:00"), 3) == moments[2]
    with pytest.raises(ConfigurationError, match="no month ends"):
        month_ends(moments[0] + 1, moments[1] - 1)


def test_some_months_are_promoted_and_some_refused() -> None:
    rows = replayed(MARKET)
    assert {row.promoted for row in rows} == {True, False}
    assert [row.moment_ms for row in rows] == list(MONTHS)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(MONTHS), st.integers(0, 30 * 24), st.booleans(), st.integers(0, 9))
def test_what_comes_after_a_month_s_end_changes_no_decision_of_that_month(
    moment: int, later_hours: int, alters: bool, seed: int
) -> None:
    market = KnownMarket.of(MARKET)
    cut = moment + later_hours * HOUR_MS
    other = market.with_another_future(cut, np.random.default_rng(seed)) if alters else market.until(cut)
    known = [each for each in MONTHS if each <= cut]
    before, after = replayed(MARKET, *known), replayed(other.history(), *known)
    assert [row.decisions for row in after] == [row.decisions for row in before]
    assert [row.not_judged for row in after] == [row.not_judged for row in before]


def test_a_decision_is_that_of_a_backtest_on_what_was_known() -> None:
    [row] = replayed(MARKET, MONTHS[2])
    known = KnownMarket.of(MARKET).until(MONTHS[2]).history()
    prepared = prepare_history(plan_card(space(PICKY).card), known)
    assert prepared.window[1] == MONTHS[2]
    [decision] = row.decisions
    assert decision.data_fingerprint == prepared.data_fingerprint
    assert decision.decided_at_ms == MONTHS[2]


def test_what_came_after_is_a_run_on_a_new_account() -> None:
    [row] = replayed(MARKET, MONTHS[1])
    prepared = prepare_history(plan_card(space(PICKY).card), MARKET, start_ms=MONTHS[1], end_ms=MONTHS[2])
    metrics = evaluate(prepared)
    assert row.ahead == Ahead(
        MONTHS[1], MONTHS[2], metrics.net_return_pct, metrics.max_drawdown_pct, metrics.trades
    )
    # the last month is not over yet: 160 days end on 9 June
    assert [row.ahead is None for row in replayed(MARKET)] == [False] * 4 + [True]


def test_too_little_data_judge_nothing() -> None:
    rows = replayed(MARKET, START + HOUR_MS, MONTHS[0])
    assert [bool(row.decisions) for row in rows] == [False, True]
    assert rows[0].not_judged
    assert not rows[0].promoted


def test_whole_evidence_is_gathered_for_what_is_backtested_only() -> None:
    few = ValidationSettings(windows=2, most_sets=4, paths=10, random_entries=10)
    months = (parse_utc("2024-01-20"), *MONTHS[2:4])
    rows = replay(space(PICKY), MARKET, months, ReplaySettings(stage=Stage.VALIDATED, validation=few))
    for row, backtested in zip(rows, replayed(MARKET, *months), strict=True):
        assert row.decisions[:1] == backtested.decisions
        if backtested.promoted and row.judged:
            assert row.decisions[1].stage is Stage.VALIDATED
            assert row.refused_by == row.decisions[1].refused_by
        else:
            assert len(row.decisions) == 1
            assert not row.promoted
    # there are too few days in January for the whole evidence on what the backtest let pass
    assert [row.judged for row in rows] == [False, True, True]
    assert {len(row.decisions) for row in rows[1:]} == {2}


# --- the summary, by hand


def row(month: int, net_return_pct: float | None, *, promoted: bool) -> ReplayedDecision:
    decision = PromotionDecision(
        card_id="trend",
        card_version="1.0.0",
        system_hash="a" * 64,
        symbol="BTCUSDT",
        timeframe=Timeframe.M15,
        run_id="r",
        data_fingerprint="d" * 64,
        engine_version="3",
        stage=Stage.BACKTESTED,
        decision=Verdict.PROMOTED if promoted else Verdict.REFUSED,
        gates=(),
        refused_by=None if promoted else "min_sharpe",
        decided_at_ms=0,
    )
    ahead = None if net_return_pct is None else Ahead(0, DAY_MS, net_return_pct, abs(net_return_pct), 2)
    return ReplayedDecision("trend", "BTCUSDT", Timeframe.M15, MONTHS[month], (decision,), "", ahead)


def test_the_summary_by_hand() -> None:
    rows = [
        row(0, 3.0, promoted=True),
        row(0, -1.0, promoted=False),
        row(1, 1.0, promoted=True),
        row(1, -4.0, promoted=False),
        row(1, 2.0, promoted=False),
        row(2, None, promoted=True),  # nobody knows yet
        dataclasses.replace(row(2, 9.0, promoted=False), decisions=(), not_judged="too short"),
    ]
    found = summarise(rows)
    assert (found.promoted.decisions, found.promoted.mean_return_pct) == (2, 2.0)
    assert (found.refused.decisions, found.refused.mean_return_pct) == (3, -1.0)
    assert (found.refused.median_return_pct, found.refused.worst_return_pct) == (-1.0, -4.0)
    assert found.refused.earned_pct == pytest.approx(100 / 3)
    assert (found.refused.deepest_drawdown_pct, found.refused.trades) == (4.0, 6)
    assert found.everything.decisions == 5
    assert (found.difference_pct, found.not_judged) == (3.0, 1)
    assert [month.promoted.decisions for month in found.months] == [1, 1, 0]
    # of the 2 x 3 ways to deal the verdicts, the first month right and 1.0 or 2.0 in the second do as well
    assert found.p_value == pytest.approx(2 / 6, abs=0.02)


def test_the_picture_is_small_and_always_the_same() -> None:
    rows = [row(month, 1.0 - month, promoted=month > 0) for month in range(3)]
    drawn = replay_png(summarise(rows).months, title="x $1")
    assert drawn.startswith(b"\x89PNG")
    assert 5_000 < len(drawn) < 40_000
    assert drawn == replay_png(summarise(rows).months, title="x $1")
    assert drawn != replay_png(summarise(rows[:2]).months, title="x $1")
    assert replay_png([]).startswith(b"\x89PNG")


def test_without_both_verdicts_in_a_month_chance_says_nothing() -> None:
    found = summarise([row(0, 3.0, promoted=True), row(1, -1.0, promoted=False)])
    assert math.isnan(found.p_value)
    assert found.difference_pct == 4.0
    nothing = summarise([])
    assert (nothing.promoted.decisions, nothing.months, nothing.gates) == (0, (), ())


def test_a_gate_is_worth_what_it_tells_apart() -> None:
    worth = {each.gate: each for each in summarise(replayed(MARKET)).gates}
    rows = [each for each in replayed(MARKET) if each.ahead]
    by_sharpe = {passed: [] for passed in (True, False)}
    for each in rows:
        [gate] = [gate for gate in each.decisions[0].gates if gate.gate == "min_sharpe"]
        by_sharpe[gate.passed].append(each.ahead.net_return_pct)
    assert all(by_sharpe.values())
    assert worth["min_sharpe"].difference_pct == pytest.approx(
        np.mean(by_sharpe[True]) - np.mean(by_sharpe[False])
    )
