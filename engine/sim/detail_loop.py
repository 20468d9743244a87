"""The compiled loop over finer bars: decisions at exec closes, everything else on the finer bars inside."""

from __future__ import annotations

from engine.compiled import compiled_bare
from engine.sim.loop import BarArrays, Curves, skip_quiet_bars
from engine.sim.records import BarValues, Books, Floats, FundingArrays, Integers, Records, SignalBits
from engine.sim.step import advance_bar, room_for_fills


@compiled_bare
def run_detailed_bars(
    first: int,
    last: int,
    wallets: Records,
    positions: Records,
    contract: Records,
    tiers: Floats,
    bars: BarArrays,
    bar_ms: int,
    finer: BarArrays,
    finer_ms: int,
    first_finer: Integers,
    signals: SignalBits,
    features: Floats,
    funding: FundingArrays,
    books: Books,
    curves: Curves,
) -> int:
    """Run from step `first` to the end of bar `last` - 1 and return the step to go on with.

    Steps count the finer bars there would be if all were there: step s belongs to exec bar s // n, where n is
    bar_ms // finer_ms. `first_finer` is -1 where an exec bar runs as it is. Stops as `run_bars` does, where
    room is missing also before a finer bar.
    """
    wallet, position, rules = wallets[0], positions[0], contract[0]
    needed = room_for_fills(tiers)
    has_book = curves.position_size.shape[0] > 0
    per_bar = bar_ms // finer_ms
    bar, piece = first // per_bar, first % per_bar
    while bar < last:
        if piece == 0 and position.order_side == 0:
            bar = skip_quiet_bars(
                bar, last, wallet, position, rules, bars, bar_ms, signals, features, curves, True
            )
            if bar == last:
                break
        arrays, length_ms, row, pieces = bars, bar_ms, bar, 1
        if first_finer[bar] >= 0:
            arrays, length_ms, row, pieces = finer, finer_ms, first_finer[bar], per_bar
        while piece < pieces:
            if wallet.fills + needed > books.fills.shape[0] or wallet.trades + 4 > books.trades.shape[0]:
                return bar * per_bar + piece
            at = row + piece
            closes = piece == pieces - 1
            values = BarValues(
                bar,
                bars.ts_open[bar],
                arrays.ts_open[at],
                arrays.ts_open[at] + length_ms,
                arrays.open[at],
                arrays.high[at],
                arrays.low[at],
                arrays.close[at],
                arrays.mark_open[at],
                arrays.mark_high[at],
                arrays.mark_low[at],
                arrays.mark_close[at],
                arrays.volume[at],
                arrays.is_filled[at],
                closes,
            )
            # Inside the bar only the features of the one before are known. The first has none before it, and
            # no position either.
            known = bar if closes else max(bar - 1, 0)
            advance_bar(wallet, position, rules, tiers, values, signals[bar], features, known, funding, books)
            piece += 1
        curves.equity[bar] = wallet.equity
        if has_book:
            curves.position_size[bar] = position.direction * position.quantity
            curves.used_margin[bar] = position.used_margin
        bar += 1
        piece = 0
        if wallet.stop_reason != 0:
            break
    return bar * per_bar
