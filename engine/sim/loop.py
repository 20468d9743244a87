"""The compiled bar loop: `advance_bar` over arrays."""

from __future__ import annotations

from typing import NamedTuple

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.records import BarValues, Books, Flags, Floats, FundingArrays, Integers, Records, SignalBits
from engine.sim.state import DistanceKind, SignalBit
from engine.sim.step import advance_bar, room_for_fills
from engine.sim.trailing import move_stop

_ENTER_LONG, _EXIT_LONG = int(SignalBit.ENTER_LONG), int(SignalBit.EXIT_LONG)
_ENTER_SHORT, _EXIT_SHORT = int(SignalBit.ENTER_SHORT), int(SignalBit.EXIT_SHORT)

_FEATURE_MULTIPLE = int(DistanceKind.FEATURE_MULTIPLE)


class BarArrays(NamedTuple):
    """Bars as arrays of one length; see `engine.sim.market.MarketBars`."""

    ts_open: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    mark_open: Floats
    mark_high: Floats
    mark_low: Floats
    mark_close: Floats
    volume: Floats
    is_filled: Flags


class Curves(NamedTuple):
    """What is written at each close: float64[n], or float64[0] where it is not wanted."""

    equity: Floats
    position_size: Floats
    used_margin: Floats
    first_bar: int  # the bar of `equity[0]`


@compiled_bare
def run_bars(
    first: int,
    last: int,
    wallets: Records,
    positions: Records,
    contract: Records,
    tiers: Floats,
    bars: BarArrays,
    bar_ms: int,
    signals: SignalBits,
    features: Floats,
    funding: FundingArrays,
    books: Books,
    curves: Curves,
) -> int:
    """Run bars `first` … `last` - 1 of an account and return the bar to go on with; see `run_account`."""
    return run_account(
        first,
        last,
        wallets[0],
        positions[0],
        contract[0],
        tiers,
        bars,
        bar_ms,
        signals,
        features,
        funding,
        books,
        curves,
    )


@compiled_inline
def run_account(
    first: int,
    last: int,
    wallet: Records,
    position: Records,
    rules: Records,
    tiers: Floats,
    bars: BarArrays,
    bar_ms: int,
    signals: SignalBits,
    features: Floats,
    funding: FundingArrays,
    books: Books,
    curves: Curves,
) -> int:
    """Run bars `first` … `last` - 1 and return the bar to go on with.

    Stops before a bar that might not find room in the books, so that the caller can make room and go on, and
    after a bar that ends the run (`stop_reason` in the wallet).
    """
    needed = room_for_fills(tiers)
    has_book = curves.position_size.shape[0] > 0
    bar = first
    while bar < last:
        if position.order_side == 0:
            bar = skip_quiet_bars(
                bar, last, wallet, position, rules, bars, bar_ms, signals, features, curves, False
            )
            if bar == last:
                return bar
        if wallet.fills + needed > books.fills.shape[0] or wallet.trades + 4 > books.trades.shape[0]:
            return bar
        values = bar_at(bars, bar, bar_ms)
        advance_bar(wallet, position, rules, tiers, values, signals[bar], features, bar, funding, books)
        curves.equity[bar - curves.first_bar] = wallet.equity
        if has_book:
            curves.position_size[bar] = position.direction * position.quantity
            curves.used_margin[bar] = position.used_margin
        bar += 1
        if wallet.stop_reason != 0:
            return bar
    return last


@compiled_inline
def bar_at(bars: BarArrays, bar: int, bar_ms: int) -> BarValues:
    """Return an exec bar that has no finer bars inside it."""
    return BarValues(
        bar,
        bars.ts_open[bar],
        bars.ts_open[bar],
        bars.ts_open[bar] + bar_ms,
        bars.open[bar],
        bars.high[bar],
        bars.low[bar],
        bars.close[bar],
        bars.mark_open[bar],
        bars.mark_high[bar],
        bars.mark_low[bar],
        bars.mark_close[bar],
        bars.volume[bar],
        bars.is_filled[bar],
        True,
    )


