"""One bar of the exchange: the rules of simulation (DESIGN, section 5), written once.

`advance_bar` is the only way an account moves. The compiled loop, the loop over finer bars, the step-by-step
`SimulatedExchange` and plain Python all call it; a portfolio calls its parts in turn for each position. The
order of events inside the bar that opens at T:

1. funding stamped T, on the position held into T;
2. at the open: liquidation if the mark opens beyond the liquidation price, stops and targets the open has
   jumped over, what was decided at the previous close: exits before entries;
3. inside the bar: funding stamped after T, then the nearest level in the way of price; of a stop and a
   target both in range the stop, and the trade is marked ambiguous;
4. the close: mark to market, stops that trail, and decisions for the next open.
"""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.bracket import aim
from engine.sim.closing import see
from engine.sim.decisions import decide
from engine.sim.entries import enter_at_open, enter_inside, order_reached
from engine.sim.exits import NOTHING, event_at_open, event_inside, leave_at_open, leave_inside
from engine.sim.records import BarValues, Books, Floats, FundingArrays, Integers, Records
from engine.sim.settlement import settle_funding
from engine.sim.state import EntryKind, FillReason, StopReason
from engine.sim.trailing import move_stop

_BLOWN, _BELOW_MIN_TRADE = int(StopReason.ACCOUNT_BLOWN), int(StopReason.BELOW_MIN_TRADE)
_LIMIT = int(EntryKind.LIMIT)
_TAKE_PROFIT, _STOP_LOSS = int(FillReason.TAKE_PROFIT), int(FillReason.STOP_LOSS)


@compiled_inline
def advance_bar(
    wallet: Records,  # one record of WALLET_DTYPE, changed in place
    position: Records,  # one record of POSITION_DTYPE, changed in place
    rules: Records,  # one record of RULES_DTYPE
    tiers: Floats,  # float64[n, 4]: limit, maintenance rate, deduction, maximum leverage
    bar: BarValues,
    signals: int,  # SignalBits that hold at this bar's close
    features: Floats,  # float64[k, n]: what the orders look at
    column: int,  # of `features`: what is known at this bar's close
    funding: FundingArrays,
    books: Books,
) -> None:
    """Advance an account with one position by one bar.

    There must be room in the books: `room_for_fills` fills, four trades, and every funding event up to the
    bar's close.
    """
    open_bar(wallet, position, rules, tiers, bar, funding, books)
    if position.order_side != 0:
        enter_bar(wallet, position, rules, tiers, bar, books)
    trade_bar(wallet, position, rules, tiers, bar, funding, books)
    mark_bar(position, rules, bar, features, column)
    wallet.equity = wallet.cash + position.unrealised + wallet.other_unrealised
    if bar.closes:
        close_bar(wallet, position, rules, bar, signals, features, column, books.rejects)


@compiled_inline
def open_bar(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    funding: FundingArrays,
    books: Books,
) -> None:
    """1 and the exits of 2: funding at the open, and what the open does to the position."""
    if position.next_funding_ts <= bar.ts_open:
        settle_funding(wallet, position, rules, tiers, bar.ts_open + 1, funding, books)
    if position.direction != 0 and event_at_open(position, rules, bar) != NOTHING:
        leave_at_open(wallet, position, rules, tiers, bar, books)


