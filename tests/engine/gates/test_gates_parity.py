"""The gate on parity: a feature that is not what its implementation gives is found."""

from __future__ import annotations

import numpy as np
from gates_card import M15, card_run, mean_of, plan, with_planted
from gates_market import market

from engine.features.registry import INDICATORS
from engine.features.spec import Implementation
from engine.gates.card_run import CardRun
from engine.gates.parity import ParityGate


def judged(values: np.ndarray):
    """Judge a card whose stored feature `planted`, a mean of five highs, is `values`."""
    return ParityGate().run(CardRun(plan(), with_planted(market(5, timeframes=(M15,)), values)))


def test_a_source_that_was_routed_to_close_is_found():
    """Pitfall 9: every input source but close was routed to close."""
    result = judged(mean_of(market(5, timeframes=(M15,)).candles[M15].close, 5))
    [violation] = result.violations
    assert "planted (sma on high) is not what ours, compiled gives" in violation.what
    assert violation.where.startswith("planted on BTCUSDT 15m, 2024-01-01 01:00:00")
    assert result.blocks


def test_one_stale_value_is_found_where_it_is():
    right = card_run(5).history.feature(M15, plan().card.features["planted"])[""].copy()
    assert judged(right).passed
    right[300] = np.nextafter(right[300], np.inf)
    [violation] = judged(right).violations
    # bar 300 of 15 minutes after 2024-01-01 00:00
    assert "2024-01-04 03:00:00" in violation.where


def test_a_value_that_should_be_there_and_is_missing_is_found():
    right = card_run(5).history.feature(M15, plan().card.features["planted"])[""].copy()
    right[100] = np.nan
    assert "nan was read" in judged(right).violations[0].how_much


def test_who_is_called_is_named_and_libraries_name_their_function():
    assert "(ours, compiled)" in ParityGate().run(card_run(5)).summary
    for entry in INDICATORS.values():
        assert (entry.implementation is Implementation.OURS) == (entry.function == "")
