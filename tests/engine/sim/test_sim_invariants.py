"""What must hold on every bar (DESIGN, section 5), whatever the market does and the card asks for.

The step-by-step exchange is driven over random markets and accounts (`sim_random`); after each bar its public
face is held to the invariants (`sim_watch`), and to an account worked out in decimals (`sim_decimal`).
"""

from __future__ import annotations

from decimal import localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_random import RandomCase, random_case
from sim_watch import Watched

from engine.sim.simulate import simulate
from engine.sim.state import StopReason


def check_case(case: RandomCase) -> None:
    """Hold a case to the invariants on every bar, and the two drivers to each other."""
    with localcontext() as context:
        context.prec = 40
        watched = Watched(case)
        exchange = watched.exchange
        curve = []
        for at in range(len(case.bars)):
            watched.advance(at)
            curve.append(exchange.equity)
            if exchange.stop_reason is not StopReason.NONE:
                break
        exchange.close()
    output = simulate(case.bars, case.signals, case.funding, case.rules, case.tiers, case.equity)
    assert output.bars == len(curve)
    assert output.equity[:-1].tolist() == curve[:-1]
    assert output.fills.tobytes() == exchange.fills.tobytes()
    assert output.trades.tobytes() == exchange.trades.tobytes()
    assert output.payments.tobytes() == exchange.payments.tobytes()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_what_holds_on_every_bar(seed: int) -> None:
    check_case(random_case(seed))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=3000, deadline=None)
@given(st.integers(0, 10**9))
def test_what_holds_on_every_bar_of_many_markets(seed: int) -> None:
    check_case(random_case(seed, count=400))
