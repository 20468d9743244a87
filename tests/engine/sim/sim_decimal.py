"""The account worked out a second time, in decimals, from fills and funding events alone.

Nothing of the engine's arithmetic is used: average entry price, fees, funding amounts, realised and
unrealised PnL are worked out here from prices, sizes, rates and what was held at each moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np

from engine.sim.market import FundingEvents, MarketBars
from engine.sim.portfolio import PortfolioMember, PortfolioOutput
from engine.sim.records import Records
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
        curve = _replay(account, output.fills, output.payments, bars, events, output.bars)
        scale = np.maximum(np.abs(curve), starting_equity)
        assert (np.abs(curve - output.equity) <= 1e-9 * scale).all()
        assert abs(float(account.cash) - output.cash) <= 1e-9 * scale[-1]
        _assert_trades_agree(output.trades, account, float(scale.max()))


def assert_portfolio_books_agree(
    output: PortfolioOutput, members: Sequence[PortfolioMember], starting_equity: float
) -> None:
    """Work every member out by itself, and hold the wallet to the sum of what they have made of it."""
    times = output.ts_open
    equity, cash = np.full(len(times), float(starting_equity)), decimal(starting_equity)
    with localcontext() as context:
        context.prec = 40
        for number, member in enumerate(members):
            account = DecimalAccount.of(member.contract, 0.0)
            fills, payments = (
                records[records.member == number] for records in (output.fills, output.payments)
            )
            ran = int(np.searchsorted(member.bars.ts_open, times[-1], side="right"))
            curve = _replay(account, fills, payments, member.bars, member.funding, ran)
            # A member without a bar keeps its last mark.
            last = np.searchsorted(member.bars.ts_open[:ran], times, side="right") - 1
            equity += np.where(last >= 0, curve[last], 0.0) if ran else 0.0
            cash += account.cash
            _assert_trades_agree(output.trades[output.trades.member == number], account, starting_equity)
    scale = np.maximum(np.abs(equity), starting_equity)
    assert (np.abs(equity - output.equity) <= 1e-9 * scale).all()
    assert abs(float(cash) - output.cash) <= 1e-9 * scale[-1]


def _replay(
    account: DecimalAccount,
    fills: Records,
    payments: Records,
    bars: MarketBars,
    events: FundingEvents,
    ran: int,
) -> np.ndarray:
    """Book everything in the order of time and return the equity at the close of each bar that ran."""
    opens = bars.ts_open
    # At one moment funding comes first; a fill inside a bar has the bar's close as its time.
    moments = [(int(fill.bar), int(fill.ts), 1, at) for at, fill in enumerate(fills)]
    for at, ts in enumerate(events.ts):
        bar = int(np.searchsorted(opens, ts, side="right")) - 1
        if bar < 0 or ts >= opens[bar] + bars.bar_ms:
            bar += 1  # between two bars: it is due at the next one's open
        moments.append((bar, int(ts), 0, at))
    moments.sort()
    curve = np.empty(ran)
    booked, paid, trade = 0, 0, -1
    for bar in range(ran):
        while booked < len(moments) and moments[booked][0] == bar:
            _, _, is_fill, at = moments[booked]
            if is_fill:
                account.fill(fills[at])
                trade = int(fills[at].trade_id)
            elif account.held != 0:
                amount = account.fund(events.rate[at], events.mark_price[at], trade)
                payment = payments[paid]
                assert payment.ts == events.ts[at]
                assert decimal(payment.quantity) == account.held
                assert abs(float(amount) - payment.amount) <= 1e-12 * max(1.0, abs(payment.amount))
                paid += 1
            booked += 1
        curve[bar] = float(account.equity(bars.mark_close[bar]))
    assert paid == len(payments)
    assert account.held == 0
    return curve


def _assert_trades_agree(trades: Records, account: DecimalAccount, scale: float) -> None:
    assert len(account.trades) == len(trades)
    for trade in trades:
        _assert_trade_agrees(trade, account.trades[int(trade.trade_id)], scale)


def _assert_trade_agrees(trade: Records, account: TradeAccount, scale: float) -> None:
    assert account.bought == account.sold == decimal(trade.quantity)
    assert abs(float(account.paid / account.bought) - trade.entry_price) <= 1e-9 * trade.entry_price
    assert abs(float(account.received / account.sold) - trade.exit_price) <= 1e-9 * max(1.0, trade.exit_price)
    assert abs(float(account.closed) - trade.gross_pnl) <= 1e-9 * scale
    assert abs(float(account.fees) - trade.fees) <= 1e-9 * scale
    assert abs(float(account.funding) - trade.funding) <= 1e-9 * scale
