"""No sequence of orders, fills, faults and restarts gets past a limit.

Against a model of the exchange that knows the truth: orders arrive up to 5 s late or never, answers and
pushes are lost or late, the account is read late and in parts that are of different moments, processes die
and several share one memory. Whatever the risk manager has let through, the account cannot come to more than
the limits allow, and once a loss was told nothing opens.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from risk_values import EQUITY, NOW, PRICE, SYMBOLS, closed, execution, intent, order, position, view

from engine.exchange.trading.orders import OrderSide, OrderStatus
from engine.live.risk.limits import risk_limits_from_text
from engine.live.risk.manager import RiskManager
from engine.live.risk.memory import RiskMemory
from engine.timeframes import DAY_MS

LIMITS = risk_limits_from_text(
    """
orders: {max_notional_usdt: 1000, max_per_minute: 12}
positions: {max_notional_usdt: 1500, max_open: 2}
exposure:
  max_total_usdt: 2500
  groups: {pair: {symbols: [BTCUSDT, ETHUSDT], max_notional_usdt: 2000}}
losses: {max_daily_pct: 3, streak_pause_minutes: 0}
""",
    "risk.yaml",
)
TRANSIT_MS = 5_000
PARTS_MS = 5_000
SIZES = st.sampled_from([10, 9, 6, 3])
NAMES = st.sampled_from([*SYMBOLS[:2], *SYMBOLS[:3]])
SIDES = st.sampled_from([OrderSide.BUY, OrderSide.BUY, OrderSide.SELL])
FATES = ("there at once", "on its way", "known lost")
RISKS = st.integers(0, 1)


@dataclass
class Sent:
    """An order as the exchange has it, or will: `size` of None has not arrived."""

    symbol: str
    side: OrderSide
    size: int | None
    filled: int = 0
    is_over: bool = False
    updated_ms: int = 0
    coming: list[tuple[int, int]] = field(default_factory=list)  # (when it was sent, size)

    @property
    def most(self) -> int:
        """What may still fill."""
        if self.is_over:
            return 0
        sizes = [size for _, size in self.coming] + ([] if self.size is None else [self.size])
        return max(0, max(sizes, default=0) - self.filled)


class Trading(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "risk.json"
        self.now = NOW
        self.sent: dict[str, Sent] = {}
        self.held = dict.fromkeys(SYMBOLS, 0)
        self.held_ms = dict.fromkeys(SYMBOLS, 0)
        self.equity = EQUITY
        self.closes = []
        self.told_loss = {}
        self.readings = []
        self.risks = [self.start(), self.start()]
        self.read()

    def teardown(self):
        self.folder.cleanup()

    def start(self):
        risk = RiskManager(LIMITS, RiskMemory(self.path))
        risk.seed(self.closes, self.equity, self.now)
        self.tell_loss(self.equity, -sum(c.pnl for c in self.closes if c.ts_ms >= self.day))
        return risk

    @property
    def day(self):
        return self.now - self.now % DAY_MS

    def tell_loss(self, equity, realised=Decimal(0)):
        """What was told of this day: the first equity, and the worst loss since."""
        first, worst = self.told_loss.get(self.day, (equity, Decimal(0)))
        self.told_loss[self.day] = first, max(worst, first - equity, realised)

    # -- the market and the clock ------------------------------------------------------------------

    @rule(
        data=st.data(),
        seconds=st.sampled_from([0, 1, 4, 6, 11]),
        arrives=st.booleans(),
        fills=st.sampled_from(["nothing", "a part", "all", "all", "cancelled"]),
        is_told=st.booleans(),
        is_read=st.booleans(),
        is_observed=st.booleans(),
    )
    def time_passes(self, data, seconds, arrives, fills, is_told, is_read, is_observed):
        if arrives:
            self.orders_arrive()
        self.now += seconds * 1000
        for each in self.sent.values():
            # what has not arrived in time is refused
            each.coming = [(ts, size) for ts, size in each.coming if self.now - ts <= TRANSIT_MS]
            if each.size is None and not each.coming:
                each.is_over = True
        for name, each in self.sent.items():
            if fills != "nothing" and each.size and not each.is_over:
                amount = self.meet(each, fills)
                if amount and data.draw(st.booleans()):
                    fill = execution(name, amount, self.now, each.symbol, each.side)
                    self.risks[data.draw(RISKS)].record_fill(fill, self.now)
                if is_told:
                    self.tell(self.risks[data.draw(RISKS)], name)
        if is_read:
            self.read()
        if is_observed:
            self.risks[data.draw(RISKS)].observe(self.looked_at(data)[0], self.now)

    def orders_arrive(self):
        for each in self.sent.values():
            while each.coming:
                _, size = each.coming.pop(0)
                if not each.is_over and size > each.filled:
                    each.size, each.updated_ms = size, self.now

    def meet(self, each, fills):
        # no two fills bear one millisecond: what that would come to is told in `in_flight`
        self.now += 1
        amount = 0
        if fills != "cancelled":
            left = each.size - each.filled
            amount = left if fills == "all" else (left + 1) // 2
            each.filled += amount
            self.held[each.symbol] += amount if each.side is OrderSide.BUY else -amount
            self.held_ms[each.symbol] = self.now
        each.updated_ms = self.now
        each.is_over = fills == "cancelled" or each.filled == each.size
        return amount

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), which=RISKS)
    def tell_late(self, data, which):
        self.tell(self.risks[which], data.draw(st.sampled_from(sorted(self.sent)[-4:])))

    def tell(self, risk, name):
        if self.sent[name].size is not None:
            risk.record_order(self.report(name, self.sent[name]), self.now)

    def report(self, name, each):
        status = OrderStatus.NEW if not each.is_over else OrderStatus.CANCELLED
        if each.filled == each.size:
            status = OrderStatus.FILLED
        return order(
            each.size, each.symbol, each.side, name=name, status=status,
            filled_size=Decimal(each.filled), updated_ms=each.updated_ms,
        )  # fmt: skip

    def read(self):
        """The account is read: kept, to be looked at now or later."""
        positions = [
            position(symbol, self.held[symbol], updated_ms=self.held_ms[symbol]) for symbol in SYMBOLS
        ]
        orders = [
            self.report(name, each) for name, each in self.sent.items() if each.size and not each.is_over
        ]
        self.readings = [*self.readings[-3:], (self.now, positions, orders, self.equity)]

    def looked_at(self, data):
        """An account of two readings that lie near each other."""
        ts_ms, positions, _, equity = self.readings[data.draw(st.integers(0, len(self.readings) - 1))]
        near = [reading for reading in self.readings if abs(reading[0] - ts_ms) <= PARTS_MS]
        orders = near[data.draw(st.integers(0, len(near) - 1))][2]
        account = view(self.now, positions=positions, orders=orders, equity=equity, account_ms=ts_ms)
        return account, ts_ms, equity

    # -- what is asked of the risk manager -----------------------------------------------------------

    @rule(data=st.data(), symbol=NAMES, side=SIDES, size=SIZES, fate=st.sampled_from(FATES))
    def place(self, data, symbol, side, size, fate):
        name = f"order {len(self.sent)}"
        if self.ask(data, name, symbol, side, size):
            if fate == "known lost":
                self.asked.release(name, self.now)
            else:
                self.sent[name] = Sent(symbol, side, None, coming=[(self.now, size)])
                if fate == "there at once":
                    self.orders_arrive()

    @precondition(lambda self: any(each.size and not each.is_over for each in self.sent.values()))
    @rule(data=st.data(), size=SIZES)
    def amend(self, data, size):
        name, each = data.draw(
            st.sampled_from([(n, each) for n, each in self.sent.items() if each.size and not each.is_over])
        )
        if self.ask(data, name, each.symbol, each.side, size):
            each.coming.append((self.now, size))

    def ask(self, data, name, symbol, side, size):
        account, _, equity = self.looked_at(data)
        self.asked = self.risks[data.draw(RISKS)]
        asked = intent(size, symbol, side, name=name, now_ms=self.now)
        verdict = self.asked.check(asked, account, self.now)
        first, worst = self.told_loss.get(self.day, (equity, Decimal(0)))
        if verdict.allowed:
            assert worst < first * 3 / 100
            assert size * PRICE <= 1000
        return verdict.allowed

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), pnl=st.integers(-160, 100), is_told=st.booleans())
    def close(self, data, pnl, is_told):
        symbol = data.draw(st.sampled_from([symbol for symbol, size in self.held.items() if size]))
        account, *_ = self.looked_at(data)
        side = OrderSide.SELL if self.held[symbol] > 0 else OrderSide.BUY
        out = intent(abs(self.held[symbol]), symbol, side, name="out", now_ms=self.now, reduces=True)
        risk = self.risks[data.draw(RISKS)]
        assert risk.check(replace(out), account, self.now).allowed
        self.held[symbol], self.held_ms[symbol] = 0, self.now
        self.equity += pnl
        done = closed(pnl, self.now, f"close {len(self.closes)}", symbol)
        self.closes.append(done)
        if is_told:
            risk.record_fill(done, self.now)
            risk.record_equity(self.equity, self.now)
            self.tell_loss(self.equity)

    @rule(which=st.integers(0, 1))
    def restart(self, which):
        self.risks[which] = self.start()

    # -- what must hold --------------------------------------------------------------------------------

    @invariant()
    def nothing_can_come_to_more_than_is_allowed(self):
        longs, shorts = dict.fromkeys(SYMBOLS, 0), dict.fromkeys(SYMBOLS, 0)
        for each in self.sent.values():
            side = longs if each.side is OrderSide.BUY else shorts
            side[each.symbol] += each.most
        longest = {symbol: max(0, self.held[symbol] + longs[symbol]) * PRICE for symbol in SYMBOLS}
        shortest = {symbol: max(0, shorts[symbol] - self.held[symbol]) * PRICE for symbol in SYMBOLS}
        most = {symbol: max(longest[symbol], shortest[symbol]) for symbol in SYMBOLS}
        assert max(most.values()) <= 1500
        assert sum(most.values()) <= 2500
        assert sum(value > 0 for value in most.values()) <= 2
        for side in (longest, shortest):
            assert side["BTCUSDT"] + side["ETHUSDT"] <= 2000


OFTEN = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_no_sequence_gets_past_a_limit():
    run_state_machine_as_test(Trading, settings=OFTEN)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_sequence_of_very_many_gets_past_a_limit():
    run_state_machine_as_test(Trading, settings=settings(OFTEN, max_examples=2000, stateful_step_count=80))
