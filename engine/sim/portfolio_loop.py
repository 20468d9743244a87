"""The compiled loop of a portfolio: the phases of a bar, member by member, on one wallet.

Between two moments at which anything can happen to anybody nothing is looked at but the marks: a member
without a position sleeps until its next signal, one with a position until a bar that may reach a level.

The functions are compiled into the loop: handing the arrays of all members on takes longer than most of what
is done with them.
"""

from __future__ import annotations

from engine.compiled import compiled_bare, compiled_inline
from engine.sim.closing import close_at_end
from engine.sim.decisions import decide
from engine.sim.entries import enter_at_open
from engine.sim.exits import NOTHING, event_at_open, leave_at_open
from engine.sim.loop import skip_quiet_bars
from engine.sim.portfolio_records import UNKNOWN, MemberTerms, PortfolioCurves, Standing, Stretch
from engine.sim.records import NEVER, BarValues, Books, FundingArrays, Integers, Records
from engine.sim.state import SignalBit, StopReason
from engine.sim.step import mark_bar, open_bar, trade_bar

_BLOWN, _BELOW_MIN_TRADE = int(StopReason.ACCOUNT_BLOWN), int(StopReason.BELOW_MIN_TRADE)
# What can wake a member that holds nothing: an exit has nothing to leave.
_ENTRIES = int(SignalBit.ENTER_LONG) | int(SignalBit.ENTER_SHORT)
# The phases of a bar, in their order.
_OPEN, _ENTER, _TRADE, _MARK, _DECIDE, _END = range(6)


@compiled_bare
def run_stretch(
    first: int,
    bar_ms: int,
    wallets: Records,
    quiet_wallets: Records,  # an account without cash: what `skip_quiet_bars` writes is then unrealised PnL
    positions: Records,
    terms: MemberTerms,
    stretch: Stretch,
    standing: Standing,
    books: Books,
    rejects: Integers,  # int64[m, reasons]
    curves: PortfolioCurves,
) -> int:
    """Run the stretch from its time `first` on and return the time to go on with.

    Stops before a time that might not find room in the books, and after one that ends the run.
    """
    wallet = wallets[0]
    members, last = positions.shape[0], stretch.times.shape[0]
    awake = 0
    for member in range(members):
        if standing.wakes[member] == UNKNOWN:
            standing.awake[awake] = member
            awake += 1
    time = first
    while True:
        for at in range(awake):
            _sleep(standing.awake[at], bar_ms, quiet_wallets[0], positions, terms, stretch, standing)
        awake = 0
        if time == last or wallet.stop_reason != 0:
            return time
        now = last
        for member in range(members):
            now = min(now, standing.wakes[member])
        if standing.counts[0] == 0 and wallet.cash < terms.smallest_margin:
            now = time
        if now > time:
            _pass_over(time, now, wallet, stretch, standing, curves)
            time = now
            continue
        if wallet.fills + terms.fills_needed > books.fills.shape[0]:
            return time
        if wallet.trades + 4 * members > books.trades.shape[0]:
            return time
        for member in range(members):
            if standing.wakes[member] == time:
                standing.awake[awake] = member
                awake += 1
        _advance(time, awake, bar_ms, wallet, positions, terms, stretch, standing, books, rejects, curves)
        time += 1


@compiled_inline
def _sleep(
    member: int,
    bar_ms: int,
    quiet_wallet: Records,
    positions: Records,
    terms: MemberTerms,
    stretch: Stretch,
    standing: Standing,
) -> None:
    """Find the next of the member's bars at which anything may happen to it."""
    position, rules = positions[member], terms.contracts[member]
    stop = stretch.stop[member]
    row = standing.row[member]
    # The last bar of all is never passed over: what is open is closed there.
    end = stop - 1 if stretch.ends[member] else stop
    if position.order_side == 0 and row < end:
        if position.direction != 0:
            # Rows are what `skip_quiet_bars` counts bars by.
            shift = stretch.first_bar[member] - stretch.start[member]
            position.entry_bar -= shift
            row = skip_quiet_bars(
                row,
                end,
                quiet_wallet,
                position,
                rules,
                stretch.bars,
                bar_ms,
                stretch.signals,
                stretch.features,
                stretch.quiet,
                False,
            )
            position.entry_bar += shift
        else:
            while row < end and (stretch.signals[row] & _ENTRIES) == 0:
                row += 1
            standing.row[member] = row
    standing.wakes[member] = _time_of(row, member, stretch) if row < stop else NEVER


