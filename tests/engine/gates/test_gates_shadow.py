"""The gates on a run in shadow, each by hand on both sides of its threshold."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from engine.errors import CorruptData
from engine.gates.shadow import SHADOW_GATES, ShadowEvidence, ShadowJudged
from engine.gates.threshold import Bound
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.idea_card.shadow_policy import ShadowPolicy
from engine.timeframes import DAY_MS, Timeframe

POLICY = PromotionPolicy(
    min_trades=30,
    min_net_return_pct=0.0,
    min_sharpe=0.5,
    min_profit_factor=1.1,
    max_drawdown_pct=20.0,
    max_ambiguous_share_pct=10.0,
    max_filled_share_pct=1.0,
    max_liquidations=0,
)
# 14 days of 15m: 1,344 closes, 1,331 of which are 99.03 %
RUN = ShadowEvidence(
    card_id="trend",
    system_hash="a" * 64,
    symbol="BTCUSDT",
    timeframe=Timeframe.M15,
    run_id="s1",
    data_fingerprint="d" * 64,
    engine_version="3",
    start_ms=0,
    end_ms=14 * DAY_MS,
    closes=1344,
    decisions_compared=1331,
    decision_differences=0,
    fill_differences=0,
    fill_price_bps=5.0,
    trades=5,
    max_drawdown_pct=20.0,
    net_return_pct=-1.0,
)
WORSE = {
    "min_shadow_days": {"end_ms": 14 * DAY_MS - 1},
    "min_shadow_compared_pct": {"decisions_compared": 1330},
    "max_shadow_decision_differences": {"decision_differences": 1},
    "max_shadow_fill_differences": {"fill_differences": 1},
    "min_shadow_trades": {"trades": 4},
    "max_shadow_fill_price_bps": {"fill_price_bps": 5.01},
    "max_shadow_drawdown_factor": {"max_drawdown_pct": 20.01},
}


def refused(run: ShadowEvidence, policy: PromotionPolicy = POLICY) -> list[str]:
    return [gate.name for gate in SHADOW_GATES if gate.run(ShadowJudged(run, policy)).blocks]


def test_a_run_at_every_threshold_passes() -> None:
    assert refused(RUN) == []


@pytest.mark.parametrize("gate", WORSE)
def test_each_gate_refuses_what_is_a_little_worse(gate: str) -> None:
    assert refused(dataclasses.replace(RUN, **WORSE[gate])) == [gate]


def test_the_gates_are_those_of_the_policy() -> None:
    assert {gate.name for gate in SHADOW_GATES} == set(ShadowPolicy.model_fields) == set(WORSE)


def test_the_card_says_how_much_is_asked() -> None:
    stricter = POLICY.model_copy(update={"shadow": ShadowPolicy(min_shadow_days=28, min_shadow_trades=6)})
    assert refused(RUN, stricter) == ["min_shadow_days", "min_shadow_trades"]


def test_no_close_shows_nothing_and_no_common_fill_has_no_price() -> None:
    none = dataclasses.replace(RUN, closes=0, decisions_compared=0, fill_price_bps=None, trades=0)
    assert math.isnan(none.compared_pct)
    assert refused(none) == ["min_shadow_compared_pct", "min_shadow_trades"]
    by_price = next(gate for gate in SHADOW_GATES if gate.name == "max_shadow_fill_price_bps")
    assert by_price.bound is Bound.AT_MOST
    assert "does not apply" in by_price.run(ShadowJudged(none, POLICY)).summary


def test_evidence_survives_json_and_anything_else_is_refused() -> None:
    assert ShadowEvidence.from_plain(json.loads(json.dumps(RUN.to_plain()))) == RUN
    for broken in ({}, {**RUN.to_plain(), "mood": "good"}, {**RUN.to_plain(), "timeframe": "7m"}):
        with pytest.raises(CorruptData, match="shadow evidence"):
            ShadowEvidence.from_plain(broken)
