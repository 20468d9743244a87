"""The engine's fills against a second exchange written from the design's text (`sim_second`)."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_decimal import decimal
from sim_market import contract
from sim_random import LOT, TICK, random_bars
from sim_second import SecondExchange, Terms

from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import Records
from engine.sim.simulate import simulate
from engine.sim.state import DistanceKind, EntryKind, Reprice, SizingKind, TimeInForce

MIN_NOTIONAL, MAINTENANCE_RATE = 5.0, 0.004


def random_terms(rng: np.random.Generator) -> Terms:
    """Return terms of any mix the second exchange knows."""

    def one_of(*values: str) -> Decimal:
        return Decimal(str(rng.choice(values)))

    def maybe(value: Decimal) -> Decimal | None:
        return value if rng.random() < 0.6 else None

    entry = EntryKind(int(rng.integers(0, 3)))
    stop = maybe(one_of("0.5", "2", "9"))
    # Without fees a balance is now and then the exact price of a lot more, which floats may miss.
    taker, maker = (("0.00017", "0.00013"), ("0.00055", "0.0002"))[rng.integers(2)]
    return Terms(
        leverage=one_of("1", "3", "10", "50"),
        taker=Decimal(taker),
        maker=Decimal(maker),
        slippage=one_of("0", "0.0003", "0.002"),
        tick=decimal(TICK),
        lot=decimal(LOT),
        min_notional=decimal(MIN_NOTIONAL),
        maintenance_rate=decimal(MAINTENANCE_RATE),
        is_legacy=bool(rng.random() < 0.5),
        equity_pct=one_of("10", "50", "99"),
        entry=entry,
        offset_pct=one_of("0", "0.1", "1"),
        time_in_force=TimeInForce(int(rng.integers(0, 4))) if entry == EntryKind.LIMIT else TimeInForce.GTC,
        expiry_bars=int(rng.choice([0, 1, 4])),
        reprice=Reprice(int(rng.integers(0, 3))),
        stop_pct=stop,
        trails_from_pct=None if stop is None else maybe(one_of("0", "1")),
        break_even_from_pct=maybe(one_of("0.3", "2")),
        target_pct=maybe(one_of("0.5", "3")),
        target_is_limit=bool(rng.random() < 0.5),
        allow_flip=bool(rng.random() < 0.5),
        cooldown_bars=int(rng.choice([0, 0, 3])),
        max_bars=int(rng.choice([0, 0, 9])),
    )


def as_contract(terms: Terms) -> Records:
    """Return the terms as the engine takes them."""

    def or_zero(value: Decimal | None) -> float:
        return float(value or 0)

    return contract(
        leverage=float(terms.leverage),
        taker_rate=float(terms.taker),
        maker_rate=float(terms.maker),
        slippage_rate=float(terms.slippage),
        tick_size=TICK,
        qty_step=LOT,
        min_qty=LOT,
        min_notional=MIN_NOTIONAL,
        regime=int(not terms.is_legacy),
        sizing_kind=SizingKind.PERCENT_EQUITY,
        sizing_value=float(terms.equity_pct),
        entry_kind=terms.entry,
        offset_kind=DistanceKind.PERCENT,
        offset_value=float(terms.offset_pct),
        time_in_force=terms.time_in_force,
        expiry_bars=terms.expiry_bars,
        reprice=terms.reprice,
        stop_kind=DistanceKind.NONE if terms.stop_pct is None else DistanceKind.PERCENT,
        stop_value=or_zero(terms.stop_pct),
        trails=terms.trails_from_pct is not None,
        trail_activation_pct=or_zero(terms.trails_from_pct),
        moves_to_break_even=terms.break_even_from_pct is not None,
        break_even_trigger_pct=or_zero(terms.break_even_from_pct),
        target_count=int(terms.target_pct is not None),
        target_kinds=DistanceKind.PERCENT,
        target_values=or_zero(terms.target_pct),
        target_limits=terms.target_is_limit,
        allow_flip=terms.allow_flip,
        cooldown_bars=terms.cooldown_bars,
        max_bars=terms.max_bars,
    )


def run_second(terms: Terms, bars: MarketBars, bits: np.ndarray, ran: int) -> SecondExchange:
    """Run the second exchange over the first bars."""
    exchange = SecondExchange(terms, Decimal(1000))
    columns = [
        [decimal(value) for value in getattr(bars, f"{prefix}{name}")[:ran]]
        for prefix in ("", "mark_")
        for name in ("open", "high", "low", "close")
    ]
    for bar, values in enumerate(zip(*columns, strict=True)):
        exchange.advance(bar, values[:4], values[4:], bool(bars.is_filled[bar]), int(bits[bar]))
    exchange.close(ran - 1, columns[3][-1])
    return exchange


def fills_of_agreeing_exchanges(seed: int, count: int = 200) -> int:
    """Hold the engine to the second exchange on a random case, and return how many fills there were."""
    rng = np.random.default_rng(seed)
    bars, terms = random_bars(rng, count), random_terms(rng)
    bits = (rng.integers(0, 16, count) * (rng.random(count) < rng.choice([0.1, 0.5]))).astype(np.int8)
    if rng.random() < 0.5:
        bits &= 5
    tiers = np.array([[1e15, MAINTENANCE_RATE, 0.0, 125.0]])
    output = simulate(
        bars, BarSignals.without_features(bits), FundingEvents.none(), as_contract(terms), tiers, 1000.0
    )
    with localcontext() as context:
        context.prec = 40
        second = run_second(terms, bars, bits, output.bars)
    assert [(fill.bar, fill.side, fill.reason) for fill in output.fills] == [
        (fill.bar, fill.side, fill.reason) for fill in second.fills
    ]
    for name, values in (("price", "price"), ("quantity", "size"), ("fee", "fee")):
        expected = [float(getattr(fill, values)) for fill in second.fills]
        assert output.fills[name].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert output.cash == pytest.approx(float(second.cash), rel=1e-9, abs=1e-6)
    return len(second.fills)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_every_fill_is_that_of_a_second_exchange(seed: int) -> None:
    fills_of_agreeing_exchanges(seed)


def test_the_second_exchange_trades() -> None:
    assert sum(fills_of_agreeing_exchanges(seed) for seed in range(30)) > 300
