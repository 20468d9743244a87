"""The compiled bar loop: `advance_bar` over arrays."""

from __future__ import annotations

from engine.compiled import compiled
from engine.sim.state import Flags, Floats, Integers, Records, SignalBits
from engine.sim.step import advance_bar


@compiled
def run_bars(
    first: int,
    last: int,
    account: Records,
    contract: Records,
    tiers: Floats,
    ts_open: Integers,
    bar_ms: int,
    open_price: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    mark_open: Floats,
    mark_high: Floats,
    mark_low: Floats,
    mark_close: Floats,
    is_filled: Flags,
    signals: SignalBits,
    stop_feature: Floats,
    target_feature: Floats,
    funding_ts: Integers,
    funding_rate: Floats,
    funding_mark: Floats,
    fills: Records,
    trades: Records,
    payments: Records,
    rejects: Integers,
    equity: Floats,
    position_size: Floats,
    used_margin: Floats,
) -> int:
    """Run bars `first` … `last` - 1 and return the bar to go on with.

    Stops before a bar that might not find room in `fills` or `trades`, so that the caller can make room and
    go on, and after a bar that ends the run (`stop_reason` in the account).
    """
    state = account[0]
    has_stop_feature = stop_feature.shape[0] > 0
    has_target_feature = target_feature.shape[0] > 0
    bar = first
    while bar < last:
        if state.direction == 0 and state.pending_entry == 0 and state.cash >= contract[0].smallest_margin:
            # Without a position, an order or a signal nothing can happen to the account. Funding events
            # that nobody pays are passed over by the next bar that is advanced.
            cash = state.cash
            while bar < last and signals[bar] == 0:
                equity[bar] = cash
                position_size[bar] = 0.0
                used_margin[bar] = 0.0
                bar += 1
            if bar == last:
                return bar
        if state.fills + 4 > fills.shape[0] or state.trades + 2 > trades.shape[0]:
            return bar
        advance_bar(
            account,
            contract,
            tiers,
            bar,
            ts_open[bar],
            ts_open[bar] + bar_ms,
            open_price[bar],
            high[bar],
            low[bar],
            close[bar],
            mark_open[bar],
            mark_high[bar],
            mark_low[bar],
            mark_close[bar],
            is_filled[bar],
            signals[bar],
            stop_feature[bar] if has_stop_feature else 0.0,
            target_feature[bar] if has_target_feature else 0.0,
            funding_ts,
            funding_rate,
            funding_mark,
            fills,
            trades,
            payments,
            rejects,
        )
        equity[bar] = state.equity
        position_size[bar] = state.direction * state.quantity
        used_margin[bar] = state.used_margin
        bar += 1
        if state.stop_reason != 0:
            return bar
    return last
