"""The account worked out a second time, in decimals, from fills and funding events alone.

Nothing of the engine's arithmetic is used: average entry price, fees, funding amounts, realised and
unrealised PnL are worked out here from prices, sizes, rates and what was held at each moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np
from engine.sim.records import Records

from engine.sim.market import FundingEvents, MarketBars
from engine.sim.simulate import SimulationOutput
from engine.sim.state import FillReason

ZERO = Decimal(0)


def decimal(value: float) -> Decimal:
    """Return the shortest decimal that is this float: what the exchange's text would say."""
    return Decimal(repr(float(value)))


@dataclass
class TradeAccount:
    """What one trade has done so far."""

    closed: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    bought: Decimal = ZERO  # size of all entries
    paid: Decimal = ZERO  # their value
    sold: Decimal = ZERO
    received: Decimal = ZERO


@dataclass
class DecimalAccount:
    """A wallet with one position."""

    cash: Decimal
    leverage: Decimal
    taker: Decimal
    maker: Decimal
    held: Decimal = ZERO  # signed
    average: Decimal = ZERO
    payments: int = 0  # booked so far
    trades: dict[int, TradeAccount] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Records, starting_equity: float) -> DecimalAccount:
        """Return a fresh account under the rules of a contract."""
        return cls(
            cash=decimal(starting_equity),
            leverage=decimal(rules.leverage[0]),
            taker=decimal(rules.taker_rate[0]),
            maker=decimal(rules.maker_rate[0]),
        )

    def margin(self, size: Decimal) -> Decimal:
        """Return what `size` of the position locks: initial margin and the fee to close."""
        side = 1 if self.held > 0 else -1
        return size * self.average * (1 / self.leverage + (1 - side / self.leverage) * self.taker)

    def fill(self, fill: Records) -> None:
        """Book a fill."""
        trade = self.trades.setdefault(int(fill.trade_id), TradeAccount())
        price, size, side = decimal(fill.price), decimal(fill.quantity), int(fill.side)
        fee = price * size * (self.maker if fill.is_maker else self.taker)
        if self.held * side >= 0:
            self.average = (abs(self.held) * self.average + size * price) / (abs(self.held) + size)
            trade.bought += size
            trade.paid += size * price
        else:
            assert size <= abs(self.held), "an exit larger than the position"
            if fill.reason == FillReason.LIQUIDATION and size == abs(self.held):
                # taken over: the fee is the one set aside, at the bankruptcy price of the bare margin
                fee = self.average * (1 + side / self.leverage) * size * self.taker
            gained = -side * size * (price - self.average)
            self.cash += gained
            trade.closed += gained
            trade.sold += size
            trade.received += size * price
        self.held += side * size
        self.cash -= fee
        trade.fees += fee

    def fund(self, rate: float, mark_price: float, trade_id: int) -> Decimal:
        """Book a funding event and return what it brought."""
        amount = -self.held * decimal(mark_price) * decimal(rate)
        self.cash += amount
        self.trades[trade_id].funding += amount
        return amount

    def equity(self, mark_price: float) -> Decimal:
        """Return the equity at a mark price."""
        return self.cash + self.held * (decimal(mark_price) - self.average)


def assert_books_agree(
    output: SimulationOutput, bars: MarketBars, events: FundingEvents, rules: Records, starting_equity: float
) -> None:
    """Work the run out again and hold equity, cash, trades and funding payments to it, to 1e-9 of equity."""
    with localcontext() as context:
        context.prec = 40
        account = DecimalAccount.of(rules, starting_equity)
        curve = _replay(account, output, bars, events)
        scale = np.maximum(np.abs(curve), starting_equity)
        assert (np.abs(curve - output.equity) <= 1e-9 * scale).all()
        assert account.held == 0
        assert abs(float(account.cash) - output.cash) <= 1e-9 * scale[-1]
        assert len(account.trades) == len(output.trades)
        for trade in output.trades:
            _assert_trade_agrees(trade, account.trades[int(trade.trade_id)], float(scale.max()))


def _replay(
    account: DecimalAccount, output: SimulationOutput, bars: MarketBars, events: FundingEvents
) -> np.ndarray:
    """Book everything in the order of time and return the equity at each close."""
    # Inside a bar: funding stamped at its open, fills at the open, funding inside it, fills inside it.
    moments: list[tuple[int, int, int]] = []
    opens = bars.ts_open
    for at, fill in enumerate(output.fills):
        moments.append((int(fill.bar), 1 if fill.ts == opens[fill.bar] else 3, at))
    for at, ts in enumerate(events.ts):
        bar = int(np.searchsorted(opens, ts, side="right")) - 1
        inside = bar >= 0 and opens[bar] < ts < opens[bar] + bars.bar_ms
        bar += bar < 0 or ts >= opens[bar] + bars.bar_ms
        if bar < output.bars:
            moments.append((bar, 2 if inside else 0, at))
    moments.sort()
    curve = np.empty(output.bars)
    booked, paid = 0, 0
    trade_of_fill = output.fills.trade_id
    latest = -1
    for bar in range(output.bars):
        while booked < len(moments) and moments[booked][0] == bar:
            _, phase, at = moments[booked]
            if phase in (1, 3):
                account.fill(output.fills[at])
                latest = int(trade_of_fill[at])
            elif account.held != 0:
                amount = account.fund(events.rate[at], events.mark_price[at], latest)
                payment = output.payments[paid]
                assert payment.ts == events.ts[at]
                assert decimal(payment.quantity) == account.held
                assert abs(float(amount) - payment.amount) <= 1e-12 * max(1.0, abs(payment.amount))
                paid += 1
            booked += 1
        curve[bar] = float(account.equity(bars.mark_close[bar]))
    assert paid == len(output.payments)
    return curve


def _assert_trade_agrees(trade: Records, account: TradeAccount, scale: float) -> None:
    assert account.bought == account.sold == decimal(trade.quantity)
    assert abs(float(account.paid / account.bought) - trade.entry_price) <= 1e-9 * trade.entry_price
    assert abs(float(account.received / account.sold) - trade.exit_price) <= 1e-9 * max(1.0, trade.exit_price)
    assert abs(float(account.closed) - trade.gross_pnl) <= 1e-9 * scale
    assert abs(float(account.fees) - trade.fees) <= 1e-9 * scale
    assert abs(float(account.funding) - trade.funding) <= 1e-9 * scale
