"""A second exchange, written from the design's text alone (section 5), in decimals and without haste.

It knows market, limit and stop entries, percent stops and targets, trails, break-even moves, both liquidation
regimes, flips, cooldown and maximum bars; no funding, one risk tier, no cap by volume. It shares no code with
the engine but the enums, and is what the engine's fills are held to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine.sim.state import EntryKind, FillReason, Reprice, SignalBit, TimeInForce

ZERO = Decimal(0)
type Quote = tuple[Decimal, Decimal, Decimal, Decimal]  # open, high, low, close


@dataclass(frozen=True)
class Terms:
    """What the account trades by; percentages as Decimals of 100."""

    leverage: Decimal
    taker: Decimal
    maker: Decimal
    slippage: Decimal
    tick: Decimal
    lot: Decimal
    min_notional: Decimal
    maintenance_rate: Decimal
    is_legacy: bool
    equity_pct: Decimal
    entry: EntryKind
    offset_pct: Decimal
    time_in_force: TimeInForce
    expiry_bars: int
    reprice: Reprice
    stop_pct: Decimal | None
    trails_from_pct: Decimal | None
    break_even_from_pct: Decimal | None
    target_pct: Decimal | None
    target_is_limit: bool
    allow_flip: bool
    cooldown_bars: int
    max_bars: int


@dataclass
class Held:
    """The open position."""

    side: int
    size: Decimal
    entry: Decimal
    bar: int
    stop: Decimal | None
    target: Decimal | None
    liquidation: Decimal
    bankruptcy: Decimal
    highest: Decimal
    lowest: Decimal
    stop_reason: FillReason = FillReason.STOP_LOSS

    def see(self, *prices: Decimal) -> None:
        """Remember the extremes."""
        self.highest, self.lowest = max(self.highest, *prices), min(self.lowest, *prices)


@dataclass
class Order:
    """The entry that waits."""

    side: int
    price: Decimal
    size: Decimal
    is_new: bool = True
    bars: int = 0


@dataclass(frozen=True)
class SecondFill:
    """One fill."""

    bar: int
    side: int
    price: Decimal
    size: Decimal
    fee: Decimal
    reason: FillReason


@dataclass
class SecondExchange:
    """An account under `terms`; `advance` takes it from bar to bar."""

    terms: Terms
    cash: Decimal
    held: Held | None = None
    order: Order | None = None
    leaves_for: FillReason | None = None
    last_exit: int = -(10**9)
    equity: Decimal = ZERO
    fills: list[SecondFill] = field(default_factory=list)

    def advance(self, bar: int, last: Quote, mark: Quote, is_filled: bool, bits: int) -> None:
        """Advance by one bar: the open, the inside, the close."""
        self._open(bar, last, mark)
        if self.order is not None:
            self._enter_at_open(bar, last, mark, is_filled)
        self._inside(bar, last, mark, is_filled)
        self._close(bar, last[3], mark[3], bits)

    def close(self, bar: int, price: Decimal) -> None:
        """Close what is open at the end of the data."""
        if self.held is not None:
            self._sell(bar, price, FillReason.END_OF_DATA)

    # The open.

    def _open(self, bar: int, last: Quote, mark: Quote) -> None:
        held = self.held
        if held is None:
            return
        if held.side * (mark[0] - held.liquidation) <= 0:
            self._take_over(bar)
        elif held.stop is not None and held.side * (last[0] - held.stop) <= 0:
            self._sell(bar, last[0], held.stop_reason)
        elif self._target_reached(last[0]):
            self._take_profit(bar, last[0])
        elif self.leaves_for is not None:
            self._sell(bar, last[0], self.leaves_for)

    def _enter_at_open(self, bar: int, last: Quote, mark: Quote, is_filled: bool) -> None:
        order, terms = self.order, self.terms
        assert order is not None
        at_once = terms.entry == EntryKind.MARKET or terms.time_in_force in (
            TimeInForce.IOC,
            TimeInForce.FOK,
        )
        if is_filled:
            self.order = None if at_once else order
            return
        was_new, order.is_new = order.is_new, False
        open_price = last[0]
        is_beyond = order.side * (order.price - open_price)
        if terms.entry == EntryKind.MARKET:
            self._buy(bar, open_price, is_maker=False)
        elif terms.entry == EntryKind.STOP:
            if is_beyond <= 0:
                self._buy(bar, open_price, is_maker=False)
        elif not was_new:
            if is_beyond > 0:
                self._buy(bar, order.price, is_maker=True)
        elif is_beyond < 0:
            self.order = None if at_once else order
        elif terms.time_in_force == TimeInForce.POST_ONLY:
            self.order = None
        else:
            self._buy(bar, open_price, is_maker=False)
        if self.held is not None:
            self._open(bar, last, mark)

    # Inside the bar.

    def _inside(self, bar: int, last: Quote, mark: Quote, is_filled: bool) -> None:
        _, high, low, close = last
        if self.held is not None:
            worst, best = (low, high) if self.held.side > 0 else (high, low)
            self._range(bar, worst, best, mark[2] if self.held.side > 0 else mark[1])
            return
        order = self.order
        if order is None or is_filled:
            return
        worst, best = (low, high) if order.side > 0 else (high, low)
        worst_mark = mark[2] if order.side > 0 else mark[1]
        if self.terms.entry == EntryKind.LIMIT and order.side * (order.price - worst) > 0:
            self._buy(bar, order.price, is_maker=True)
            # Of the good side only what the close shows came after.
            best = max(order.price, close) if order.side > 0 else min(order.price, close)
        elif self.terms.entry == EntryKind.STOP and order.side * (best - order.price) >= 0:
            self._buy(bar, order.price, is_maker=False)
        if self.held is not None:
            self._range(bar, worst, best, worst_mark)

    def _range(self, bar: int, worst: Decimal, best: Decimal, worst_mark: Decimal) -> None:
        held = self.held
        assert held is not None
        ruined = held.side * (worst_mark - held.liquidation) <= 0
        stopped = held.stop is not None and held.side * (worst - held.stop) <= 0
        if (
            stopped
            and held.stop is not None
            and not (ruined and held.side * (held.stop - held.liquidation) < 0)
        ):
            self._sell(bar, held.stop, held.stop_reason)
        elif ruined:
            self._take_over(bar)
        elif self._target_reached(best) and held.target is not None:
            self._take_profit(bar, held.target)
        else:
            held.see(worst, best)

    def _target_reached(self, price: Decimal) -> bool:
        held = self.held
        if held is None or held.target is None:
            return False
        beyond = held.side * (price - held.target)
        return beyond > 0 or (beyond == 0 and not self.terms.target_is_limit)

    # Fills.

    def _market(self, price: Decimal, side: int) -> Decimal:
        return self._to_tick(price * (1 + side * self.terms.slippage), up=side > 0)

    def _to_tick(self, price: Decimal, *, up: bool) -> Decimal:
        rounding = ROUND_CEILING if up else ROUND_FLOOR
        return (price / self.terms.tick).to_integral_value(rounding) * self.terms.tick

    def _to_lot(self, size: Decimal) -> Decimal:
        return (size / self.terms.lot).to_integral_value(ROUND_FLOOR) * self.terms.lot

    def _buy(self, bar: int, reference: Decimal, *, is_maker: bool) -> None:
        """Open the position the order asks for, long or short."""
        order, terms = self.order, self.terms
        assert order is not None
        self.order, side = None, order.side
        price = reference if is_maker else self._market(reference, side)
        if terms.entry == EntryKind.LIMIT and side * (price - order.price) > 0:
            price = order.price
        # 1 coin costs its margin and both taker fees, one at the price and one at the bankruptcy price.
        margin = 1 / terms.leverage
        cost = price * (margin + terms.taker + (1 - side * margin) * terms.taker)
        size = self._to_lot(min(order.size, max(ZERO, self.cash) / cost))
        if size < terms.lot or size * price < terms.min_notional:
            return
        fee = price * size * (terms.maker if is_maker else terms.taker)
        self.cash -= fee
        rate = terms.maintenance_rate
        bankruptcy = price * (1 - side * margin)
        liquidation = bankruptcy + side * price * rate if terms.is_legacy else bankruptcy / (1 - side * rate)
        stop = target = None
        if terms.stop_pct is not None:
            stop = self._to_tick(price * (1 - side * terms.stop_pct / 100), up=side < 0)
        if terms.target_pct is not None:
            target = self._to_tick(price * (1 + side * terms.target_pct / 100), up=side > 0)
        self.held = Held(side, size, price, bar, stop, target, liquidation, bankruptcy, price, price)
        self.leaves_for = None
        self.fills.append(SecondFill(bar, side, price, size, fee, FillReason.ENTRY))

    def _sell(self, bar: int, reference: Decimal, reason: FillReason) -> None:
        """Leave at the market; never below the bankruptcy price."""
        held = self.held
        assert held is not None
        price = self._market(reference, -held.side)
        if held.side * (price - held.bankruptcy) < 0:
            self._take_over(bar)
        else:
            self._leave(bar, price, price * held.size * self.terms.taker, reason)

    def _take_profit(self, bar: int, reference: Decimal) -> None:
        held = self.held
        assert held is not None
        assert held.target is not None
        if self.terms.target_is_limit:
            fee = held.target * held.size * self.terms.maker
            self._leave(bar, held.target, fee, FillReason.TAKE_PROFIT)
        else:
            self._sell(bar, reference, FillReason.TAKE_PROFIT)

    def _take_over(self, bar: int) -> None:
        held = self.held
        assert held is not None
        fee = held.bankruptcy * held.size * self.terms.taker
        self._leave(bar, held.bankruptcy, fee, FillReason.LIQUIDATION)

    def _leave(self, bar: int, price: Decimal, fee: Decimal, reason: FillReason) -> None:
        held = self.held
        assert held is not None
        self.cash += held.side * held.size * (price - held.entry) - fee
        self.fills.append(SecondFill(bar, -held.side, price, held.size, fee, reason))
        self.held, self.leaves_for, self.last_exit = None, None, bar

    # The close.

    def _close(self, bar: int, close: Decimal, mark: Decimal, bits: int) -> None:
        held = self.held
        self.equity = self.cash
        if held is not None:
            self.equity += held.side * held.size * (mark - held.entry)
            self._move_stop(held)
        enters = {1: bool(bits & SignalBit.ENTER_LONG), -1: bool(bits & SignalBit.ENTER_SHORT)}
        exits = {1: bool(bits & SignalBit.EXIT_LONG), -1: bool(bits & SignalBit.EXIT_SHORT)}
        wanted = 0
        if held is not None:
            flips = self.terms.allow_flip and enters[-held.side]
            if flips or exits[held.side]:
                self.leaves_for = FillReason.SIGNAL
            elif self.terms.max_bars and bar - held.bar + 1 >= self.terms.max_bars:
                self.leaves_for = FillReason.MAX_BARS
            wanted = -held.side if flips else 0
        elif bar >= self.last_exit + self.terms.cooldown_bars and enters[1] != enters[-1]:
            wanted = 1 if enters[1] else -1
        if self.order is not None:
            wanted = self._keep_order(self.order, wanted, enters, exits)
        if wanted:
            self._place(wanted, close)

    def _keep_order(self, order: Order, wanted: int, enters: dict[int, bool], exits: dict[int, bool]) -> int:
        """Return the side to place an entry on: 0 where the one that waits is kept or nothing is wanted."""
        order.bars += 1
        if enters[-order.side] or exits[order.side] or self.leaves_for is not None:
            self.order = None
            return wanted
        if self.terms.expiry_bars and order.bars >= self.terms.expiry_bars:
            self.order = None
            return wanted
        if self.terms.reprice == Reprice.EVERY_BAR:
            return order.side
        return wanted if self.terms.reprice == Reprice.ON_SIGNAL and wanted == order.side else 0

    def _place(self, side: int, close: Decimal) -> None:
        before, self.order = self.order, None
        price = close
        if self.terms.entry != EntryKind.MARKET:
            away = side if self.terms.entry == EntryKind.STOP else -side
            price = self._to_tick(close * (1 + away * self.terms.offset_pct / 100), up=away > 0)
        if price <= 0:
            return
        size = self.equity * self.terms.equity_pct / 100 * self.terms.leverage / price
        if size > 0:
            self.order = Order(side, price, size)
            if before is not None and self.terms.reprice == Reprice.EVERY_BAR:
                self.order = replace(self.order, bars=before.bars)

    def _move_stop(self, held: Held) -> None:
        terms = self.terms
        best = held.highest if held.side > 0 else held.lowest
        profit_pct = held.side * (best - held.entry) / held.entry * 100
        if terms.break_even_from_pct is not None and profit_pct >= terms.break_even_from_pct:
            self._tighten(held, held.entry, FillReason.BREAK_EVEN)
        if terms.stop_pct is None or terms.trails_from_pct is None or profit_pct < terms.trails_from_pct:
            return
        self._tighten(held, best * (1 - held.side * terms.stop_pct / 100), FillReason.TRAILING_STOP)

    def _tighten(self, held: Held, level: Decimal, reason: FillReason) -> None:
        level = self._to_tick(level, up=held.side < 0)
        if level > 0 and (held.stop is None or held.side * (level - held.stop) > 0):
            held.stop, held.stop_reason = level, reason
