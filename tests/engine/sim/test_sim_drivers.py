"""One step, several drivers: compiled loop, step-by-step exchange and plain Python agree to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_asked import with_random_terms
from sim_jit import said_with_and_without_the_compiler
from sim_market import MINUTE, contract

from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import Records
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.state import DistanceKind, EntryKind, Reprice, SignalBit, SizingKind, TimeInForce

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
        volume=np.round(np.abs(rng.normal(0, 40, count)) * (rng.random(count) > 0.1), 3),
    )
    bits = rng.integers(0, 16, count) * (rng.random(count) > 0.7)
    # An ATR, a support and a resistance; now and then missing.
    features = np.array([np.abs(rng.normal(2, 1, count)), low * 0.98, high * 1.02])
    features[:, rng.random(count) > 0.98] = np.nan
    ts = np.sort(rng.choice(count * 4, 40, replace=False)) * (MINUTE // 4)
    events = FundingEvents(ts.astype(np.int64), rng.normal(0, 0.002, 40), np.full(40, 100.0))
    wanted, rules = BarSignals(bits.astype(np.int8), features), random_rules(rng)
    if rng.random() < 0.5:
        rules, wanted = with_random_terms(rng, rules, wanted, close)
    return bars, wanted, events, rules


def random_rules(rng: np.random.Generator) -> Records:
    """Return an account with any mix of what a card can say."""
    stop_kind = rng.choice(
        [
            DistanceKind.NONE,
            DistanceKind.PERCENT,
            DistanceKind.POINTS,
            DistanceKind.FEATURE_MULTIPLE,
            DistanceKind.LEVEL,
        ]
    )
    is_level = stop_kind == DistanceKind.LEVEL
    target_kinds = [DistanceKind.PERCENT, DistanceKind.POINTS, DistanceKind.FEATURE_MULTIPLE]
    if stop_kind != DistanceKind.NONE:
        target_kinds.append(DistanceKind.RISK_MULTIPLE)
    portions = [[1.0, 0, 0, 0], [0.5, 0.3, 0.2, 0], [0.25, 0.25, 0.25, 0.25], [0.3, 0.3, 0.0, 0]]
    ladder = int(rng.integers(0, 4))
    sizing = rng.choice(list(SizingKind))
    if stop_kind == DistanceKind.NONE and sizing == SizingKind.RISK_BASED:
        sizing = SizingKind.PERCENT_EQUITY
    sizing_values = {
        SizingKind.PERCENT_EQUITY: float(rng.choice([10, 90])),
        SizingKind.FIXED_USDT: 700.0,
        SizingKind.RISK_BASED: 2.0,
        SizingKind.VOLATILITY_TARGET: 0.02,
    }
    return contract(
        leverage=float(rng.choice([1, 3, 10, 50])),
        taker_rate=0.00055,
        maker_rate=0.0002,
        slippage_rate=0.0003,
        impact_rate=float(rng.choice([0, 0.01])),
        max_participation=float(rng.choice([np.inf, 0.1])),
        tick_size=0.01,
        entry_kind=rng.choice(list(EntryKind)),
        offset_kind=rng.choice([DistanceKind.PERCENT, DistanceKind.TICKS, DistanceKind.FEATURE_MULTIPLE]),
        offset_value=float(rng.choice([0, 0.5])),
        time_in_force=rng.choice(list(TimeInForce)),
        expiry_bars=int(rng.choice([0, 3])),
        reprice=rng.choice(list(Reprice)),
        stop_kind=stop_kind,
        stop_value=0.5 if is_level else 2.0,
        stop_feature_long=1 if is_level else 0,
        stop_feature_short=2 if is_level else 0,
        trails=int(not is_level and stop_kind != DistanceKind.NONE and rng.random() > 0.5),
        trail_activation_pct=float(rng.choice([0, 1])),
        moves_to_break_even=int(rng.random() > 0.5),
        break_even_trigger_pct=1.5,
        break_even_offset_pct=0.2,
        time_stop_bars=int(rng.choice([0, 8])),
        time_stop_profit_pct=0.5,
        target_count=int(rng.choice([0, 1, 1, 1])) if ladder == 0 else [0, 3, 4, 2][ladder],
        target_kinds=rng.choice(target_kinds, 4),
        target_values=[1.5, 3.0, 2.0, 4.0],
        target_portions=portions[ladder],
        target_limits=rng.integers(0, 2, 4),
        sizing_kind=sizing,
        sizing_value=sizing_values[SizingKind(sizing)],
        max_notional=float(rng.choice([np.inf, 2_000])),
        max_effective_leverage=float(rng.choice([np.inf, 2])),
        max_adds=int(rng.choice([0, 2])),
        add_fraction=0.5,
        add_profit_pct=float(rng.choice([-np.inf, 0.2])),
        regime=int(rng.integers(0, 2)),
        allow_flip=int(rng.random() > 0.5),
        cooldown_bars=int(rng.integers(0, 3)),
        max_bars=int(rng.choice([0, 20])),
    )


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
            volume=float(bars.volume[i]),
        )
        exchange.advance(bar, int(wanted.bits[i]), wanted.features[:, i])
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


def test_plain_python_equals_the_compiled_loop() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_sim_drivers import *\n"
        "import hashlib\n"
        "for seed in range(8):\n"
        "    bars, wanted, events, rules = random_case(seed)\n"
        "    output = simulate(bars, wanted, events, rules, TIERS, 1000.0)\n"
        "    print(hashlib.sha256(digest(output)).hexdigest())\n"
    )
    outputs = said_with_and_without_the_compiler(script)
    assert outputs[0].count("\n") == 8
    assert outputs[0] == outputs[1]


def test_signal_bits_are_apart() -> None:
    assert len({int(bit) for bit in SignalBit}) == len(SignalBit)
    assert sum(SignalBit) == 15