@compiled_inline
def skip_quiet_bars(
    bar: int,
    last: int,
    wallet: Records,
    position: Records,
    rules: Records,
    bars: BarArrays,
    bar_ms: int,
    signals: SignalBits,
    features: Floats,
    curves: Curves,
    has_finer: bool,
) -> int:
    """Write the curves over bars in which nothing can happen, and return the first that may be otherwise.

    It decides nothing: what it may pass over is by definition what `advance_bar` would leave as it is.
    Where a bar `has_finer` bars inside it, one that moves a stop before its close is not passed over.
    """
    if position.direction != 0:
        return _skip_held(
            bar, last, wallet, position, rules, bars, bar_ms, signals, features, curves, has_finer
        )
    cash = wallet.cash
    if cash < rules.smallest_margin:
        return bar
    # Without a position, an order or an entry's signal. Funding events that nobody pays are passed over by
    # the next bar that is advanced.
    watched = (_ENTER_LONG if rules.allow_long != 0 else 0) | (_ENTER_SHORT if rules.allow_short != 0 else 0)
    has_book = curves.position_size.shape[0] > 0
    bar = max(bar, 0)
    while bar < last and (signals[bar] & watched) == 0:
        curves.equity[bar - curves.first_bar] = cash
        if has_book:
            curves.position_size[bar] = 0.0
            curves.used_margin[bar] = 0.0
        bar += 1
    return bar


@compiled_inline
def _skip_held(
    bar: int,
    last: int,
    wallet: Records,
    position: Records,
    rules: Records,
    bars: BarArrays,
    bar_ms: int,
    signals: SignalBits,
    features: Floats,
    curves: Curves,
    has_finer: bool,
) -> int:
    """Pass over the bars whose range reaches no level and whose close asks for nothing."""
    if position.pending_exit != 0:
        return bar
    # A stop moves with a new best price; one that is a multiple of a feature moves with that as well.
    moves = rules.trails != 0 or rules.moves_to_break_even != 0
    always_moves = rules.trails != 0 and rules.stop_kind == _FEATURE_MULTIPLE
    stops_at_new_best = moves and has_finer
    side = position.direction
    end = min(last, _last_quiet_bar(bar, position, rules, bars.ts_open, last, bar_ms))
    watched = _watched_bits(position, rules)
    stop, target, liquidation = position.stop_price, position.target_price, position.liquidation_price
    best_seen = position.highest_price if side > 0 else position.lowest_price
    worst_seen = position.lowest_price if side > 0 else position.highest_price
    best_price = bars.high if side > 0 else bars.low
    worst_price = bars.low if side > 0 else bars.high
    worst_mark = bars.mark_low if side > 0 else bars.mark_high
    signed, entry, cash, unrealised = side * position.quantity, position.entry_price, wallet.cash, 0.0
    has_book = curves.position_size.shape[0] > 0
    bar = max(bar, 0)
    first = bar
    while bar < end:
        best, worst = best_price[bar], worst_price[bar]
        # Comparisons with a level that is not set (NaN) are false.
        if side * (worst - stop) <= 0.0 or side * (best - target) >= 0.0:
            break
        if side * (worst_mark[bar] - liquidation) <= 0.0 or (signals[bar] & watched) != 0:
            break
        is_new_best = side * (best - best_seen) > 0.0
        if is_new_best:
            if stops_at_new_best:
                break
            best_seen = best
        if side * (worst - worst_seen) < 0.0:
            worst_seen = worst
        if always_moves or (moves and is_new_best):
            if side > 0:
                position.highest_price = best_seen
            else:
                position.lowest_price = best_seen
            move_stop(position, rules, features, bar)
            stop = position.stop_price
        unrealised = signed * (bars.mark_close[bar] - entry)
        curves.equity[bar - curves.first_bar] = cash + unrealised
        if has_book:
            curves.position_size[bar] = signed
            curves.used_margin[bar] = position.used_margin
        bar += 1
    if bar > first:
        position.highest_price = best_seen if side > 0 else worst_seen
        position.lowest_price = worst_seen if side > 0 else best_seen
        position.unrealised = unrealised
        wallet.equity = cash + unrealised
    return bar


@compiled_inline
def _watched_bits(position: Records, rules: Records) -> int:
    """Return the signals that mean something to the open position."""
    is_long = position.direction > 0
    bits = _EXIT_LONG if is_long else _EXIT_SHORT
    if rules.allow_flip != 0:
        bits |= _ENTER_SHORT if is_long else _ENTER_LONG
    if position.adds < rules.max_adds:
        bits |= _ENTER_LONG if is_long else _ENTER_SHORT
    return bits


@compiled_inline
def _last_quiet_bar(
    bar: int, position: Records, rules: Records, ts_open: Integers, last: int, bar_ms: int
) -> int:
    """Return the bar before which neither funding is due nor the position's time is up."""
    end = last
    if rules.max_bars != 0:
        end = min(end, position.entry_bar + rules.max_bars - 1)
    if rules.time_stop_bars != 0:
        end = min(end, position.entry_bar + rules.time_stop_bars - 1)
    # On a grid without holes this is the bar the event falls into; holes can only bring it nearer.
    end = min(end, bar + max(0, (position.next_funding_ts - ts_open[bar]) // bar_ms))
    while end > bar and ts_open[end - 1] + bar_ms > position.next_funding_ts:
        end -= 1
    return end
