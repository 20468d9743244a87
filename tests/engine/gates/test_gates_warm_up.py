"""The gate on warm-up: a declared one that is too short is found, shipped cards pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gates_card import M15, mean_of, plan, planted
from gates_market import market

from engine.features.spec import Memory
from engine.gates.base import GateResult
from engine.gates.warm_up import FeatureMemory, WarmUpEvidence, WarmUpGate, warm_up_evidence
from engine.strategies.card_plan import load_plan

IDEA_CARDS = Path(__file__).resolve().parents[3] / "idea_cards"
SHIPPED = sorted(IDEA_CARDS.rglob("*.yaml"))


def evidence(days: int = 20) -> WarmUpEvidence:
    return warm_up_evidence(plan(), market(days, timeframes=(M15,)).history())


def judged(make, **declared) -> GateResult:
    """Judge a run whose feature `planted` is what `make` gives, and declared as said."""
    clean = evidence()
    features = dict(clean.features)
    if declared:
        features["feature planted"] = FeatureMemory(M15, **declared)
    return WarmUpGate().run(replace(clean, run=planted(make), features=features))


def average(length: int):
    """An exponential mean that begins with the first value."""

    def make(close: np.ndarray) -> np.ndarray:
        means = close.copy()
        for bar in range(1, len(close)):
            means[bar] += (1 - 2 / (length + 1)) * (means[bar - 1] - close[bar])
        return means

    return make


def said(result: GateResult) -> str:
    return "\n".join(map(str, result.violations))


def test_a_window_that_is_longer_than_declared_is_found():
    result = judged(lambda close: mean_of(close, 50))
    assert "feature planted depends on more than its declared warm-up of 4 bars" in said(result)
    assert "nothing on 19 bars before the start" in said(result)
    assert result.blocks


def test_a_mean_of_all_bars_is_no_window():
    assert not judged(lambda close: np.cumsum(close) / np.arange(1, len(close) + 1)).passed


def test_a_memory_that_fades_too_slowly_for_its_warm_up_is_found():
    result = judged(average(1000), memory=Memory.FADING, warmup=4)
    assert "feature planted depends on more than its declared warm-up of 4 bars" in said(result)


def test_a_memory_that_fades_may_take_some_bars_and_they_are_told():
    result = judged(average(10), memory=Memory.FADING, warmup=9)
    assert result.passed, said(result)
    # (9/11)^k of the first difference is left after k bars: a thousandth after 35
    bars = int(result.summary.split("planted settles last, ")[1].split()[0])
    assert 10 < bars < 60


def test_signals_that_depend_on_the_first_bar_for_good_are_found():
    """An indicator may remember everything; a rule that compares it with a price may not rest on it."""
    result = judged(lambda close: close + (close[0] % 200) - 100, memory=Memory.WHOLE, warmup=4)
    assert "a longer history changes the signals" in said(result)
    assert "a longer history changes the fills" in said(result)
    assert result.observed > result.threshold


def test_a_card_that_needs_more_bars_than_it_declares_is_found():
    clean = evidence()
    result = WarmUpGate().run(replace(clean, warmups={M15: 3}))
    assert "feature mean depends on more than its declared warm-up" in said(result)


def test_honest_windows_pass_to_the_last_signal():
    result = WarmUpGate().run(evidence())
    assert result.passed, said(result)
    assert result.summary.startswith("6 of 6 starts judged; 0 of ")
    assert result.observed == 0.0
    assert result.threshold == 0.001


def test_a_history_too_short_to_judge_does_not_pass():
    slow = load_plan(IDEA_CARDS / "cookbook" / "dip_ladder.yaml")
    timeframes = tuple(slow.card.timeframes.all_timeframes().values())
    result = WarmUpGate().run(warm_up_evidence(slow, market(30, timeframes=timeframes).history()))
    assert "too short to see" in said(result)
    assert "TRADE_HISTORY_START" in said(result)


def test_the_same_evidence_gets_the_same_verdict():
    assert WarmUpGate().run(evidence()) == WarmUpGate().run(evidence())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_card_forgets_where_its_history_began(path: Path):
    card = load_plan(path)
    timeframes = tuple(card.card.timeframes.all_timeframes().values())
    # the slowest, a mean of a hundred bars of 4h, takes 60 days
    days = 200 if card.strategy is None else 90
    result = WarmUpGate().run(warm_up_evidence(card, market(days, timeframes=timeframes).history()))
    assert result.passed, said(result)
