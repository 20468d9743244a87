"""Accounts side by side: each comes to what it comes to alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_jit import said_with_and_without_the_compiler
from sim_market import ONE_TIER, bars, contract, percent, run, signals
from sim_random import RandomCase, random_case, random_rules, random_signals

from engine.errors import SimulationError
from engine.sim.market import BarSignals
from engine.sim.side_by_side import SIDE_BY_SIDE, AccountRun, AccountTerms, simulate_side_by_side
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.state import DistanceKind, SignalBit, SizingKind

SEEDS = st.integers(0, 2**32 - 1)


def beside(case: RandomCase, count: int) -> list[AccountTerms]:
    """Return the account of a case and others that trade the same market."""
    rng = np.random.default_rng(len(case.bars) + count)
    leverage = float(case.rules[0].leverage)
    others = [
        AccountTerms(random_signals(rng, case.bars), random_rules(rng, leverage), float(equity))
        for equity in rng.choice([20.0, 1000.0, 50_000.0], count - 1)
    ]
    return [AccountTerms(case.signals, case.rules, case.equity), *others]


def day_ends(count: int, bars_a_day: int) -> np.ndarray:
    return np.minimum(np.arange(bars_a_day - 1, count + bars_a_day - 1, bars_a_day), count - 1)


def alone(case: RandomCase, terms: AccountTerms) -> SimulationOutput:
    return simulate(
        case.bars, terms.signals, case.funding, terms.contract, case.tiers, terms.starting_equity_usdt
    )


def assert_same(found: AccountRun, wanted: SimulationOutput, ends: np.ndarray, start: float) -> None:
    trades = wanted.trades
    assert found.bars == wanted.bars
    assert found.trade_net_pnl.tolist() == (trades.gross_pnl - trades.fees + trades.funding).tolist()
    assert found.fill_fees.tolist() == wanted.fills.fee.tolist()
    assert found.payments.tolist() == wanted.payments.amount.tolist()
    last_bars = sorted({min(int(end), wanted.bars - 1) for end in ends})
    assert found.day_equity.tolist() == wanted.equity[last_bars].tolist()
    curve = np.r_[start, wanted.equity]
    peak = np.maximum.accumulate(curve)
    assert found.deepest_drawdown == ((peak - curve) / peak).max()
    assert found.bars_held == trades.bars_held.sum()
    assert found.ambiguous_trades == trades.ambiguous.sum()


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, SIDE_BY_SIDE))
def test_each_account_comes_to_what_it_comes_to_alone(seed: int, count: int) -> None:
    case = random_case(seed)
    accounts, ends = beside(case, count), day_ends(len(case.bars), 60)
    runs = simulate_side_by_side(case.bars, case.funding, case.tiers, ends, accounts)
    assert len(runs) == count
    for found, terms in zip(runs, accounts, strict=True):
        assert_same(found, alone(case, terms), ends, terms.starting_equity_usdt)


def test_many_stretches_and_more_trades_than_there_was_room_for() -> None:
    count = 40_000
    price = np.round(100 + np.sin(np.arange(count)), 3)
    rows = list(zip(price, price + 0.01, price - 0.01, price, strict=True))
    market = bars(*rows)
    turns = np.where(np.arange(count) % 2 == 0, SignalBit.ENTER_LONG, SignalBit.EXIT_LONG).astype(np.int8)
    slower = np.where(np.arange(count) % 100 == 0, SignalBit.ENTER_LONG, 0).astype(np.int8)
    case = random_case(1)
    case = RandomCase(market, BarSignals.without_features(turns), case.funding, contract(), ONE_TIER, 5000.0)
    accounts = [
        AccountTerms(case.signals, contract(), 5000.0),
        AccountTerms(BarSignals.without_features(slower), contract(**percent(stop=0.5)), 5000.0),
    ]
    ends = day_ends(count, 1440)
    runs = simulate_side_by_side(market, case.funding, ONE_TIER, ends, accounts)
    assert len(runs[0].trade_net_pnl) == 20_000
    for found, terms in zip(runs, accounts, strict=True):
        assert_same(found, alone(case, terms), ends, 5000.0)


def test_an_account_that_ends_early_does_not_stop_the_others() -> None:
    rows = [(100, 100, 100, 100), (100, 100, 100, 100), (100, 100, 50, 50), *[(50, 50, 50, 50)] * 5]
    market = bars(*rows)
    wanted = signals(len(rows), b0=SignalBit.ENTER_LONG, b4=SignalBit.ENTER_LONG)
    whole = contract(sizing_kind=SizingKind.PERCENT_EQUITY, sizing_value=100.0)
    ends = np.array([3, 7])
    blown, going_on = simulate_side_by_side(
        market,
        random_case(1).funding,
        ONE_TIER,
        ends,
        [AccountTerms(wanted, whole, 10.0), AccountTerms(wanted, contract(), 1000.0)],
    )
    assert (blown.bars, blown.liquidations, len(blown.day_equity)) == (3, 1, 1)
    assert (going_on.bars, len(going_on.day_equity)) == (8, 2)
    assert run(market, wanted, whole, equity=10.0).bars == 3


def test_a_feature_that_is_missing_is_refused() -> None:
    market = bars((100, 101, 99, 100))
    terms = AccountTerms(
        signals(1),
        contract(stop_kind=DistanceKind.FEATURE_MULTIPLE, stop_value=1.0, stop_feature_long=2),
        1000.0,
    )
    with pytest.raises(SimulationError, match="feature"):
        simulate_side_by_side(market, random_case(1).funding, ONE_TIER, np.array([0]), [terms])


def test_plain_python_and_compiled_code_say_the_same() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sim_random import random_case\n"
        "from test_sim_side_by_side import beside, day_ends\n"
        "from engine.sim.side_by_side import simulate_side_by_side\n"
        "case, ends = random_case(3, 80), day_ends(80, 30)\n"
        "for run in simulate_side_by_side(case.bars, case.funding, case.tiers, ends, beside(case, 3)):\n"
        "    print(run.bars, run.day_equity.tolist(), run.trade_net_pnl.tolist())\n"
    )
    outputs = said_with_and_without_the_compiler(script)
    assert outputs[0].count("\n") == 3
    assert outputs[0] == outputs[1]