@compiled_inline
def _time_of(row: int, member: int, stretch: Stretch) -> int:
    """Return which time of the stretch a row belongs to."""
    low, high = row - stretch.start[member], stretch.times.shape[0] - (stretch.stop[member] - row)
    ts = stretch.bars.ts_open[row]
    while low < high:
        middle = (low + high) // 2
        if stretch.times[middle] < ts:
            low = middle + 1
        else:
            high = middle
    return low


@compiled_inline
def _pass_over(
    time: int, until: int, wallet: Records, stretch: Stretch, standing: Standing, curves: PortfolioCurves
) -> None:
    """Write the curves over times at which nobody needs a look."""
    for at in range(time, until):
        curves.equity[at] = 0.0
        curves.exposure[at] = 0.0
    margin, count = 0.0, 0
    for holder in range(standing.counts[0]):
        member = standing.holders[holder]
        size = standing.size[member]
        if size == 0.0:
            continue
        margin += standing.margin[member]
        count += 1
        row, stop = standing.row[member], stretch.stop[member]
        unrealised, value = standing.unrealised[member], abs(size) * standing.close[member]
        close = standing.close[member]
        for at in range(time, until):
            if row < stop and stretch.bars.ts_open[row] == stretch.times[at]:
                unrealised, close = stretch.quiet.equity[row], stretch.bars.close[row]
                value = abs(size) * close
                row += 1
            curves.equity[at] += unrealised
            curves.exposure[at] += value
        standing.row[member], standing.unrealised[member], standing.close[member] = row, unrealised, close
    for at in range(time, until):
        curves.equity[at] = wallet.cash + curves.equity[at]
        curves.used_margin[at] = margin
        curves.open_positions[at] = count
    wallet.equity = curves.equity[until - 1]


@compiled_inline
def _advance(
    time: int,
    awake: int,
    bar_ms: int,
    wallet: Records,
    positions: Records,
    terms: MemberTerms,
    stretch: Stretch,
    standing: Standing,
    books: Books,
    rejects: Integers,
    curves: PortfolioCurves,
) -> None:
    """Let one time act on those who are awake, phase by phase, in the order of priority within each.

    The order of events is that of `engine.sim.step`. What a phase of one member leaves of balance and free
    positions is what the next one finds.
    """
    for phase in range(_OPEN, _END + 1):
        if phase == _MARK:
            _mark_all(time, awake, bar_ms, wallet, positions, terms, stretch, standing, curves)
            if curves.open_positions[time] == 0 and wallet.equity < terms.smallest_margin:
                wallet.stop_reason = _BELOW_MIN_TRADE if wallet.equity > 0.0 else _BLOWN
            continue
        for at in range(awake):
            member = standing.awake[at]
            _play(phase, member, bar_ms, wallet, positions, terms, stretch, standing, books, rejects)
    for at in range(awake):
        standing.row[standing.awake[at]] += 1
    _write(time, wallet, standing, curves)


@compiled_inline
def _play(
    phase: int,
    member: int,
    bar_ms: int,
    wallet: Records,
    positions: Records,
    terms: MemberTerms,
    stretch: Stretch,
    standing: Standing,
    books: Books,
    rejects: Integers,
) -> None:
    """Play one phase of a member's bar, and note where that leaves it."""
    position, rules, row = positions[member], terms.contracts[member], standing.row[member]
    has_order = position.order_side != 0
    is_last = stretch.ends[member] and row == stretch.stop[member] - 1
    if position.direction == 0 and not has_order and not (phase == _DECIDE and stretch.signals[row] != 0):
        return
    if (phase == _ENTER and not has_order) or (phase == _END and not is_last):
        return
    tiers = terms.tiers[terms.tier_start[member] : terms.tier_start[member + 1]]
    first, after = terms.funding_start[member], terms.funding_start[member + 1]
    events = terms.funding
    funding = FundingArrays(events.ts[first:after], events.rate[first:after], events.mark_price[first:after])
    member_books = Books(books.fills, books.trades, books.payments, rejects[member])
    bar = _bar(row, member, bar_ms, stretch)
    wallet.other_margin = _locked_by_others(member, standing)
    if phase == _OPEN:
        open_bar(wallet, position, rules, tiers, bar, funding, member_books)
    elif phase == _ENTER:
        enter_at_open(wallet, position, rules, tiers, bar, member_books)
        if position.direction != 0 and event_at_open(position, rules, bar) != NOTHING:
            leave_at_open(wallet, position, rules, tiers, bar, member_books)
    elif phase == _TRADE:
        trade_bar(wallet, position, rules, tiers, bar, funding, member_books)
    elif phase == _DECIDE:
        signals = stretch.signals[row]
        decide(wallet, position, rules, bar.bar, bar.close, signals, stretch.features, row, rejects[member])
    else:
        close_at_end(wallet, position, rules, tiers, bar, member_books)
        standing.unrealised[member] = 0.0
    _note(member, position, standing)


