"""One bar of the exchange: the rules of simulation (DESIGN, section 5), written once.

`advance_bar` is the only function that moves the account. The compiled loop, the step-by-step
`SimulatedExchange` and plain Python all call it. The order of events inside the bar that opens at T:

1. funding stamped T, on the position held into T;
2. at the open: liquidation if the mark opens beyond the liquidation price, stops and targets the open has
   jumped over, then the orders decided at the previous close, exits before entries;
3. inside the bar: funding stamped after T, then the nearest level in the way of price; of a stop and a
   target both in range the stop, and the trade is marked ambiguous;
4. the close: mark to market, stops that trail, and decisions for the next open.
"""

from __future__ import annotations

from engine.compiled import compiled_inline
from engine.sim.entries import decide, enter
from engine.sim.exits import NOTHING, event_at_open, event_inside, leave, leave_inside, see
from engine.sim.settlement import settle_funding
from engine.sim.state import Floats, Integers, Records, StopReason
from engine.sim.trailing import move_stop

_BLOWN, _BELOW_MIN_TRADE = int(StopReason.ACCOUNT_BLOWN), int(StopReason.BELOW_MIN_TRADE)


@compiled_inline
def advance_bar(
    account: Records,  # STATE_DTYPE[1], changed in place
    contract: Records,  # RULES_DTYPE[1]
    tiers: Floats,  # float64[n, 4]: limit, maintenance rate, deduction, maximum leverage
    bar: int,
    ts_open: int,
    ts_close: int,
    open_price: float,
    high: float,
    low: float,
    close: float,
    mark_open: float,
    mark_high: float,
    mark_low: float,
    mark_close: float,
    is_filled: bool,
    signals: int,  # SignalBits that hold at this bar's close
    stop_feature: float,  # the feature behind a FEATURE_MULTIPLE stop, at this bar's close
    target_feature: float,
    funding_ts: Integers,
    funding_rate: Floats,
    funding_mark: Floats,
    fills: Records,
    trades: Records,
    payments: Records,
    rejects: Integers,  # int64[RejectReason], counted in place
) -> None:
    """Advance the account by one bar.

    Market values are scalars; `account`, `fills`, `trades`, `payments` and `rejects` are written. There must
    be room for four more fills and two more trades, and for every funding event up to `ts_close`.
    """
    state = account[0]
    rules = contract[0]

    # 1. Funding at the open, on what was held into it.
    if state.next_funding_ts <= ts_open:
        settle_funding(state, rules, tiers, ts_open + 1, funding_ts, funding_rate, funding_mark, payments)

    # 2. The open.
    if state.direction != 0:
        event = event_at_open(state, rules, open_price, mark_open)
        if event != NOTHING:
            see(state, open_price)
            leave(state, rules, bar, ts_open, open_price, event, 0, fills, trades)
    if state.pending_entry != 0:
        enter(state, rules, tiers, bar, ts_open, open_price, is_filled, fills, rejects)

    # 3. Inside the bar.
    if state.next_funding_ts < ts_close:
        settle_funding(state, rules, tiers, ts_close, funding_ts, funding_rate, funding_mark, payments)
    if state.direction != 0:
        event = event_inside(state, rules, high, low, mark_high, mark_low)
        if event == NOTHING:
            see(state, high)
            see(state, low)
        else:
            leave_inside(state, rules, bar, ts_close, open_price, high, low, event, fills, trades)

    # 4. The close.
    if state.direction != 0:
        state.equity = state.cash + state.direction * state.quantity * (mark_close - state.entry_price)
        if rules.trails != 0 or rules.moves_to_break_even != 0:
            move_stop(state, rules, stop_feature)
        decide(state, rules, bar, close, signals, stop_feature, target_feature, rejects)
    else:
        state.equity = state.cash
        if state.equity < rules.smallest_margin:
            state.stop_reason = _BELOW_MIN_TRADE if state.equity > 0.0 else _BLOWN
        if signals != 0:
            decide(state, rules, bar, close, signals, stop_feature, target_feature, rejects)
