"""An account watched from outside: what must hold of the exchange's public face after each bar.

Books, steps and limits, and that nothing was missed:
no level the bar has reached, no exit that was decided, no bound of the card (`check_nothing_missed`).
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from sim_decimal import DecimalAccount, decimal
from sim_random import LOT, TICK, RandomCase

from engine.sim.exchange import Bar, Position, SimulatedExchange
from engine.sim.records import Records
from engine.sim.state import FillReason, SignalBit

ENTRIES = (FillReason.ENTRY, FillReason.ADD)


class Watched:
    """A random case on its way through the exchange, one bar at a time."""

    def __init__(self, case: RandomCase) -> None:
        self.case = case
        self.rules = case.rules[0]
        self.exchange = SimulatedExchange(case.rules, case.tiers, case.equity, case.funding)
        self.account = DecimalAccount.of(case.rules, case.equity)
        self.booked_fills = 0
        self.before: Position | None = None  # the position at the last close
        self.bits_before = 0  # and the signals there
        self.last_exit_bar = -(10**9)

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
        bits = int(self.case.signals.bits[at])
        equity_before = self.exchange.equity
        self.exchange.advance(bar, bits, self.case.signals.features[:, at])
        self.check_ledger(bar)
        new = self.exchange.fills[self.booked_fills :]
        self.check_fills(bar, new)
        self.check_position(bar)
        self.check_nothing_missed(bar, new)
        self.check_bounds_of_the_card(at, new, equity_before)
        self.booked_fills = len(self.exchange.fills)
        self.before = self.exchange.position
        self.bits_before = bits

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

    def check_position(self, bar: Bar) -> None:
        """Hold the open position to what the fills make of it, and its levels to the tick."""
        self.book_payments()
        position = self.exchange.position
        held = Decimal(0) if position is None else decimal(position.size) * int(position.direction)
        assert held == self.account.held
        equity = float(self.account.equity(bar.mark_close))
        assert abs(equity - self.exchange.equity) <= 1e-9 * max(self.case.equity, abs(equity))
        if position is None:
            return
        assert abs(float(self.account.average) - position.entry_price) <= 1e-9 * position.entry_price
        for level in (position.stop_price, position.target_price):
            assert np.isnan(level) or (level > 0.0 and decimal(level) % decimal(TICK) == 0)

    def check_nothing_missed(self, bar: Bar, new: Records) -> None:
        """Hold a position that nothing happened to, to levels out of reach and no exit decided."""
        now, before = self.exchange.position, self.before
        if now is None or before is None or len(new):
            return
        side = before.direction
        worst, best, worst_mark = bar.low, bar.high, bar.mark_low
        if side < 0:
            worst, best, worst_mark = bar.high, bar.low, bar.mark_high
        # Funding may have moved the liquidation price inside the bar, towards the mark.
        nearest = max(side * before.liquidation_price, side * now.liquidation_price)
        assert side * worst_mark > nearest or now.liquidation_price != before.liquidation_price
        assert np.isnan(before.stop_price) or side * (worst - before.stop_price) > 0.0
        # A resting target needs the price to trade through it, and volume.
        is_limit = self.rules.target_limits[: self.rules.target_count].any()
        thin = not np.isinf(self.rules.max_participation)
        beyond = side * (best - before.target_price)
        assert np.isnan(beyond) or beyond < 0.0 or (is_limit and (beyond == 0.0 or thin))
        exit_bit = SignalBit.EXIT_LONG if side > 0 else SignalBit.EXIT_SHORT
        assert not self.bits_before & exit_bit
        # A stop never moves back.
        assert np.isnan(before.stop_price) or side * (now.stop_price - before.stop_price) >= 0.0

    def check_bounds_of_the_card(self, at: int, new: Records, equity_before: float) -> None:
        """Hold entries to what the card allows: sides, cooldown, adds, leverage, age."""
        rules, trades = self.rules, self.exchange.trades
        for fill in new:
            if fill.reason not in ENTRIES:
                self.last_exit_bar = at
                continue
            assert rules.allow_long if fill.side > 0 else rules.allow_short
            if not rules.allow_flip and fill.reason == FillReason.ENTRY and self.before is None:
                assert at > self.last_exit_bar + rules.cooldown_bars or self.last_exit_bar == at
            cap = rules.max_effective_leverage * max(0.0, equity_before)
            assert np.isinf(cap) or fill.quantity * fill.price <= cap * (1 + 1e-9)
        for trade in trades[-len(new) :] if len(new) else ():
            assert trade.adds <= rules.max_adds
            noise = 1e-12 * trade.exit_price  # of an average of several exits
            assert trade.lowest_price - noise <= trade.exit_price <= trade.highest_price + noise
            assert trade.ts_entry <= trade.ts_exit
            if rules.max_bars:
                assert trade.bars_held <= rules.max_bars

    def book_payments(self) -> None:
        """Book the payments of this bar."""
        for payment in self.exchange.payments[self.account.payments :]:
            self.account.cash += decimal(payment.amount)
            self.account.payments += 1
