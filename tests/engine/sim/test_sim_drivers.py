"""One step, several drivers: compiled loop, step-by-step exchange and plain Python agree to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal, getcontext
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_market import MINUTE, contract

from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.state import DistanceKind, Records, SignalBit, SizingKind

TIERS = np.array([[5_000.0, 0.005, 0.0, 100.0], [20_000.0, 0.01, 25.0, 50.0], [1e9, 0.025, 325.0, 10.0]])


def random_case(seed: int) -> tuple[MarketBars, BarSignals, FundingEvents, Records]:
    """Return a market with jumps, flat and filled bars, its signals, its funding, and an account."""
    rng = np.random.default_rng(seed)
    count = 300
    steps = rng.normal(0, 0.01, count) * (rng.random(count) > 0.2) + rng.normal(0, 0.1, count) * (
        rng.random(count) > 0.97
    )
    close = np.round(100 * np.exp(np.cumsum(steps)), 2) + 0.01
    gap = np.round(close * rng.normal(0, 0.02, count) * (rng.random(count) > 0.95), 2)
    open_ = np.maximum(0.01, np.r_[close[0], close[:-1]] + gap)
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.01, count)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.01, count)))
    drift = 1 + rng.normal(0, 0.002, count)
    mark = np.array([open_, high, low, close]) * drift
    bars = MarketBars(
        MINUTE,
        np.arange(count) * MINUTE,
        *(open_, high, low, close),
        *mark,
        is_filled=rng.random(count) > 0.97,
        volume=np.ones(count),
    )
    bits = rng.integers(0, 16, count) * (rng.random(count) > 0.7)
    feature = np.abs(rng.normal(2, 1, count))
    ts = np.sort(rng.choice(count * 4, 40, replace=False)) * (MINUTE // 4)
    events = FundingEvents(ts.astype(np.int64), rng.normal(0, 0.002, 40), np.full(40, 100.0))
    has_stop = rng.random() > 0.2
    rules = contract(
        leverage=float(rng.choice([1, 3, 10, 50])),
        taker_rate=0.00055,
        maker_rate=0.0002,
        slippage_rate=0.0003,
        tick_size=0.01,
        stop_kind=rng.choice([DistanceKind.PERCENT, DistanceKind.FEATURE_MULTIPLE]) if has_stop else 0,
        stop_value=2.0,
        target_kind=rng.choice([DistanceKind.PERCENT, DistanceKind.RISK_MULTIPLE]) if has_stop else 0,
        trails=int(has_stop and rng.random() > 0.5),
        trail_activation_pct=float(rng.choice([0, 1])),
        moves_to_break_even=int(rng.random() > 0.5),
        break_even_trigger_pct=1.5,
        break_even_offset_pct=0.2,
        target_value=3.0,
        target_is_limit=int(rng.random() > 0.5),
        sizing_kind=SizingKind.PERCENT_EQUITY,
        sizing_value=float(rng.choice([10, 90])),
        regime=int(rng.integers(0, 2)),
        allow_flip=int(rng.random() > 0.5),
        cooldown_bars=int(rng.integers(0, 3)),
        max_bars=int(rng.choice([0, 20])),
    )
    return bars, BarSignals(bits.astype(np.int8), feature[None, :]), events, rules


def digest(output: SimulationOutput) -> bytes:
    """Return everything a run leaves behind, to the bit."""
    arrays = (output.equity, output.position_size, output.used_margin, output.rejects)
    records = (output.fills, output.trades, output.payments)
    return b"".join(np.ascontiguousarray(part).tobytes() for part in (*arrays, *records))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_step_by_step_equals_the_compiled_loop(seed: int) -> None:
    bars, wanted, events, rules = random_case(seed)
    output = simulate(bars, wanted, events, rules, TIERS, 1000.0)
    exchange = SimulatedExchange(rules, TIERS, 1000.0, events)
    for i in range(output.bars):
        bar = Bar(
            *(int(edge) for edge in (bars.ts_open[i], bars.ts_open[i] + MINUTE)),
            *(float(getattr(bars, name)[i]) for name in ("open", "high", "low", "close")),
            *(float(getattr(bars, f"mark_{name}")[i]) for name in ("open", "high", "low", "close")),
            is_filled=bool(bars.is_filled[i]),
        )
        exchange.advance(
            bar,
            int(wanted.bits[i]),
            stop_feature=float(wanted.features[0, i]),
            target_feature=float(wanted.features[0, i]),
        )
        ledger = exchange.ledger
        ledger.check()
        assert ledger.available >= 0
        assert (exchange.position is None) == (ledger.used_margin == 0)
        if i < output.bars - 1:
            assert ledger.equity == output.equity[i]
    exchange.close()
    assert exchange.fills.tobytes() == output.fills.tobytes()
    assert exchange.trades.tobytes() == output.trades.tobytes()
    assert exchange.payments.tobytes() == output.payments.tobytes()
    assert exchange.ledger.cash == output.cash


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_the_account_recomputed_from_fills_and_funding_alone(seed: int) -> None:
    bars, wanted, events, rules = random_case(seed)
    output = simulate(bars, wanted, events, rules, TIERS, 1000.0)
    getcontext().prec = 40
    cash, held, cost = Decimal(1000), Decimal(0), Decimal(0)
    for fill in output.fills:
        price, quantity = Decimal(float(fill.price)), Decimal(float(fill.quantity)) * int(fill.side)
        cash -= Decimal(float(fill.fee))
        if held == 0:
            held, cost = quantity, price
        else:
            assert quantity == -held
            cash += held * (price - cost)
            held = Decimal(0)
    cash += sum(Decimal(float(amount)) for amount in output.payments.amount)
    assert held == 0
    assert abs(float(cash) - output.cash) <= 1e-9 * 1000
    # isolated: no trade loses more than its margin, and the account never owes
    assert output.cash >= -1e-9
    margins = output.trades.initial_margin + output.trades.fees
    liquidated = output.trades.reason == 4
    assert (output.trades.gross_pnl >= -margins - 1e-9)[liquidated].all()


def test_plain_python_equals_the_compiled_loop(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_sim_drivers import *\n"
        "import hashlib\n"
        "for seed in range(8):\n"
        "    bars, wanted, events, rules = random_case(seed)\n"
        "    output = simulate(bars, wanted, events, rules, TIERS, 1000.0)\n"
        "    print(hashlib.sha256(digest(output)).hexdigest())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, str(Path(__file__).parent)],
            env=os.environ | {"NUMBA_DISABLE_JIT": jit_off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for jit_off in ("0", "1")
    ]
    assert outputs[0].count("\n") == 8
    assert outputs[0] == outputs[1]


def test_signal_bits_are_apart() -> None:
    assert len({int(bit) for bit in SignalBit}) == len(SignalBit)
    assert sum(SignalBit) == 15