@compiled_inline
def enter_bar(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """The entries of 2. A resting order fills on the way of a gap, which may end beyond its stop: out."""
    enter_at_open(wallet, position, rules, tiers, bar, books)
    if position.direction != 0 and event_at_open(position, rules, bar) != NOTHING:
        leave_at_open(wallet, position, rules, tiers, bar, books)


@compiled_inline
def trade_bar(
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bar: BarValues,
    funding: FundingArrays,
    books: Books,
) -> None:
    """3: everything inside the bar."""
    if position.next_funding_ts < bar.ts_close:
        settle_funding(wallet, position, rules, tiers, bar.ts_close, funding, books)
    if order_reached(position, rules, bar):
        _trade_with_order(wallet, position, rules, tiers, bar, books)
    elif position.direction != 0:
        worst, best, worst_mark = _ends(position.direction, bar)
        if event_inside(position, rules, worst, best, worst_mark) == NOTHING:
            see(position, best)
            see(position, worst)
        else:
            _leave_in_range(wallet, position, rules, tiers, bar, books)


@compiled_inline
def _ends(side: int, bar: BarValues) -> tuple[float, float, float]:
    """Return the worst and the best price of the bar and its worst mark price, as the side sees them."""
    if side > 0:
        return bar.low, bar.high, bar.mark_low
    return bar.high, bar.low, bar.mark_high


@compiled_bare
def _leave_in_range(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Let the bar's whole range act on a position that was there at its open."""
    # What happens after the exit does not count; what came before it is unknown but for the open.
    see(position, bar.open)
    worst, best, worst_mark = _ends(position.direction, bar)
    leave_inside(wallet, position, rules, tiers, bar, worst, best, worst_mark, worst, worst_mark, best, books)


@compiled_bare
def _trade_with_order(
    wallet: Records, position: Records, rules: Records, tiers: Floats, bar: BarValues, books: Books
) -> None:
    """Fill a resting entry inside the bar, and let what is left of the bar act on the position.

    A limit is reached on the way to the bar's worst end, so that end is certain afterwards, and of the best
    end only what the close shows. A stop is reached on the way to the best end; whether the worst end came
    before or after is unknown, and after is assumed.
    """
    if position.direction != 0:
        worst, best, worst_mark = _ends(position.direction, bar)
        event = event_inside(position, rules, worst, best, worst_mark)
        if event != NOTHING and not _order_is_nearer(position, rules, event):
            _leave_in_range(wallet, position, rules, tiers, bar, books)
            return
        see(position, bar.open)
    side = position.order_side
    fills = wallet.fills
    enter_inside(wallet, position, rules, tiers, bar, books)
    if position.direction == 0:
        return
    worst, best, worst_mark = _ends(position.direction, bar)
    if wallet.fills == fills:
        # The order was refused: the bar is as any other.
        leave_inside(
            wallet, position, rules, tiers, bar, worst, best, worst_mark, worst, worst_mark, best, books
        )
        return
    certain_worst, certain_worst_mark, possible_best = worst, worst_mark, best
    if rules.entry_kind == _LIMIT:
        reached = position.order_price
        best = max(reached, bar.close) if side > 0 else min(reached, bar.close)
    else:
        certain_worst, certain_worst_mark = bar.close, bar.mark_close
    leave_inside(
        wallet,
        position,
        rules,
        tiers,
        bar,
        worst,
        best,
        worst_mark,
        certain_worst,
        certain_worst_mark,
        possible_best,
        books,
    )


@compiled_bare
def _order_is_nearer(position: Records, rules: Records, event: int) -> bool:
    """Return whether price meets the entry that rests on its way to what happens to the position."""
    side = position.direction
    if event == _TAKE_PROFIT:
        return rules.entry_kind != _LIMIT and side * (position.target_price - position.order_price) > 0.0
    level = position.stop_price if event == _STOP_LOSS else position.liquidation_price
    return rules.entry_kind == _LIMIT and side * (position.order_price - level) > 0.0


@compiled_inline
def mark_bar(position: Records, rules: Records, bar: BarValues, features: Floats, column: int) -> None:
    """4, first half: mark to market, and move the stops that move."""
    if position.direction != 0:
        position.unrealised = position.direction * position.quantity * (bar.mark_close - position.entry_price)
        if rules.trails != 0 or rules.moves_to_break_even != 0:
            move_stop(position, rules, features, column)
        if rules.target_count != 0 and np.isnan(position.target_price):
            aim(position, rules)  # what the bar's volume did not take is asked for again


@compiled_inline
def close_bar(
    wallet: Records,
    position: Records,
    rules: Records,
    bar: BarValues,
    signals: int,
    features: Floats,
    column: int,
    rejects: Integers,
) -> None:
    """4, second half: what is decided at an exec bar's close."""
    if position.direction == 0 and wallet.other_margin == 0.0 and wallet.equity < rules.smallest_margin:
        wallet.stop_reason = _BELOW_MIN_TRADE if wallet.equity > 0.0 else _BLOWN
    if position.direction != 0 or signals != 0 or position.order_side != 0:
        decide(wallet, position, rules, bar.bar, bar.close, signals, features, column, rejects)


@compiled_bare
def room_for_fills(tiers: Floats) -> int:
    """Return how many fills one bar can write at most: a step down each tier, a ladder, and the orders."""
    return 2 * tiers.shape[0] + 24