@compiled_inline
def _mark_all(
    time: int,
    awake: int,
    bar_ms: int,
    wallet: Records,
    positions: Records,
    terms: MemberTerms,
    stretch: Stretch,
    standing: Standing,
    curves: PortfolioCurves,
) -> None:
    """Mark every position: of those asleep the marks were found when they fell asleep."""
    for at in range(awake):
        member = standing.awake[at]
        row, position = standing.row[member], positions[member]
        standing.close[member] = stretch.bars.close[row]
        if position.direction != 0:
            bar = _bar(row, member, bar_ms, stretch)
            mark_bar(position, terms.contracts[member], bar, stretch.features, row)
        standing.unrealised[member] = position.unrealised
    for holder in range(standing.counts[0]):
        member = standing.holders[holder]
        row = standing.row[member]
        if standing.wakes[member] == time or row == stretch.stop[member]:
            continue
        if stretch.bars.ts_open[row] == stretch.times[time]:
            standing.unrealised[member] = stretch.quiet.equity[row]
            standing.close[member] = stretch.bars.close[row]
            standing.row[member] = row + 1
    _write(time, wallet, standing, curves)


@compiled_inline
def _write(time: int, wallet: Records, standing: Standing, curves: PortfolioCurves) -> None:
    """Sum up the wallet and write it down."""
    unrealised, margin, exposure, count = 0.0, 0.0, 0.0, 0
    for holder in range(standing.counts[0]):
        member = standing.holders[holder]
        if standing.size[member] != 0.0:
            unrealised += standing.unrealised[member]
            margin += standing.margin[member]
            exposure += abs(standing.size[member]) * standing.close[member]
            count += 1
    wallet.equity = wallet.cash + unrealised
    curves.equity[time] = wallet.equity
    curves.used_margin[time] = margin
    curves.exposure[time] = exposure
    curves.open_positions[time] = count


@compiled_inline
def _note(member: int, position: Records, standing: Standing) -> None:
    """Note where a member stands after a phase."""
    held_before = standing.size[member] != 0.0 or standing.locked[member] != 0.0
    standing.margin[member] = position.used_margin
    standing.locked[member] = position.used_margin + position.order_margin
    standing.size[member] = position.direction * position.quantity
    if held_before == (standing.size[member] != 0.0 or standing.locked[member] != 0.0):
        return
    count = 0
    for other in range(standing.size.shape[0]):
        if standing.size[other] != 0.0 or standing.locked[other] != 0.0:
            standing.holders[count] = other
            count += 1
    standing.counts[0] = count


@compiled_inline
def _locked_by_others(member: int, standing: Standing) -> float:
    locked = 0.0
    for holder in range(standing.counts[0]):
        if standing.holders[holder] != member:
            locked += standing.locked[standing.holders[holder]]
    return locked


@compiled_inline
def _bar(row: int, member: int, bar_ms: int, stretch: Stretch) -> BarValues:
    bars = stretch.bars
    return BarValues(
        row - stretch.start[member] + stretch.first_bar[member],
        bars.ts_open[row],
        bars.ts_open[row],
        bars.ts_open[row] + bar_ms,
        bars.open[row],
        bars.high[row],
        bars.low[row],
        bars.close[row],
        bars.mark_open[row],
        bars.mark_high[row],
        bars.mark_low[row],
        bars.mark_close[row],
        bars.volume[row],
        bars.is_filled[row],
        True,
    )
