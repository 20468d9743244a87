"""What must hold on every bar (DESIGN, section 5), whatever the market does and the card asks for.

The step-by-step exchange is driven over random markets and accounts (`sim_random`); after each bar its public
face is held to the invariants, and to an account worked out in decimals (`sim_decimal`).
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from engine.sim.records import Records
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_decimal import DecimalAccount, decimal
from sim_random import LOT, TICK, RandomCase, random_case

from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.simulate import simulate
from engine.sim.state import FillReason, StopReason

ENTRIES = (FillReason.ENTRY, FillReason.ADD)


class Watched:
    """A random case on its way through the exchange, one bar at a time."""

    def __init__(self, case: RandomCase) -> None:
        self.case = case
        self.rules = case.rules[0]
        self.exchange = SimulatedExchange(case.rules, case.tiers, case.equity, case.funding)
        self.account = DecimalAccount.of(case.rules, case.equity)
        self.booked_fills = 0
        self.stop: tuple[int, float] | None = None  # trade and stop price at the last close

    def advance(self, at: int) -> None:
        """Advance by bar `at` and hold everything to the invariants."""
        bars = self.case.bars
        values = {name: float(getattr(bars, name)[at]) for name in ("open", "high", "low", "close", "volume")}
        marks = {f"mark_{name}": float(getattr(bars, f"mark_{name}")[at]) for name in list(values)[:4]}
        ts_open = int(bars.ts_open[at])
        bar = Bar(
            ts_open=ts_open,
            ts_close=ts_open + bars.bar_ms,
            is_filled=bool(bars.is_filled[at]),
            **values,
            **marks,
        )
        self.exchange.advance(bar, int(self.case.signals.bits[at]), self.case.signals.features[:, at])
        self.check_ledger(bar)
        new = self.exchange.fills[self.booked_fills :]
        self.check_fills(bar, new)
        self.check_position(bar, new)
        self.booked_fills = len(self.exchange.fills)

    def check_ledger(self, bar: Bar) -> None:
        """Hold the ledger's own equations."""
        ledger = self.exchange.ledger
        ledger.check()
        scale = 1e-9 * max(self.case.equity, abs(ledger.equity))
        sources = ledger.starting_equity + ledger.closed_pnl - ledger.fees + ledger.funding
        assert abs(sources + ledger.unrealised_pnl - ledger.equity) <= scale
        assert ledger.equity == ledger.cash + ledger.unrealised_pnl
        assert ledger.equity == self.exchange.equity
        assert ledger.free_margin == ledger.equity - ledger.used_margin - ledger.order_margin
        assert ledger.available == max(0.0, ledger.free_margin)
        # isolated: what is not locked can't be lost, and the account never owes
        assert ledger.cash - ledger.used_margin >= -scale
        assert ledger.equity >= -scale
        assert (self.exchange.position is None) == (ledger.used_margin == 0.0)

    def check_fills(self, bar: Bar, new: Records) -> None:
        """Hold this bar's fills to the exchange's steps and limits, and book them in decimals."""
        entered = Decimal(0)
        for fill in new:
            price, size = decimal(fill.price), decimal(fill.quantity)
            assert size > 0
            assert size % decimal(LOT) == 0
            before = self.account.cash
            margin = self.account.margin(size)
            taken_over = fill.reason == FillReason.LIQUIDATION and size == abs(self.account.held)
            if not taken_over:
                assert price % decimal(TICK) == 0
            if fill.reason != FillReason.LIQUIDATION:  # which goes by the mark price
                self.check_price(bar, fill)
            self.account.fill(fill)
            if fill.reason in ENTRIES:
                assert not bar.is_filled
                entered += size
                value = abs(self.account.held) * price
                assert value <= decimal(self.rules.max_notional) * Decimal("1.000000001")
                assert size <= decimal(self.rules.max_qty)
            elif fill.reason == FillReason.LIQUIDATION:
                assert before - self.account.cash <= margin * Decimal("1.000000001")
        if not np.isinf(self.rules.max_participation):
            assert entered <= decimal(self.rules.max_participation) * decimal(bar.volume)

    def check_price(self, bar: Bar, fill: Records) -> None:
        """Hold a fill to the bar's range: a maker's was traded through, a taker's is worse by its costs."""
        if fill.is_maker:
            worst = bar.low if fill.side > 0 else bar.high
            assert fill.side * (fill.price - worst) >= 0.0
            return
        rate = self.rules.slippage_rate + self.rules.impact_rate
        assert bar.low * (1 - rate) - TICK <= fill.price <= bar.high * (1 + rate) + TICK
        assert fill.slippage >= 0.0

    def check_position(self, bar: Bar, new: Records) -> None:
        """Hold the open position to what the fills make of it, and its levels to the tick."""
        self.book_payments()
        position = self.exchange.position
        held = Decimal(0) if position is None else decimal(position.size) * int(position.direction)
        assert held == self.account.held
        equity = float(self.account.equity(bar.mark_close))
        assert abs(equity - self.exchange.equity) <= 1e-9 * max(self.case.equity, abs(equity))
        if position is None:
            self.stop = None
            return
        assert abs(float(self.account.average) - position.entry_price) <= 1e-9 * position.entry_price
        for level in (position.stop_price, position.target_price):
            assert np.isnan(level) or (level > 0.0 and decimal(level) % decimal(TICK) == 0)
        trade = len(self.exchange.trades)
        if self.stop is not None and self.stop[0] == trade and not np.isnan(self.stop[1]):
            assert position.direction * (position.stop_price - self.stop[1]) >= 0.0
        self.stop = (trade, position.stop_price)

    def book_payments(self) -> None:
        """Book the payments of this bar."""
        for payment in self.exchange.payments[self.account.payments :]:
            self.account.cash += decimal(payment.amount)
            self.account.payments += 1


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
